"""What the protocol reads of the persisted log, and the two answers that are not entries. The store implements it."""

from __future__ import annotations

from typing import Protocol

from quorate_node.protocol.entry import Entry
from quorate_node.protocol.membership import Configuration
from quorate_node.protocol.message import SnapshotMetadata
from quorate_node.protocol.ready import HardState


class Compacted(Exception):
    """The index lies below the first entry that is still there."""


class Unavailable(Exception):
    """The index lies beyond the last entry."""


class LogView(Protocol):
    """Structurally the store's `LogView`: see `store/interface.py` for what each method promises."""

    def first_index(self) -> int: ...
    def last_index(self) -> int: ...
    def term(self, index: int) -> int:
        """Raises `Compacted` below `first_index() - 1` and `Unavailable` beyond the end."""
        ...

    def entries(self, low: int, high: int, size_bytes_max: int) -> list[Entry]:
        """Entries [low, high), at least one, else no more than `size_bytes_max`. Raises `Compacted`, `Unavailable`."""
        ...

    def snapshot(self) -> SnapshotMetadata: ...
    def initial(self) -> tuple[HardState, Configuration]: ...
