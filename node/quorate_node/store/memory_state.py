"""The machine's database in memory: sorted families, copied on write, with what was flushed kept apart from what was written."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Callable, Iterator
from typing import Any

from quorate_node.store.errors import Backpressure, StoreFailed
from quorate_node.store.interface import STATE_FAMILIES
from quorate_node.store.memory_disk import MemoryDisk
from quorate_node.store.state_batch import StateBatch


class SortedFamily:
    """One family. Whoever shares it (a snapshot, an iterator, the flushed copy) keeps what it saw: the next write copies first."""

    def __init__(self, keys: list[bytes], values: dict[bytes, bytes]) -> None:
        self.keys = keys
        self.values = values
        self._shared = False

    def share(self) -> SortedFamily:
        self._shared = True
        shared = SortedFamily(self.keys, self.values)
        shared._shared = True
        return shared

    def _own(self) -> None:
        if self._shared:
            self.keys, self.values = list(self.keys), dict(self.values)
            self._shared = False

    def put(self, key: bytes, value: bytes) -> None:
        self._own()
        if key not in self.values:
            insort(self.keys, key)
        self.values[key] = value

    def delete(self, key: bytes) -> None:
        self._own()
        if self.values.pop(key, None) is not None:
            del self.keys[bisect_left(self.keys, key)]

    def delete_range(self, begin: bytes, end: bytes) -> None:
        self._own()
        low, high = bisect_left(self.keys, begin), bisect_left(self.keys, end)
        for key in self.keys[low:high]:
            del self.values[key]
        del self.keys[low:high]

    def get(self, key: bytes | list[bytes]) -> bytes | list[bytes | None] | None:
        return [self.values.get(one) for one in key] if isinstance(key, list) else self.values.get(key)

    def scan(self, start: bytes, end: bytes | None, backwards: bool) -> Iterator[tuple[bytes, bytes]]:
        """As it is now, whatever is written while it runs."""
        shared = self.share()
        low = bisect_left(shared.keys, start)
        high = len(shared.keys) if end is None else bisect_left(shared.keys, end)
        positions = range(high - 1, low - 1, -1) if backwards else range(low, high)
        return ((shared.keys[position], shared.values[shared.keys[position]]) for position in positions)


class _Reader:
    def __init__(self, families: dict[str, SortedFamily]) -> None:
        self._families = families

    def family(self, name: str) -> str:
        if name not in self._families:
            raise KeyError(name)
        return name

    def getter(self, name: str) -> Callable[[Any], Any]:
        return self._families[name].get

    def items(
        self, name: str, start: bytes, end: bytes | None = None, *, backwards: bool = False
    ) -> Iterator[tuple[bytes, bytes]]:
        return self._families[name].scan(start, end, backwards)

    def keys(self, name: str, start: bytes, end: bytes | None = None, *, backwards: bool = False) -> Iterator[bytes]:
        return (key for key, _ in self._families[name].scan(start, end, backwards))


class MemoryStateSnapshot(_Reader):
    """The state at one moment."""

    def close(self) -> None:
        self._families = {}


class MemoryStateStore(_Reader):
    """Implements `interface.StateDatabase` over a `MemoryDisk`, under the name of its generation."""

    def __init__(self, disk: MemoryDisk, generation: str) -> None:
        flushed = disk.state.get(generation, {})
        super().__init__({name: flushed[name].share() if name in flushed else SortedFamily([], {}) for name in STATE_FAMILIES})
        self._disk = disk
        self._power_cycle = disk.power_cycles
        self._generation = generation
        self._unflushed_bytes = 0
        self._partial = False
        self.stalled = False
        """True: every write raises `Backpressure`, as RocksDB does when its flushes do not keep up."""
        self.closed = False

    def batch(self) -> StateBatch:
        return StateBatch()

    def write(self, batch: StateBatch) -> None:
        # failpoint: state.write.before
        if self.stalled:
            raise Backpressure("the simulated state would stall; try again in a moment")
        for name, begin, end in batch.ranges:
            self._families[name].delete_range(begin, end)
        for name, writes in batch.writes.items():
            family = self._families[name]
            for key, value in writes.items():
                if type(key) is not bytes or (value is not None and type(value) is not bytes):
                    raise TypeError(f"a batch holds bytes, not {type(key).__name__} and {type(value).__name__}")
                if value is None:
                    family.delete(key)
                else:
                    family.put(key, value)
                self._unflushed_bytes += len(key) + len(value or b"")

    def write_part(self, batch: StateBatch) -> None:
        self.write(batch)
        self._partial = True

    def settle(self) -> None:
        self._partial = False

    def write_out(self) -> None:
        """Nothing is held back here."""

    def write_out_some(self) -> bool:
        return False

    def snapshot(self) -> MemoryStateSnapshot:
        return MemoryStateSnapshot({name: family.share() for name, family in self._families.items()})

    def flush(self) -> None:
        if self._disk.power_cycles != self._power_cycle:
            raise StoreFailed("the simulated machine lost power: this store is dead")
        # failpoint: state.flush.before
        assert not self._partial, "a flush in the midst of a write would leave a state that the machine never was in"
        self._disk.state[self._generation] = {name: family.share() for name, family in self._families.items()}
        self._unflushed_bytes = 0

    def rotate(self) -> None:
        self.flush()

    def finish_flush(self) -> None:
        """What was turned over is flushed."""

    def unflushed_bytes(self) -> int:
        return self._unflushed_bytes

    def reopen(self) -> None:
        """As a crash does: back to what was flushed."""
        flushed = self._disk.state.get(self._generation, {})
        self._families.update({name: flushed[name].share() if name in flushed else SortedFamily([], {}) for name in STATE_FAMILIES})
        self._unflushed_bytes = 0
        self._partial = False

    def size_bytes(self) -> int:
        return sum(len(key) + len(value) for family in self._families.values() for key, value in family.values.items())

    def close(self) -> None:
        """As RocksDB does: what was written is flushed."""
        if not self.closed:
            self.closed = True
            if self._disk.power_cycles == self._power_cycle and not self._partial:
                self.flush()
