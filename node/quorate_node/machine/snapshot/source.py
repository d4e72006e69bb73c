"""The sending side: a pinned snapshot, cut into chunks, hashed once and read again chunk by chunk as peers ask for them."""

from __future__ import annotations

import asyncio
from hashlib import sha256

from quorate_node.machine.interface import Refused
from quorate_node.machine.snapshot.canonical import END, START, Position, read_pairs
from quorate_node.machine.snapshot.limits import CHUNK_BYTES_MAX, CHUNKS_MAX, SnapshotLimits
from quorate_node.machine.snapshot.manifest import SNAPSHOT_FORMAT, Manifest, SnapshotHeader, encode_manifest, whole_hasher
from quorate_node.store.errors import Damaged
from quorate_node.store.interface import StateSnapshot


class CanonicalSnapshotSource:
    """A `machine.interface.SnapshotSource` over a pinned `StateSnapshot`. Lives on the event loop's thread, inside a running loop.

    Closed by `close`, after `limits.idle_s` without a question, or after `limits.lifetime_s`; it then answers `NotReady`.
    """

    def __init__(self, snapshot: StateSnapshot, header: SnapshotHeader, limits: SnapshotLimits | None = None) -> None:
        """`header` must describe the state that `snapshot` pins: take both in the same turn of the loop."""
        self.limits = limits or SnapshotLimits()
        if not 0 < self.limits.chunk_bytes <= CHUNK_BYTES_MAX // 2:
            raise ValueError(f"snapshot chunk_bytes is {self.limits.chunk_bytes}; it must be within 1 and {CHUNK_BYTES_MAX // 2}")
        self.header = header
        self.metadata = header.metadata()
        self.prepared_bytes = 0
        """Bytes of the canonical stream that are hashed so far."""
        self._snapshot: StateSnapshot | None = snapshot
        self._manifest: Manifest | None = None
        self._encoded: bytes | None = None
        self._starts: list[Position] = []
        self._preparing = asyncio.Lock()
        self._why_closed = ""
        self._loop = asyncio.get_running_loop()
        self._idle = self._loop.call_later(self.limits.idle_s, self._expire, "nobody asked for it")
        self._end = self._loop.call_later(self.limits.lifetime_s, self._expire, "its lifetime ended")

    def manifest(self) -> bytes | None:
        return self._encoded

    @property
    def closed(self) -> bool:
        return bool(self._why_closed)

    async def prepare(self) -> bytes:
        """Read the whole snapshot once and hash it, a slice at a time. Raises `Refused("NotReady")` when closed meanwhile."""
        async with self._preparing:
            if self._encoded is None:
                self._manifest = await self._hash_all()
                self._encoded = encode_manifest(self._manifest)
            return self._encoded

    async def chunk(self, number: int) -> bytes:
        """Chunk `number`, read again from the pinned snapshot. Raises `Refused`; `Damaged` when the disk gives other bytes now."""
        await self.prepare()
        assert self._manifest is not None
        if not 0 <= number < len(self._starts):
            raise Refused("InvalidArgument", f"snapshot chunk {number} does not exist: it has {len(self._starts)} chunks from 0 on")
        data, _ = await self._read_chunk(self._starts[number])
        if sha256(data).digest() != self._manifest.chunk_hash(number):
            raise Damaged(f"snapshot chunk {number} at index {self.header.index} reads differently now: the disk is damaged")
        return data

    def close(self) -> None:
        self._expire("it was closed")

    async def _hash_all(self) -> Manifest:
        whole = whole_hasher(self.header)
        starts: list[Position] = []
        sizes: list[int] = []
        hashes: list[bytes] = []
        self.prepared_bytes = 0
        position = START
        while position != END:
            data, after = await self._read_chunk(position)
            if data:
                if len(sizes) == CHUNKS_MAX:
                    raise Refused(
                        "InvalidArgument", f"the snapshot has over {CHUNKS_MAX} chunks: raise chunk_bytes ({self.limits.chunk_bytes})"
                    )
                if len(data) > CHUNK_BYTES_MAX:
                    raise Refused(
                        "InvalidArgument", f"one pair makes a chunk of {len(data)} bytes; no receiver takes over {CHUNK_BYTES_MAX}"
                    )
                starts.append(position)
                sizes.append(len(data))
                hashes.append(sha256(data).digest())
                whole.update(data)
                self.prepared_bytes += len(data)
            position = after
        self._starts = starts
        return Manifest(SNAPSHOT_FORMAT, self.header, self.limits.chunk_bytes, tuple(sizes), b"".join(hashes), whole.digest())

    async def _read_chunk(self, position: Position) -> tuple[bytes, Position]:
        """One chunk: pairs from `position` until `chunk_bytes` is reached or passed; the loop turns between slices."""
        parts: list[bytes] = []
        left = self.limits.chunk_bytes
        while left > 0 and position != END:
            # Nothing of the snapshot is held over the await: it may be closed meanwhile.
            data, position = read_pairs(self._pinned(), self.header.compacted_revision, position, left, self.limits.slice_pairs)
            parts.append(data)
            left -= len(data)
            await asyncio.sleep(0)
        return b"".join(parts), position

    def _pinned(self) -> StateSnapshot:
        if self._snapshot is None:
            message = f"the snapshot at index {self.header.index} is gone ({self._why_closed}): ask for a new one"
            raise Refused("NotReady", message)
        self._idle.cancel()
        self._idle = self._loop.call_later(self.limits.idle_s, self._expire, f"nobody asked for it in {self.limits.idle_s} s")
        return self._snapshot

    def _expire(self, why: str) -> None:
        self._idle.cancel()
        self._end.cancel()
        if self._snapshot is not None:
            self._why_closed = why
            pinned, self._snapshot = self._snapshot, None
            pinned.close()
