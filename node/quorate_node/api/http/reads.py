"""Reads that share a consistency barrier: all that arrive in one turn of the loop wait once, and single keys are looked up together.

A read joins a batch only before the batch's barrier has been asked for; else the barrier could be older than the read.
"""

from __future__ import annotations

import asyncio
from typing import Protocol

from quorate.wire.commands import Range
from quorate.wire.results import KeyValue, RangeResult
from quorate_node.machine.interface import Refused, TooLarge
from quorate_node.replica.service import Consistency, ReplicaService, ServiceError
from quorate_node.store.errors import StoreError
from quorate_node.telemetry.telemetry import Telemetry


class Reader(Protocol):
    """Who asked."""

    def found(self, kv: KeyValue | None, revision: int) -> None: ...
    def ranged(self, result: RangeResult) -> None: ...
    def failed(self, error: str, message: str) -> None: ...


class ReadBatcher:
    """Collects reads by (consistency, bound of staleness, timeout)."""

    def __init__(self, service: ReplicaService, telemetry: Telemetry, loop: asyncio.AbstractEventLoop) -> None:
        self._service = service
        self._telemetry = telemetry
        self._loop = loop
        self._open: dict[tuple[int, int, float], ReadBatch] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def key(self, reader: Reader, key: bytes, consistency: int, staleness_ms: int, timeout_s: float) -> None:
        batch = self._batch(consistency, staleness_ms, timeout_s)
        batch.keys.append(key)
        batch.key_readers.append(reader)

    def range(self, reader: Reader, request: Range, consistency: int, staleness_ms: int, timeout_s: float) -> None:
        if is_single_key(request):
            self.key(reader, request.key, consistency, staleness_ms, timeout_s)
            return
        self._batch(consistency, staleness_ms, timeout_s).ranges.append((reader, request))

    def _batch(self, consistency: int, staleness_ms: int, timeout_s: float) -> ReadBatch:
        name = (consistency, staleness_ms, timeout_s)
        batch = self._open.get(name)
        if batch is None:
            if not self._open:
                self._loop.call_soon(self._ask)
            batch = self._open[name] = ReadBatch(self, consistency, timeout_s)
        return batch

    def _ask(self) -> None:
        batches, self._open = self._open, {}
        now_s = self._loop.time()
        for (consistency, staleness_ms, timeout_s), batch in batches.items():
            self._service.read(consistency, batch.ready, staleness_ms_max=staleness_ms, deadline_s=now_s + timeout_s)

    def serve(self, batch: ReadBatch) -> None:
        machine = self._service.machine
        self._telemetry.api_read_batch.observe(len(batch.keys) + len(batch.ranges))
        if batch.keys:
            found = machine.get_many(batch.keys)
            revision = machine.revision
            if batch.consistency == Consistency.LEASE and not self._service.lease_holds():
                self._again(batch)
                return
            assert len(found) == len(batch.keys), "one answer a key"
            for reader, kv in zip(batch.key_readers, found, strict=True):
                reader.found(kv, revision)
            batch.key_readers = []
        ranges, batch.ranges = batch.ranges, []
        for reader, request in ranges:
            try:
                result = machine.range(request)
            except Refused as refused:
                reader.failed(refused.error, refused.message)
            except StoreError as error:
                reader.failed("StoreUnavailable", f"the state cannot be read: {error}")
            except TooLarge:
                if batch.consistency == Consistency.LEASE:  # it takes longer than a lease is sure to last
                    self.range(reader, request, Consistency.LINEARIZABLE, 0, batch.timeout_s)
                    continue
                task = self._loop.create_task(self._large(reader, request, batch.timeout_s))
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)
            else:
                if batch.consistency == Consistency.LEASE and not self._service.lease_holds():
                    self.range(reader, request, Consistency.LINEARIZABLE, 0, batch.timeout_s)
                    continue
                reader.ranged(result)

    def _again(self, batch: ReadBatch) -> None:
        """The lease ran out while the values were read: they may be stale, so ask once more, by quorum."""
        for reader, key in zip(batch.key_readers, batch.keys, strict=True):
            self.key(reader, key, Consistency.LINEARIZABLE, 0, batch.timeout_s)
        for reader, request in batch.ranges:
            self.range(reader, request, Consistency.LINEARIZABLE, 0, batch.timeout_s)

    async def _large(self, reader: Reader, request: Range, timeout_s: float) -> None:
        """A range above the synchronous chunk. Bounded as every request is, by `requests_inflight_max`."""
        try:
            async with asyncio.timeout(timeout_s):
                result = await self._service.machine.range_async(request)
        except Refused as refused:
            reader.failed(refused.error, refused.message)
        except StoreError as error:
            reader.failed("StoreUnavailable", f"the state cannot be read: {error}")
        except TimeoutError:
            reader.failed("Timeout", f"the range was not read within {timeout_s:g} s; ask for less with `limit`, or for more time")
        else:
            reader.ranged(result)


class ReadBatch:
    """Reads that wait for one barrier."""

    __slots__ = ("consistency", "key_readers", "keys", "owner", "ranges", "timeout_s")

    def __init__(self, owner: ReadBatcher, consistency: int, timeout_s: float) -> None:
        self.owner = owner
        self.consistency = consistency
        self.timeout_s = timeout_s
        self.keys: list[bytes] = []
        self.key_readers: list[Reader] = []
        self.ranges: list[tuple[Reader, Range]] = []

    def ready(self, error: ServiceError | None) -> None:
        """`ReadDone` of `ReplicaService.read`."""
        if error is not None:
            self._fail(error.error, error.message)
            return
        try:
            self.owner.serve(self)
        except StoreError as failure:
            self._fail("StoreUnavailable", f"the state cannot be read: {failure}")
        except ServiceError as failure:
            self._fail(failure.error, failure.message)

    def _fail(self, error: str, message: str) -> None:
        for reader in self.key_readers:
            reader.failed(error, message)
        for reader, _ in self.ranges:
            reader.failed(error, message)


def is_single_key(request: Range) -> bool:
    """Whether `get_many` gives what `request` asks for: one key, whole, as it is now."""
    return not (
        request.range_end
        or request.revision
        or request.keys_only
        or request.count_only
        or request.min_mod_revision
        or request.max_mod_revision
        or request.min_create_revision
        or request.max_create_revision
    )
