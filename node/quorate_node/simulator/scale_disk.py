"""A log in memory that begins behind a snapshot of the founded cluster: what a member of a large simulated one reads and writes."""

from __future__ import annotations

from quorate_node.protocol.entry import Entry
from quorate_node.protocol.membership import Configuration
from quorate_node.protocol.message import SnapshotMetadata
from quorate_node.protocol.raft import Compacted, Unavailable
from quorate_node.protocol.ready import HardState, Persist

FOUNDED = 1
"""Index and term at which everybody's log begins: the cluster exists, and nobody leads it."""


class ScaleDisk:
    """`protocol.raft.LogView`. `_tail[i]` has index `FOUNDED + 1 + i`; nothing is ever compacted."""

    __slots__ = ("_configuration", "_hard_state", "_tail")

    def __init__(self, configuration: Configuration) -> None:
        self._configuration = configuration
        self._hard_state = HardState(FOUNDED, 0, FOUNDED)
        self._tail: list[Entry] = []

    def write(self, persist: Persist) -> None:
        assert persist.snapshot is None, "nothing is compacted, so nobody needs a snapshot"
        if persist.hard_state is not None:
            self._hard_state = persist.hard_state
        if persist.entries:
            keep = persist.entries[0].index - FOUNDED - 1
            assert 0 <= keep <= len(self._tail), "a hole in the log"
            self._tail[keep:] = persist.entries

    def first_index(self) -> int:
        return FOUNDED + 1

    def last_index(self) -> int:
        return FOUNDED + len(self._tail)

    def term(self, index: int) -> int:
        if index < FOUNDED:
            raise Compacted
        if index > self.last_index():
            raise Unavailable
        return FOUNDED if index == FOUNDED else self._tail[index - FOUNDED - 1].term

    def entries(self, low: int, high: int, size_bytes_max: int) -> list[Entry]:
        if low <= FOUNDED:
            raise Compacted
        if high > self.last_index() + 1:
            raise Unavailable
        chosen: list[Entry] = []
        size_bytes = 0
        for entry in self._tail[low - FOUNDED - 1 : high - FOUNDED - 1]:
            size_bytes += len(entry.data)
            if chosen and size_bytes > size_bytes_max:
                break
            chosen.append(entry)
        return chosen

    def snapshot(self) -> SnapshotMetadata:
        return SnapshotMetadata(FOUNDED, FOUNDED, self._configuration)

    def initial(self) -> tuple[HardState, Configuration]:
        return self._hard_state, self._configuration
