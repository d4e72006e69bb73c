"""Filling an empty state store from verified chunks, in order, with the whole hash checked before the state counts as one."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from quorate_node.machine.events import checked_event, pack_runs
from quorate_node.machine.interface import Refused
from quorate_node.machine.records import LOCAL_PREFIX
from quorate_node.machine.snapshot.canonical import MalformedPairs, decode_pairs
from quorate_node.machine.snapshot.manifest import Manifest, whole_hasher
from quorate_node.store.errors import Backpressure, StoreFailed
from quorate_node.store.interface import STATE_FAMILIES, StateBatch, StateStore

SLICE_PAIRS = 512
"""Pairs written between two turns of the event loop: a few milliseconds."""

META_BYTES_MAX = 64 << 20
"""The family `meta` is held in memory until the rest is verified; it has a few dozen small values."""

BACKPRESSURE_WAIT_S = 0.02
BACKPRESSURE_WAITS_MAX = 3000
"""One minute in all: a store that takes nothing for so long has failed."""

_META = STATE_FAMILIES.index("meta")
_REVISIONS = STATE_FAMILIES.index("revisions")


class Installation:
    """One run of `SnapshotSink.install`. `read` returns a verified chunk; it is called off the loop's thread."""

    def __init__(self, store: StateStore, manifest: Manifest, read: Callable[[int], bytes]) -> None:
        self._store = store
        self._manifest = manifest
        self._read = read
        self._last: tuple[int, bytes] = (-1, b"")
        self._meta: list[tuple[bytes, bytes]] = []
        self._meta_bytes = 0

    async def run(self) -> None:
        """Raises `Refused` (not canonical, wrong whole hash), `StoreFailed`, `ValueError` for a store that is not empty."""
        for name in STATE_FAMILIES:
            if any(name != "meta" or not key.startswith(LOCAL_PREFIX) for key in self._store.keys(name, b"")):
                raise ValueError(f"family {name} of the store is not empty: a snapshot is installed into a new store only")
        whole = whole_hasher(self._manifest.header)
        for number in range(len(self._manifest.sizes)):
            chunk = await asyncio.to_thread(self._read, number)
            whole.update(chunk)
            try:
                await self._write_chunk(chunk)
            except MalformedPairs as error:
                raise Refused("InvalidArgument", f"snapshot chunk {number} is not canonical: {error}") from error
        if whole.digest() != self._manifest.whole_hash:
            raise Refused("InvalidArgument", "the snapshot's whole hash is not that of its chunks: discard it and take another peer's")
        # failpoint: snapshot.install.before_meta, awaited
        # Last: with `meta` comes the applied index, and only now is there a state that it is true of.
        batch = self._store.batch()
        for key, value in self._meta:
            batch.put(key, value, "meta")
        await self._write(batch)
        # failpoint: snapshot.install.before_flush, awaited
        await self._flush()

    async def _write_chunk(self, chunk: bytes) -> None:
        batch, pairs = self._store.batch(), 0
        run: list[bytes] = []
        for family, key, value in decode_pairs(chunk):
            if (family, key) <= self._last:
                raise MalformedPairs(f"key {key!r} of family {STATE_FAMILIES[family]} is out of order")
            self._last = (family, key)
            if family == _META:
                self._keep_meta(key, value)
                continue
            if family == _REVISIONS:
                run += (_event(key, value), b"")
            else:
                batch.put(key, value, STATE_FAMILIES[family])
            pairs += 1
            if pairs == SLICE_PAIRS:
                pack_runs(run, batch.writes["revisions"].__setitem__)
                await self._write(batch)
                batch, run, pairs = self._store.batch(), [], 0
        if pairs:
            pack_runs(run, batch.writes["revisions"].__setitem__)
            await self._write(batch)

    def _keep_meta(self, key: bytes, value: bytes) -> None:
        self._meta_bytes += len(key) + len(value)
        if self._meta_bytes > META_BYTES_MAX:
            raise MalformedPairs(f"family meta has over {META_BYTES_MAX} bytes")
        self._meta.append((key, value))

    async def _write(self, batch: StateBatch) -> None:
        for _ in range(BACKPRESSURE_WAITS_MAX):
            try:
                self._store.write(batch)
            except Backpressure:
                await asyncio.sleep(BACKPRESSURE_WAIT_S)
                continue
            await asyncio.sleep(0)
            return
        raise _stalled()

    async def _flush(self) -> None:
        """The store may hold writes back, and meet the stall only now."""
        for _ in range(BACKPRESSURE_WAITS_MAX):
            try:
                await asyncio.to_thread(self._store.flush)
            except Backpressure:
                await asyncio.sleep(BACKPRESSURE_WAIT_S)
                continue
            return
        raise _stalled()


def _event(key: bytes, value: bytes) -> bytes:
    try:
        return checked_event(key, value)
    except ValueError as error:
        raise MalformedPairs(str(error)) from error


def _stalled() -> StoreFailed:
    waited_s = BACKPRESSURE_WAIT_S * BACKPRESSURE_WAITS_MAX
    return StoreFailed(f"the store took no write for {waited_s:.0f} s while a snapshot was installed")
