"""What the chained log needs of a place to keep records: RocksDB or the simulator's memory."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple, Protocol

from quorate_node.store.log_record import Marker


class LogBatch(NamedTuple):
    """One atomic change, in this order: drops, then puts, then the marker last of all."""

    marker: bytes
    records: Sequence[tuple[int, bytes]] = ()
    drop: tuple[int, int] | None = None
    """Indexes [low, high) whose records go before the new ones come."""
    anchor: bytes | None = None


class LogBackend(Protocol):
    """Atomic, synced batches of records by index. Raises `NoSpace`, `Backpressure` (nothing written) and `StoreFailed`."""

    def commit(self, batch: LogBatch) -> None:
        """Any thread, one at a time, the lock of the interpreter let go during the sync. All of it durable on return, or none."""
        ...

    def read(self, low: int, high: int) -> Iterator[tuple[int, bytes | None]]:
        """Every index of [low, high) in order, None for a record that is missing or cannot be read. Past all caches of ours."""
        ...

    def anchor(self) -> bytes | None: ...
    def marker(self) -> bytes | None: ...
    def evidence(self) -> Marker | None:
        """The newest marker that was found in the raw files on opening, whatever the recovery made of them."""
        ...

    def settle(self) -> None:
        """What was committed is acknowledged from here on (the simulator's power loss keeps it)."""
        ...

    def reclaim(self, index: int) -> None:
        """Any thread. Give back the space of dropped records up to and including `index`."""
        ...

    def space_available(self) -> bool: ...
    def reopen(self) -> None:
        """Close and open again after a full disk. Raises `NoSpace` when there is still no room for it."""
        ...

    def size_bytes(self) -> int: ...
    def close(self) -> None: ...
