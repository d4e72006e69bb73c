"""Random numbers by name, so that what is left out of a run moves nothing of what is left in: the ground that shrinking stands on."""

from __future__ import annotations

from collections.abc import Mapping
from heapq import heapify, heappop, heappush
from random import Random


def stream(seed: int, *name: object) -> Random:
    """The numbers of one part of one seed's world, the same whatever the other parts draw."""
    return Random(" ".join(map(str, (*name, seed))))


class Timetable:
    """What comes when: for each name a Poisson process of its own, all of them together in order of time."""

    def __init__(self, seed: int, rates: Mapping[str, float]) -> None:
        """`rates`: of each name, a second; one that is 0 never comes."""
        self._gaps = {name: (stream(seed, "gaps", name), rate) for name, rate in rates.items() if rate > 0}
        self._due = [(random.expovariate(rate), name, 1) for name, (random, rate) in self._gaps.items()]
        heapify(self._due)

    def next(self) -> tuple[float, str, int] | None:
        """(seconds from the beginning, name, how many of this name with it), never earlier than the last; None: nothing ever comes."""
        if not self._due:
            return None
        due_s, name, number = heappop(self._due)
        random, rate = self._gaps[name]
        heappush(self._due, (due_s + random.expovariate(rate), name, number + 1))
        return due_s, name, number
