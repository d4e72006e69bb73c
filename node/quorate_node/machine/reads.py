"""Reads of the applied state. The caller has waited for the consistency it wants; nothing here waits for the log."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from quorate.wire.commands import Range
from quorate.wire.results import KeyValue, LeaseListResult, LeaseResult, RangeResult
from quorate_node.machine.committed import Committed
from quorate_node.machine.interface import Refused, TooLarge
from quorate_node.machine.leases import ABSENT
from quorate_node.machine.limits import MachineLimits
from quorate_node.machine.past import items_at
from quorate_node.machine.ranges import Steps, checked_revision, matches, range_steps, single_result, sorts
from quorate_node.machine.records import U64, key_only, key_value
from quorate_node.machine.scan import StoreSource, bounds
from quorate_node.store.interface import StateReader

STREAM_CHUNK_BYTES = 1024 * 1024


class Reads:
    def __init__(self, committed: Committed, limits: MachineLimits) -> None:
        self._committed = committed
        self._limits = limits

    def get_many(self, keys: list[bytes]) -> list[KeyValue | None]:
        """Current values, one look into the store for all keys."""
        if not keys:
            return []
        found = self._committed.cache.find(keys)
        return [None if (record := found[key]) is None else key_value(key, record) for key in keys]

    def range(self, request: Range) -> RangeResult:
        """Raises `Refused`, and `TooLarge` beyond `range_chunk_keys` scanned. One key now, the commonest read, goes the shortest way."""
        self._check(request)
        committed = self._committed
        if not request.range_end and request.revision <= 0:
            return single_result(request, committed.cache.get(request.key), committed.state.revision)
        steps = self._steps(committed.store, request)
        try:
            next(steps)
        except StopIteration as stopped:
            result: RangeResult = stopped.value
            return result
        steps.close()
        raise TooLarge(f"the range holds more than range_chunk_keys {self._limits.range_chunk_keys} keys: use range_async or range_stream")

    async def range_async(self, request: Range) -> RangeResult:
        """Raises `Refused`. A range of one chunk is read in place; a larger one from a snapshot, so at one revision throughout."""
        while True:
            try:
                return self.range(request)
            except TooLarge:
                result = await self._range_in_steps(request)
            if result is not None:
                return result

    async def _range_in_steps(self, request: Range) -> RangeResult | None:
        """None: the store was replaced meanwhile, read again from the new one."""
        loads = self._committed.loads
        snapshot = self._committed.store.snapshot()
        try:
            steps = self._steps(snapshot, request)
            while loads == self._committed.loads:
                try:
                    next(steps)
                except StopIteration as stopped:
                    result: RangeResult = stopped.value
                    return result
                await asyncio.sleep(0)
            return None
        finally:
            snapshot.close()

    async def range_stream(self, request: Range) -> AsyncIterator[list[KeyValue]]:
        """Chunks in key order at one revision, of at most `range_chunk_keys` keys or about a MiB.

        Raises `Refused`; NotReady, among others, when a snapshot replaced the store midway: read on from the last key, at its revision.
        """
        self._check(request)
        if sorts(request) or request.count_only:
            raise Refused("InvalidArgument", "a streamed range comes in key order, with keys: leave out sort and count_only, or use range")
        loads = self._committed.loads
        snapshot = self._committed.store.snapshot()
        try:
            source = self._source(snapshot)
            revision = checked_revision(request.revision, source)
            start, end = bounds(request.key, request.range_end)
            if end is not None and end <= start:
                return
            make = key_only if request.keys_only else key_value
            left = request.limit if request.limit > 0 else -1
            chunk: list[KeyValue] = []
            size = 0
            now = revision == source.revision
            pairs = source.items(start, end) if now else items_at(source, start, end, revision)
            for scanned, (key, record) in enumerate(pairs, start=1):
                if record and matches(request, record):
                    chunk.append(make(key, record))
                    size += len(key) + len(record)
                    left -= 1
                    if left == 0:
                        break
                if scanned % self._limits.range_chunk_keys == 0 or size >= STREAM_CHUNK_BYTES:
                    if chunk:
                        yield chunk
                    chunk, size = [], 0
                    await asyncio.sleep(0)
                    if loads != self._committed.loads:
                        raise Refused("NotReady", f"the member's state was replaced during the stream: read on at revision {revision}")
            if chunk:
                yield chunk
        finally:
            snapshot.close()

    def lease(self, number: int, keys: bool) -> LeaseResult:
        """Remaining time by log time; -1 when there is no such lease."""
        committed = self._committed
        lease = committed.leases.get(number)
        revision = committed.state.revision
        if lease is None:
            return LeaseResult(revision, number, ABSENT)
        remaining_ms = max(0, lease.deadline_ms - committed.state.log_time_ms)
        prefix = U64.pack(number)
        held = tuple(raw[8:] for raw in committed.store.keys("lease_keys", prefix, U64.pack(number + 1))) if keys else ()
        return LeaseResult(revision, number, remaining_ms, lease.ttl_ms, held)

    def leases(self) -> LeaseListResult:
        state = self._committed.state
        pairs = ((number, max(0, lease.deadline_ms - state.log_time_ms)) for number, lease in sorted(self._committed.leases.items()))
        return LeaseListResult(state.revision, tuple(pairs))

    def _check(self, request: Range) -> None:
        if not request.key:
            raise Refused("EmptyKey", "key is empty: name a key (b'\\x00' with range_end b'\\x00' is the whole store)")

    def _source(self, reader: StateReader) -> StoreSource:
        state = self._committed.state
        return StoreSource(reader, state.revision, state.compacted_revision, state.key_count)

    def _steps(self, reader: StateReader, request: Range) -> Steps:
        return range_steps(self._source(reader), request, self._limits.range_bytes_max, self._limits.range_chunk_keys)
