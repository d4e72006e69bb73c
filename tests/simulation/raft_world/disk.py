"""A member's disk: what survives a crash, and what its Raft may see of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from quorate_node.protocol.entry import Entry
from quorate_node.protocol.membership import Configuration
from quorate_node.protocol.message import SnapshotMetadata
from quorate_node.protocol.raft import Compacted, Unavailable
from quorate_node.protocol.ready import HardState, Persist


@dataclass
class Log:
    """`entries[i]` has index `start.index + 1 + i`. Also a log view: `LogView` of the protocol."""

    start: SnapshotMetadata
    hard_state: HardState = field(default_factory=HardState)
    tail: list[Entry] = field(default_factory=list)
    configuration: Configuration = field(default_factory=Configuration)

    def write(self, persist: Persist) -> None:
        if persist.hard_state is not None:
            self.hard_state = persist.hard_state
        if persist.snapshot is not None:
            self.start = persist.snapshot
            self.configuration = persist.snapshot.configuration
            self.tail = []
        entries = [entry for entry in persist.entries if entry.index > self.start.index]
        if entries:
            position = entries[0].index - self.start.index - 1
            assert position <= len(self.tail), "a hole in the log"
            self.tail = self.tail[:position] + entries

    def copy(self) -> Log:
        return Log(self.start, self.hard_state, list(self.tail), self.configuration)

    def compact(self, metadata: SnapshotMetadata) -> None:
        self.tail = self.tail[metadata.index - self.start.index :]
        self.start = metadata
        self.configuration = metadata.configuration

    def first_index(self) -> int:
        return self.start.index + 1

    def last_index(self) -> int:
        return self.start.index + len(self.tail)

    def term(self, index: int) -> int:
        if index < self.start.index:
            raise Compacted
        if index > self.last_index():
            raise Unavailable
        return self.start.term if index == self.start.index else self.tail[index - self.start.index - 1].term

    def entries(self, low: int, high: int, size_bytes_max: int) -> list[Entry]:
        if low <= self.start.index:
            raise Compacted
        if high > self.last_index() + 1:
            raise Unavailable
        chosen: list[Entry] = []
        size = 0
        for entry in self.tail[low - self.start.index - 1 : high - self.start.index - 1]:
            size += len(entry.data)
            if chosen and size > size_bytes_max:
                break
            chosen.append(entry)
        return chosen

    def snapshot(self) -> SnapshotMetadata:
        return self.start

    def initial(self) -> tuple[HardState, Configuration]:
        return self.hard_state, self.configuration


@dataclass(frozen=True)
class State:
    """The replicated machine: a register whose value is the index of the entry that wrote it last."""

    index: int
    term: int
    value: int
    configuration: Configuration

    def metadata(self) -> SnapshotMetadata:
        return SnapshotMetadata(self.index, self.term, self.configuration)


def durable_prefix(log: Log, writes: Sequence[Persist], count: int) -> None:
    """A crash in the middle of a queue of writes: the first `count` reached the disk."""
    for persist in writes[:count]:
        log.write(persist)
