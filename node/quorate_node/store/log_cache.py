"""The newest entries of the log in memory, bounded by bytes and by number: what replication and apply read."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence

from quorate_node.protocol.entry import Entry

ENTRY_OVERHEAD_BYTES = 200
"""What an entry costs beside its data: the struct, its bytes object, its chain hash and three list slots."""


class LogCache:
    """A contiguous run of entries that ends at the last one. Not thread-safe: the log holds its lock around it."""

    def __init__(self, bytes_max: int, entries_max: int) -> None:
        self._bytes_max = bytes_max
        self._entries_max = entries_max
        self.clear(0)

    def clear(self, last_index: int) -> None:
        """Empty; the next entry has index `last_index + 1`."""
        self.low = last_index + 1
        self._entries: list[Entry] = []
        self._chains: list[bytes] = []
        self._ends: list[int] = []
        """Running sum of sizes: the end of a slice by size is a binary search."""
        self._base = 0
        """The running sum before the first entry that is here."""

    @property
    def high(self) -> int:
        """One past the last index."""
        return self.low + len(self._entries)

    def append(self, entries: Sequence[Entry], chains: Sequence[bytes]) -> None:
        """Put entries at the end; those that begin at or below the last one replace everything from there on."""
        if not entries:
            return
        first = entries[0].index
        if not self.low <= first <= self.high:
            self.clear(first - 1)
        keep = first - self.low
        del self._entries[keep:], self._chains[keep:], self._ends[keep:]
        total = self._ends[-1] if self._ends else self._base
        for entry in entries:
            total += len(entry.data) + ENTRY_OVERHEAD_BYTES
            self._ends.append(total)
        self._entries += entries
        self._chains += chains
        self._trim()

    def truncate(self, last_index: int) -> None:
        """Forget everything beyond `last_index`."""
        if last_index < self.low:
            self.clear(last_index)
            return
        keep = last_index + 1 - self.low
        del self._entries[keep:], self._chains[keep:], self._ends[keep:]

    def get(self, index: int) -> tuple[Entry, bytes] | None:
        position = index - self.low
        if not 0 <= position < len(self._entries):
            return None
        return self._entries[position], self._chains[position]

    def slice(self, low: int, high: int, size_bytes_max: int) -> list[Entry]:
        """Entries [low, high), all of them here, cut to `size_bytes_max` of data, at least one."""
        start = low - self.low
        assert 0 <= start < len(self._entries) and high <= self.high, "the caller asks only for what is cached"
        before = self._ends[start - 1] if start else self._base
        # The overhead counted with each entry makes this cut a little early; the loop below takes the rest exactly.
        stop = min(high - self.low, max(start + 1, bisect_right(self._ends, before + size_bytes_max)))
        size = self._ends[stop - 1] - before - (stop - start) * ENTRY_OVERHEAD_BYTES
        while stop < high - self.low and size + len(self._entries[stop].data) <= size_bytes_max:
            size += len(self._entries[stop].data)
            stop += 1
        return self._entries[start:stop]

    def _trim(self) -> None:
        """Let the oldest go; an eighth at once, since deleting from the front of a list moves all the rest."""
        over_bytes = self._ends[-1] - self._base > self._bytes_max
        if not over_bytes and len(self._entries) <= self._entries_max:
            return
        count = max(len(self._entries) - self._entries_max, len(self._entries) // 8, 1)
        if over_bytes:
            count = max(count, bisect_left(self._ends, self._ends[-1] - self._bytes_max) + 1)
        count = min(count, len(self._entries) - 1)
        if count == 0:
            return
        self._base = self._ends[count - 1]
        del self._entries[:count], self._chains[:count], self._ends[:count]
        self.low += count
