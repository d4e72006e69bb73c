"""Where each entry's record lies: three numbers an index, kept in arrays (12 bytes an entry), rebuilt by the scan at open."""

from __future__ import annotations

import logging
from array import array
from collections.abc import Sequence
from itertools import accumulate

logger = logging.getLogger(__name__)

GAP_INDEXES_MAX = 1 << 20
"""A hole in the log wider than this is not filled with empty places: what lies before it counts as missing."""
_FEW = 16


class SegmentIndex:
    """index -> (segment, offset, length); segment 0 and length 0 where there is no record. Not safe for threads: its owner locks."""

    def __init__(self) -> None:
        self.first = 0
        self._segments = array("I")
        self._offsets = array("I")
        self._lengths = array("I")
        self.live: dict[int, int] = {}
        """Records that are still reachable, by segment: a segment with none may go."""
        self.live_bytes = 0

    def __len__(self) -> int:
        return len(self._lengths)

    def put(self, first: int, segment: int, offset: int, lengths: Sequence[int]) -> None:
        """Records that lie back to back from `offset` on."""
        count = len(lengths)
        if not count:
            return
        position = self._make_room(first)
        end = position + count
        self.live[segment] = self.live.get(segment, 0) + count
        self.live_bytes += sum(lengths)
        if count == 1 and position == len(self._lengths):
            # One entry a batch is what a lone client makes: a third of the time that slices take.
            self._segments.append(segment)
            self._offsets.append(offset)
            self._lengths.append(lengths[0])
            return
        if position < len(self._lengths):
            self._forget(position, min(end, len(self._lengths)))
        offsets = array("I", accumulate(lengths, initial=offset))
        offsets.pop()
        self._segments[position:end] = array("I", [segment]) * count
        self._offsets[position:end] = offsets
        self._lengths[position:end] = array("I", lengths)

    def drop(self, low: int, high: int) -> None:
        """Forget [low, high)."""
        begin = max(low - self.first, 0)
        end = min(high - self.first, len(self._lengths))
        if begin >= end:
            return
        self._forget(begin, end)
        if end == len(self._lengths) or begin == 0:
            for column in (self._segments, self._offsets, self._lengths):
                del column[begin:end]
            if begin == 0:
                self.first += end
        else:
            empty = array("I", [0]) * (end - begin)
            for column in (self._segments, self._offsets, self._lengths):
                column[begin:end] = empty

    def locate(self, low: int, high: int) -> list[tuple[int, int, int]]:
        """(segment, offset, length) of each index of [low, high)."""
        begin, end = max(low - self.first, 0), max(high - self.first, 0)
        found = list(zip(self._segments[begin:end], self._offsets[begin:end], self._lengths[begin:end], strict=True))
        before = min(max(self.first - low, 0), high - low)
        return [(0, 0, 0)] * before + found + [(0, 0, 0)] * (high - low - before - len(found))

    def _make_room(self, first: int) -> int:
        """Where `first` goes, what lies between it and the other records filled with empty places."""
        size = len(self._lengths)
        if not size:
            self.first = first
            return 0
        missing = first - (self.first + size) if first > self.first else self.first - first
        if missing > GAP_INDEXES_MAX:
            logger.error("the log has a hole of %d entries beside index %d: what lies on its other side counts as missing", missing, first)
            self.drop(self.first, self.first + size)
            self.first = first
            return 0
        if missing > 0:
            at = size if first > self.first else 0
            empty = array("I", [0]) * missing
            for column in (self._segments, self._offsets, self._lengths):
                column[at:at] = empty
            self.first = min(self.first, first)
        return first - self.first

    def _forget(self, begin: int, end: int) -> None:
        segments = self._segments[begin:end]
        if end - begin <= _FEW:
            for segment in segments:
                self._count_off(segment, 1)
        else:
            for segment in set(segments):
                self._count_off(segment, segments.count(segment))
        self.live_bytes -= sum(self._lengths[begin:end])

    def _count_off(self, segment: int, count: int) -> None:
        if segment:
            self.live[segment] -= count
            assert self.live[segment] >= 0, "a segment has no fewer records than none"
