"""The log's records and the hard state on a `MemoryDisk`: what the simulator runs on, under the same `ChainedLog`."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from quorate_node.store.errors import HardStateLost, NoSpace, StoreFailed
from quorate_node.store.hard_state import HardStateSlot
from quorate_node.store.log_backend import Evidence, LogBatch
from quorate_node.store.log_record import decode_marker
from quorate_node.store.memory_disk import MemoryDisk


class MemoryLogBackend:
    """`LogBackend` over a memory disk. Reads see what was written; only `settle` makes it survive power loss."""

    def __init__(self, disk: MemoryDisk) -> None:
        self._disk = disk
        self._power_cycle = disk.power_cycles
        self._measured_at = -1
        self._size_bytes = 0

    def inspect(self) -> Evidence:
        """A memory disk has no raw files beside its records."""
        return Evidence()

    def open(self, on_damage: Callable[[], None]) -> None:
        """What is there is open; a damaged marker is as a damaged end of the files."""
        content = self.marker()
        if content is not None and decode_marker(content) is None:
            on_damage()

    def rebuild(self, _low: int, _high: int) -> bool:
        """A damaged batch is in nobody's way."""
        return False

    def commit(self, batch: LogBatch) -> None:
        if self._disk.power_cycles != self._power_cycle:
            raise StoreFailed("the simulated machine lost power: this store is dead")
        self._disk.commit(batch)

    def commit_unsynced(self, _batch: LogBatch) -> int | None:
        return None

    def read(self, low: int, high: int) -> Iterator[tuple[int, bytes | None]]:
        records = self._disk.current["records"]
        for index in range(low, high):
            yield index, records.get(index)

    def empty(self) -> bool:
        return not self._disk.current["records"] and self.anchor() is None

    def anchor(self) -> bytes | None:
        content: bytes | None = self._disk.current["anchor"]
        return content

    def marker(self) -> bytes | None:
        content: bytes | None = self._disk.current["marker"]
        return content

    def settle(self) -> None:
        if self._disk.power_cycles == self._power_cycle:
            self._disk.settle()

    def reclaim(self, index: int) -> None:
        """Nothing to do: dropped records take no space."""

    def space_available(self) -> bool:
        return not self._disk.full

    def require_space(self) -> None:
        if self._disk.full:
            raise NoSpace("the simulated disk is still full")

    def size_bytes(self) -> int:
        if self._measured_at != self._disk.changes:  # Asked for again and again by a log that rests.
            self._measured_at = self._disk.changes
            self._size_bytes = sum(map(len, self._disk.current["records"].values()))
        return self._size_bytes

    def close(self) -> None:
        self.settle()


class MemoryHardState:
    """`HardStateKeeper` over a memory disk."""

    def __init__(self, disk: MemoryDisk) -> None:
        self._disk = disk
        self._power_cycle = disk.power_cycles

    def load(self) -> HardStateSlot:
        slot: HardStateSlot | None = self._disk.current["hard_state"]
        if slot is None:
            raise HardStateLost("term and vote of the simulated disk were lost: this member comes back only as a new member")
        return slot

    def save(self, slot: HardStateSlot) -> None:
        if self._disk.power_cycles != self._power_cycle:
            raise StoreFailed("the simulated machine lost power: this store is dead")
        # failpoint: hard_state.save.before_write
        self._disk.save_hard_state(slot)
        # failpoint: hard_state.save.after_sync

    def close(self) -> None:
        """Nothing is held open."""
