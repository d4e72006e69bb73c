"""What the chained log needs of a place to keep records: RocksDB, files of its own, or the simulator's memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple, Protocol

from quorate_node.store.log_record import Marker


class Evidence(NamedTuple):
    """What can be said of a log without opening it."""

    marker: Marker | None = None
    """The newest whole marker in the raw files, whatever a recovery makes of them."""
    bytes_after: bool = False
    """True when something follows it: an unfinished batch, or a damaged one whose end is then unknown."""


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

    def commit_unsynced(self, batch: LogBatch) -> int | None:
        """All of `commit` but the sync: the descriptor that the caller must sync before anything depends on the batch.

        None, with nothing written: this batch, or this backend, needs `commit`.
        """
        ...

    def read(self, low: int, high: int) -> Iterator[tuple[int, bytes | None]]:
        """Every index of [low, high) in order, None for a record that is missing or cannot be read. Past all caches of ours."""
        ...

    def inspect(self) -> Evidence:
        """What the raw files say before `open`, which may rewrite them."""
        ...

    def open(self, on_damage: Callable[[], None]) -> None:
        """Open what is there; `on_damage` is called before anything of a damaged log is rewritten."""
        ...

    def rebuild(self, low: int, high: int) -> bool:
        """Once open: when something was found that the backend cannot go on with, although its records are for the chain to judge, have
        all that can be read of [low, high) anew, and return True. Raises `StoreFailed`."""
        ...

    def empty(self) -> bool:
        """True when there is no record and no anchor."""
        ...

    def anchor(self) -> bytes | None: ...
    def marker(self) -> bytes | None: ...

    def settle(self) -> None:
        """What was committed is acknowledged from here on (the simulator's power loss keeps it)."""
        ...

    def reclaim(self, index: int) -> None:
        """Any thread. Give back the space of dropped records up to and including `index`."""
        ...

    def space_available(self) -> bool: ...
    def require_space(self) -> None:
        """Raises `NoSpace` when there is not enough room to open again."""
        ...

    def size_bytes(self) -> int: ...
    def close(self) -> None:
        """`open` may be called again after it."""
        ...
