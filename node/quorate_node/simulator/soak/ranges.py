"""Sets of seeds as half-open ranges: a night's seeds are a handful of them, however many seeds there are."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator


class Ranges:
    """Disjoint ranges [low, high), in order; none touches the next."""

    def __init__(self, ranges: Iterable[tuple[int, int]] = ()) -> None:
        self._ranges: list[tuple[int, int]] = []
        for low, high in sorted(ranges):
            if low >= high:
                continue
            if self._ranges and low <= self._ranges[-1][1]:
                self._ranges[-1] = self._ranges[-1][0], max(high, self._ranges[-1][1])
            else:
                self._ranges.append((low, high))

    def add(self, seed: int) -> None:
        """Does nothing when it is there already."""
        place = bisect_right(self._ranges, (seed, seed + 1))
        low, high = seed, seed + 1
        if place and self._ranges[place - 1][1] >= low:
            place -= 1
            low, high = self._ranges[place][0], max(high, self._ranges[place][1])
        end = place
        while end < len(self._ranges) and self._ranges[end][0] <= high:
            high = max(high, self._ranges[end][1])
            end += 1
        self._ranges[place:end] = [(low, high)]

    def __contains__(self, seed: int) -> bool:
        place = bisect_right(self._ranges, seed, key=lambda each: each[0])
        return bool(place) and seed < self._ranges[place - 1][1]

    def __len__(self) -> int:
        return sum(high - low for low, high in self._ranges)

    def count(self, low: int, high: int) -> int:
        """How many of [low, high) are there."""
        return sum(max(0, min(high, there_high) - max(low, there_low)) for there_low, there_high in self._ranges)

    @property
    def end(self) -> int:
        """One beyond the highest; 0 when there is none."""
        return self._ranges[-1][1] if self._ranges else 0

    def missing(self, low: int, high: int) -> Iterator[int]:
        """Those of [low, high) that are not there now, in order."""
        for there_low, there_high in [*self._ranges, (high, high)]:
            yield from range(low, min(there_low, high))
            low = max(low, there_high)

    def to_list(self) -> list[tuple[int, int]]:
        return list(self._ranges)
