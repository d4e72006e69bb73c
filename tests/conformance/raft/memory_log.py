"""A log in memory with the behaviour of etcd's MemoryStorage, which its golden files show."""

from __future__ import annotations

from quorate_node.protocol.entry import Entry
from quorate_node.protocol.membership import Configuration
from quorate_node.protocol.message import SnapshotMetadata
from quorate_node.protocol.raft import Compacted, Unavailable
from quorate_node.protocol.ready import HardState


class StorageError(Exception):
    """A refusal of the storage, in etcd's words."""


class MemoryLog:
    """`_entries[0]` stands for the last compacted entry. `history` are the snapshots of the state after each applied entry."""

    def __init__(self, start: SnapshotMetadata | None) -> None:
        self.hard_state = HardState()
        self.history: list[SnapshotMetadata] = [start or SnapshotMetadata(0, 0, Configuration())]
        self._entries = [Entry(0, 0)]
        self._start = self.history[0]
        if start is not None:
            self._entries = [Entry(start.index, start.term)]

    def first_index(self) -> int:
        return self._entries[0].index + 1

    def last_index(self) -> int:
        return self._entries[-1].index

    def term(self, index: int) -> int:
        if index < self._entries[0].index:
            raise Compacted
        if index > self.last_index():
            raise Unavailable
        return self._entries[index - self._entries[0].index].term

    def entries(self, low: int, high: int, size_bytes_max: int) -> list[Entry]:
        if low < self.first_index():
            raise Compacted
        if high > self.last_index() + 1:
            raise Unavailable
        offset = self._entries[0].index
        chosen: list[Entry] = []
        size = 0
        for entry in self._entries[low - offset : high - offset]:
            size += len(entry.data)
            if chosen and size > size_bytes_max:
                break
            chosen.append(entry)
        return chosen

    def snapshot(self) -> SnapshotMetadata:
        return self.history[-1]

    def initial(self) -> tuple[HardState, Configuration]:
        return self.hard_state, self._start.configuration

    def set_hard_state(self, state: HardState) -> None:
        self.hard_state = state

    def apply_snapshot(self, snapshot: SnapshotMetadata) -> None:
        if self._start.index >= snapshot.index:
            raise StorageError("requested index is older than the existing snapshot")
        self._start = snapshot
        self._entries = [Entry(snapshot.index, snapshot.term)]

    def append(self, entries: list[Entry]) -> None:
        """Entries already compacted are left out; the rest replaces everything from its first index on."""
        entries = [entry for entry in entries if entry.index >= self.first_index()]
        if not entries:
            return
        offset = entries[0].index - self._entries[0].index
        assert offset <= len(self._entries), f"missing log entry before {entries[0].index}"
        self._entries = self._entries[:offset] + list(entries)

    def compact(self, index: int) -> None:
        if index <= self._entries[0].index:
            raise StorageError("requested index is unavailable due to compaction")
        assert index <= self.last_index(), f"compact {index} is out of bound lastindex({self.last_index()})"
        kept = self._entries[index - self._entries[0].index :]
        self._entries = [Entry(kept[0].index, kept[0].term), *kept[1:]]
