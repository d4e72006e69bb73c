"""A disk in memory that can lose power: what was written but not acknowledged is kept apart from what is durable."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from quorate_node.store.errors import NoSpace, StoreFailed
from quorate_node.store.hard_state import HardStateSlot
from quorate_node.store.log_backend import LogBatch

Contents = dict[str, Any]
"""`records` (index -> bytes), `anchor`, `marker`, `hard_state`."""


class MemoryDisk:
    """One member's disk; it outlives the stores that are opened on it, as a real one does its processes.

    `current` is what a running process reads; `durable` what is there after power loss. Operations are applied to `current` at
    once and to `durable` when they are settled; `crash(keep)` settles the first `keep` of those under way and drops the rest.
    """

    def __init__(self) -> None:
        self.current = _empty()
        self.durable = _empty()
        self.records: dict[str, bytes] = {}
        """Small files of the data directory: always synced when they are written."""
        self.state: dict[str, Any] = {}
        """Durable families of the state, by database generation."""
        self.state_generation = 1
        self.power_cycles = 0
        """Counts crashes: a store that was opened before the last one writes no more."""
        self._pending: list[Callable[[Contents], None]] = []
        self.full = False
        """True: every log write raises `NoSpace`."""
        self.sync_fails = False
        """True: the next sync fails, as a dying disk's does."""
        self.changes = 0
        """Counts what changed the log's records."""
        self.boots = 0
        self.opened_by: object | None = None

    def commit(self, batch: LogBatch) -> None:
        if self.full:
            raise NoSpace("the simulated disk is full; nothing was written")
        self._apply(lambda contents: _apply_batch(contents, batch))
        if self.sync_fails:
            raise StoreFailed("the simulated disk failed to sync")

    def save_hard_state(self, slot: HardStateSlot) -> None:
        if self.sync_fails:
            raise StoreFailed("the simulated disk failed to sync term and vote")

        def save(contents: Contents) -> None:
            contents["hard_state"] = slot

        self._apply(save)

    def settle(self) -> None:
        """All that was written is durable."""
        for operation in self._pending:
            operation(self.durable)
        self._pending.clear()

    def pending(self) -> int:
        """Operations that power loss may still drop: what to draw `keep` from."""
        return len(self._pending)

    def crash(self, keep: int = 0) -> None:
        """Power loss: of the operations under way the first `keep` had reached the disk. Whatever had the disk open is dead."""
        assert 0 <= keep <= len(self._pending), f"keep is {keep}; {len(self._pending)} operations are under way"
        for operation in self._pending[:keep]:
            operation(self.durable)
        self._pending.clear()
        self.current = {**self.durable, "records": dict(self.durable["records"])}
        self.opened_by = None
        self.power_cycles += 1
        self.changes += 1

    def damage_record(self, index: int, bit: int = 0) -> None:
        """Flip one bit of an entry at rest."""
        for contents in (self.current, self.durable):
            record = bytearray(contents["records"][index])
            record[bit // 8 % len(record)] ^= 1 << bit % 8
            contents["records"][index] = bytes(record)

    def lose_record(self, index: int) -> None:
        """An entry at rest disappears."""
        for contents in (self.current, self.durable):
            del contents["records"][index]
        self.changes += 1

    def damage_marker(self) -> None:
        for contents in (self.current, self.durable):
            contents["marker"] = contents["marker"][:-1] + bytes([contents["marker"][-1] ^ 1])

    def lose_hard_state(self) -> None:
        for contents in (self.current, self.durable):
            contents["hard_state"] = None

    def _apply(self, operation: Callable[[Contents], None]) -> None:
        operation(self.current)
        self.changes += 1
        self._pending.append(operation)


def _empty() -> Contents:
    return {"records": {}, "anchor": None, "marker": None, "hard_state": HardStateSlot()}


def _apply_batch(contents: Contents, batch: LogBatch) -> None:
    records = contents["records"]
    if batch.drop is not None:
        low, high = batch.drop
        if high - low > len(records):
            for index in [index for index in records if low <= index < high]:
                del records[index]
        else:
            for index in range(low, high):
                records.pop(index, None)
    records.update(batch.records)
    if batch.anchor is not None:
        contents["anchor"] = batch.anchor
    contents["marker"] = batch.marker
