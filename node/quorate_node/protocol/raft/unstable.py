"""The part of the log that is not known to be durable: new entries, an incoming snapshot, and how much of it is being written."""

from __future__ import annotations

from quorate_node.protocol.entry import Entry
from quorate_node.protocol.message import SnapshotMetadata
from quorate_node.protocol.raft.trace import Tracer


class Unstable:
    """`entries[i]` has index `offset + i`; those below `offset_in_progress` were handed out to be written.

    `offset` may lie below the last stored index: the next write then replaces what the store has from there on.
    """

    __slots__ = ("entries", "offset", "offset_in_progress", "snapshot", "snapshot_in_progress", "tracer")

    def __init__(self, offset: int, tracer: Tracer) -> None:
        self.tracer = tracer
        self.entries: list[Entry] = []
        self.offset = offset
        self.offset_in_progress = offset
        self.snapshot: SnapshotMetadata | None = None
        self.snapshot_in_progress = False

    def term(self, index: int) -> int | None:
        """Term at `index`, None when this part of the log does not know it."""
        if index < self.offset:
            if self.snapshot is not None and self.snapshot.index == index:
                return self.snapshot.term
            return None
        position = index - self.offset
        return self.entries[position].term if position < len(self.entries) else None

    def next_entries(self) -> list[Entry]:
        """Entries not yet handed out to be written."""
        return self.entries[self.offset_in_progress - self.offset :]

    def next_snapshot(self) -> SnapshotMetadata | None:
        return None if self.snapshot_in_progress else self.snapshot

    def accept(self) -> None:
        """All of it is being written from now on."""
        self.offset_in_progress = self.offset + len(self.entries)
        if self.snapshot is not None:
            self.snapshot_in_progress = True

    def stable_to(self, index: int, term: int) -> None:
        """Entries up to `index` are durable, if the entry there still has `term`: it may have been replaced since."""
        known = self.term(index)
        if known is None:
            self.tracer.info("entry at index %d missing from unstable log; ignoring", index)
            return
        if index < self.offset:
            self.tracer.info("entry at index %d matched unstable snapshot; ignoring", index)
            return
        if known != term:
            self.tracer.info(
                "entry at (index,term)=(%d,%d) mismatched with entry at (%d,%d) in unstable log; ignoring",
                index, term, index, known,
            )  # fmt: skip
            return
        del self.entries[: index + 1 - self.offset]
        self.offset = index + 1
        self.offset_in_progress = max(self.offset_in_progress, self.offset)

    def stable_snapshot_to(self, index: int) -> None:
        if self.snapshot is not None and self.snapshot.index == index:
            self.snapshot = None
            self.snapshot_in_progress = False

    def restore(self, snapshot: SnapshotMetadata) -> None:
        self.offset = snapshot.index + 1
        self.offset_in_progress = self.offset
        self.entries = []
        self.snapshot = snapshot
        self.snapshot_in_progress = False

    def truncate_and_append(self, entries: list[Entry]) -> None:
        first = entries[0].index
        if first == self.offset + len(self.entries):
            self.entries.extend(entries)
        elif first <= self.offset:
            self.tracer.info("replace the unstable entries from index %d", first)
            self.entries = list(entries)
            self.offset = first
            self.offset_in_progress = first
        else:
            self.tracer.info("truncate the unstable entries before index %d", first)
            self.entries = self.entries[: first - self.offset] + entries
            # What was being written from `first` on has to be written again in its new form.
            self.offset_in_progress = min(self.offset_in_progress, first)
