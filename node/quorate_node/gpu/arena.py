"""Memory of a lane: one piece on the device and one pinned, cut into named parts, made anew when a batch is larger than any before."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from quorate_node.gpu.device import Driver, MemoryLimit

ALIGNMENT: Final = 256


class Budget:
    """Bytes of device memory that may be taken, and are."""

    __slots__ = ("bytes_max", "used")

    def __init__(self, bytes_max: int) -> None:
        self.bytes_max = bytes_max
        self.used = 0

    def take(self, size: int) -> None:
        """Raises `MemoryLimit`."""
        if self.used + size > self.bytes_max:
            raise MemoryLimit(
                f"device memory: {size} bytes beside {self.used} are over the limit of {self.bytes_max}: raise it, or send less"
            )
        self.used += size


def layout(sizes: Mapping[str, int]) -> tuple[dict[str, int], int]:
    """(offset of each part, bytes of all)."""
    offsets, end = {}, 0
    for name, size in sizes.items():
        offsets[name] = end
        end += -(-size // ALIGNMENT) * ALIGNMENT
    return offsets, max(end, ALIGNMENT)


class Arena:
    """Device memory cut into parts; `generation` grows when it moves, and with it the first part, whose address graphs remember."""

    __slots__ = ("_address", "_budget", "_driver", "_offsets", "_size", "generation")

    def __init__(self, driver: Driver, budget: Budget) -> None:
        self._driver, self._budget = driver, budget
        self._address = self._size = self.generation = 0
        self._offsets: dict[str, int] = {}

    def fit(self, sizes: Mapping[str, int]) -> None:
        """Make room for these parts. Raises `MemoryLimit`, and then keeps what there was."""
        offsets, end = layout(sizes)
        if end > self._size:
            self._budget.take(end - self._size)
            try:
                grown = self._driver.allocate(end)
            except MemoryLimit:
                self._budget.used -= end - self._size
                raise
            if self._address:
                self._driver.free(self._address)
            self._address, self._size = grown, end
            self.generation += 1
        self._offsets = offsets

    def __getitem__(self, part: str) -> int:
        return self._address + self._offsets[part]

    def release(self) -> None:
        """Give it all back."""
        if self._address:
            self._driver.free(self._address)
            self._budget.used -= self._size
        self._address = self._size = 0


class Pinned:
    """Pinned host memory cut into parts."""

    __slots__ = ("_address", "_driver", "_offsets", "_view")

    def __init__(self, driver: Driver) -> None:
        self._driver = driver
        self._view, self._address = memoryview(b""), 0
        self._offsets: dict[str, int] = {}

    def fit(self, sizes: Mapping[str, int]) -> None:
        """Make room for these parts; what was in them is lost."""
        self._offsets, end = layout(sizes)
        if end > len(self._view):
            self._view, self._address = self._driver.pinned(end)

    def address(self, part: str) -> int:
        return self._address + self._offsets[part]

    def put(self, part: str, data: bytes | bytearray | memoryview) -> int:
        """Copy bytes to the beginning of a part; their number."""
        begin, view = self._offsets[part], memoryview(data).cast("B")
        self._view[begin : begin + len(view)] = view
        return len(view)

    def get(self, part: str, size: int) -> bytes:
        begin = self._offsets[part]
        return bytes(self._view[begin : begin + size])
