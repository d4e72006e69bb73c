"""Real time: how far the store was known to be by when, and by whom."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable
from itertools import accumulate
from typing import NamedTuple


class Seen(NamedTuple):
    """Somebody knew at `at_ns` that the store had reached `revision`."""

    at_ns: int
    revision: int
    tell: Callable[[], str]
    """The record in words, made when it is needed."""


class Frontier:
    """Sightings, and the highest revision among those before a moment. O(n log n) to make, O(log n) to ask."""

    def __init__(self, sightings: Iterable[Seen]) -> None:
        ordered = sorted(sightings, key=lambda seen: seen.at_ns)
        self._times_ns = [seen.at_ns for seen in ordered]
        self._highest: list[Seen] = list(accumulate(ordered, _higher))

    @property
    def highest(self) -> int:
        return self._highest[-1].revision if self._highest else 0

    def before(self, at_ns: int) -> Seen | None:
        """The sighting of the highest revision strictly before a moment; None when there was none."""
        at = bisect_left(self._times_ns, at_ns)
        return self._highest[at - 1] if at else None

    def first_at_least(self, revision: int) -> Seen | None:
        """The earliest sighting of a revision or a later one."""
        at = bisect_left(self._highest, revision, key=lambda seen: seen.revision)
        return self._highest[at] if at < len(self._highest) else None


def _higher(best: Seen, seen: Seen) -> Seen:
    return seen if seen.revision > best.revision else best
