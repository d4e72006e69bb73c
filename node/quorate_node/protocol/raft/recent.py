"""The newest entries in memory, bounded by bytes, so that replicating and applying them reads no disk."""

from __future__ import annotations

from quorate_node.protocol.entry import Entry

ENTRY_OVERHEAD_BYTES = 16
"""Counted for an entry beside its data, so that no limit by bytes lets any number of empty entries through."""


def entry_bytes(entry: Entry) -> int:
    return len(entry.data) + ENTRY_OVERHEAD_BYTES


class RecentEntries:
    """A contiguous tail of the log: `entries[i]` has index `first + i`. It may hold less than the log, never anything else."""

    __slots__ = ("_bytes", "_bytes_max", "_entries", "first")

    def __init__(self, next_index: int, bytes_max: int) -> None:
        self._bytes_max = bytes_max
        self._bytes = 0
        self._entries: list[Entry] = []
        self.first = next_index

    def term(self, index: int) -> int | None:
        position = index - self.first
        return self._entries[position].term if 0 <= position < len(self._entries) else None

    def slice(self, low: int, high: int) -> list[Entry]:
        """Entries [low, high); `low` must be at least `first`."""
        assert low >= self.first
        return self._entries[low - self.first : high - self.first]

    def truncate_and_append(self, entries: list[Entry]) -> None:
        first = entries[0].index
        if first < self.first or first > self.first + len(self._entries):
            self.clear(first)
        elif first < self.first + len(self._entries):
            position = first - self.first
            self._bytes -= sum(map(entry_bytes, self._entries[position:]))
            del self._entries[position:]
        self._entries.extend(entries)
        self._bytes += sum(map(entry_bytes, entries))
        if self._bytes > self._bytes_max:
            self._trim()

    def clear(self, next_index: int) -> None:
        self._entries = []
        self._bytes = 0
        self.first = next_index

    def _trim(self) -> None:
        # Down to three quarters, so that moving the list's end to its front is paid for by many appends.
        target = self._bytes_max * 3 // 4
        count = 0
        while self._bytes > target:
            self._bytes -= entry_bytes(self._entries[count])
            count += 1
        del self._entries[:count]
        self.first += count
