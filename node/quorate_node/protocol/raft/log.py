"""The log as Raft sees it: what is stored, what is being stored, and how far it is committed and applied.

applied <= applying <= committed <= last index.
"""

from __future__ import annotations

from collections import deque

from quorate_node.protocol.entry import Entry
from quorate_node.protocol.message import SnapshotMetadata
from quorate_node.protocol.raft.errors import InvariantBroken
from quorate_node.protocol.raft.log_view import Compacted, LogView, Unavailable
from quorate_node.protocol.raft.recent import RecentEntries, entry_bytes
from quorate_node.protocol.raft.trace import Tracer
from quorate_node.protocol.raft.unstable import Unstable


def limit_bytes(entries: list[Entry], bytes_max: int) -> list[Entry]:
    """The longest prefix within `bytes_max`, but at least one entry."""
    total = 0
    for position, entry in enumerate(entries):
        total += entry_bytes(entry)
        if total > bytes_max and position > 0:
            return entries[:position]
    return entries


class RaftLog:
    __slots__ = (
        "_applying_batches",
        "_applying_bytes",
        "_applying_bytes_max",
        "_view",
        "applied",
        "applying",
        "applying_paused",
        "committed",
        "last_index",
        "recent",
        "tracer",
        "unstable",
    )

    def __init__(self, view: LogView, tracer: Tracer, *, applying_bytes_max: int, recent_bytes_max: int) -> None:
        self._view = view
        self.tracer = tracer
        self.last_index = view.last_index()
        self.unstable = Unstable(self.last_index + 1, tracer)
        self.recent = RecentEntries(self.last_index + 1, recent_bytes_max)
        start = view.first_index() - 1
        self.committed = start
        self.applying = start
        self.applied = start
        self.applying_paused = False
        self._applying_bytes_max = applying_bytes_max
        self._applying_bytes = 0
        self._applying_batches: deque[tuple[int, int, int]] = deque()
        """(last index, bytes, payload bytes) of what was handed out and is not yet applied."""

    def __str__(self) -> str:
        unstable = self.unstable
        return (
            f"committed={self.committed}, applied={self.applied}, applying={self.applying}, unstable.offset={unstable.offset}, "
            f"unstable.offsetInProgress={unstable.offset_in_progress}, len(unstable.Entries)={len(unstable.entries)}"
        )

    # Reading

    def first_index(self) -> int:
        snapshot = self.unstable.snapshot
        return self._view.first_index() if snapshot is None else snapshot.index + 1

    def term(self, index: int) -> int:
        """Term at `index`, also at `first_index() - 1`. Raises `Compacted`, `Unavailable`."""
        term = self.unstable.term(index)
        if term is not None:
            return term
        if index + 1 < self.first_index():
            raise Compacted
        if index > self.last_index:
            raise Unavailable
        term = self.recent.term(index)
        return self._view.term(index) if term is None else term

    def term_or_zero(self, index: int) -> int:
        """Term at `index`, 0 when it is not known: no entry has term 0."""
        try:
            return self.term(index)
        except (Compacted, Unavailable):
            return 0

    def matches(self, index: int, term: int) -> bool:
        try:
            return self.term(index) == term
        except (Compacted, Unavailable):
            return False

    def last_term(self) -> int:
        return self.term(self.last_index)

    def is_up_to_date(self, index: int, term: int) -> bool:
        """Whether a log that ends at (`index`, `term`) is at least as new as this one (Raft 5.4.1)."""
        last_term = self.last_term()
        return term > last_term or (term == last_term and index >= self.last_index)

    def snapshot(self) -> SnapshotMetadata:
        return self.unstable.snapshot or self._view.snapshot()

    def entries_from(self, index: int, bytes_max: int) -> list[Entry]:
        """Entries from `index` on, at least one if there is one, within `bytes_max`. Raises `Compacted`."""
        return self.slice(index, self.last_index + 1, bytes_max) if index <= self.last_index else []

    def slice(self, low: int, high: int, bytes_max: int) -> list[Entry]:
        """Entries [low, high) within `bytes_max`, at least one. Raises `Compacted`."""
        assert low <= high <= self.last_index + 1, f"entries [{low}, {high}) of a log that ends at {self.last_index}"
        if low < self.first_index():
            raise Compacted
        if low >= self.recent.first:
            return limit_bytes(self.recent.slice(low, high), bytes_max)
        stored_high = max(low, min(high, self.unstable.offset))
        entries = list(self._view.entries(low, stored_high, bytes_max)) if low < stored_high else []
        if len(entries) == stored_high - low and high > self.unstable.offset:
            offset = self.unstable.offset
            entries += self.unstable.entries[max(low, offset) - offset : high - offset]
        return limit_bytes(entries, bytes_max)

    # Appending

    def append(self, entries: list[Entry]) -> None:
        after = entries[0].index - 1
        if after < self.committed:
            raise InvariantBroken(f"append after index {after} would replace committed entries (committed: {self.committed})")
        self.unstable.truncate_and_append(entries)
        self.recent.truncate_and_append(entries)
        self.last_index = entries[-1].index

    def maybe_append(self, index: int, term: int, committed: int, entries: list[Entry]) -> int | None:
        """Append what a leader sent after (`index`, `term`); the last index of it, or None when the log has no such entry."""
        if not self.matches(index, term):
            return None
        last = index + len(entries)
        conflict = self._find_conflict(entries)
        if conflict:
            if conflict <= self.committed:
                raise InvariantBroken(f"entry {conflict} conflicts with a committed entry (committed: {self.committed})")
            self.append(entries[conflict - index - 1 :])
        self.commit_to(min(committed, last))
        return last

    def _find_conflict(self, entries: list[Entry]) -> int:
        """Index of the first entry that this log has with another term or not at all; 0 when it has them all."""
        for entry in entries:
            if not self.matches(entry.index, entry.term):
                if entry.index <= self.last_index:
                    self.tracer.info(
                        "found conflict at index %d [existing term: %d, conflicting term: %d]",
                        entry.index, self.term_or_zero(entry.index), entry.term,
                    )  # fmt: skip
                return entry.index
        return 0

    def find_conflict_by_term(self, index: int, term: int) -> tuple[int, int]:
        """The highest (index', term') with index' <= `index` and term' <= `term`: the best guess where another log with
        (`index`, `term`) agrees with this one. Term 0 when it is not known."""
        while index > 0:
            try:
                own = self.term(index)
            except (Compacted, Unavailable):
                return index, 0
            if own <= term:
                return index, own
            index -= 1
        return 0, 0

    def restore(self, snapshot: SnapshotMetadata) -> None:
        self.tracer.info("log [%s] starts to restore snapshot [index: %d, term: %d]", self, snapshot.index, snapshot.term)
        self.committed = snapshot.index
        self.last_index = snapshot.index
        self.unstable.restore(snapshot)
        self.recent.clear(snapshot.index + 1)

    # Committing and applying

    def commit_to(self, index: int) -> None:
        """Raise the commit index. An index that this log does not reach means that acknowledged entries were lost here."""
        if index <= self.committed:
            return
        if index > self.last_index:
            raise InvariantBroken(
                f"commit index {index} is beyond the last index {self.last_index}: was the log damaged, truncated or lost?"
            )
        self.committed = index

    def maybe_commit(self, index: int, term: int) -> bool:
        """Commit up to `index` if its entry is of `term`: older terms commit only by a newer entry (Raft 5.4.2)."""
        if index > self.committed and self.term_or_zero(index) == term:
            self.commit_to(index)
            return True
        return False

    def appliable_index(self, *, allow_unstable: bool) -> int:
        return self.committed if allow_unstable else min(self.committed, self.unstable.offset - 1)

    def has_next_committed(self, *, allow_unstable: bool) -> bool:
        if self.applying_paused or self.unstable.snapshot is not None:
            return False
        return self.applying < self.appliable_index(allow_unstable=allow_unstable)

    def next_committed(self, *, allow_unstable: bool) -> list[Entry]:
        """Committed entries to apply next, within the limit of what may be outstanding."""
        if not self.has_next_committed(allow_unstable=allow_unstable):
            return []
        budget = self._applying_bytes_max - self._applying_bytes
        assert budget > 0
        return self.slice(self.applying + 1, self.appliable_index(allow_unstable=allow_unstable) + 1, budget)

    def accept_applying(self, entries: list[Entry], *, allow_unstable: bool) -> None:
        """`entries` were handed out. Pause when they fill the limit, or were cut to it."""
        last = entries[-1].index
        assert self.applying < last <= self.committed
        size = sum(map(entry_bytes, entries))
        self._applying_batches.append((last, size, sum(len(entry.data) for entry in entries)))
        self._applying_bytes += size
        self.applying = last
        cut = last < self.appliable_index(allow_unstable=allow_unstable)
        self.applying_paused = cut or self._applying_bytes >= self._applying_bytes_max

    def applied_to(self, index: int) -> int:
        """Everything up to `index` is applied. Returns the payload bytes that this takes off the uncommitted size."""
        if not self.applied <= index <= self.committed:
            raise ValueError(f"applied index {index} is not within {self.applied} to {self.committed}: report what was handed out in order")
        self.applied = index
        self.applying = max(self.applying, index)
        payload = 0
        while self._applying_batches and self._applying_batches[0][0] <= index:
            _, size, batch_payload = self._applying_batches.popleft()
            self._applying_bytes -= size
            payload += batch_payload
        self.applying_paused = self._applying_bytes >= self._applying_bytes_max
        return payload
