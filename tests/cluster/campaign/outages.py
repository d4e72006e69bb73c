"""When a cluster did not serve: the stretches without any success, among clients that kept asking."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise

SHORTEST_S = 0.25
"""A gap shorter than this is how requests happen to fall; a longer one is told as an outage."""


@dataclass(frozen=True)
class Outage:
    """From the last success before it to the first one after, in seconds since the beginning."""

    begin_s: float
    end_s: float

    @property
    def length_s(self) -> float:
        return self.end_s - self.begin_s


def outages(successes_s: Iterable[float], begin_s: float, end_s: float, shortest_s: float = SHORTEST_S) -> list[Outage]:
    """Gaps of at least `shortest_s` between successes within [begin_s, end_s]; both ends count, so no success at all is one outage."""
    assert begin_s <= end_s, f"it ended at {end_s} before it began at {begin_s}"
    marks = [begin_s, *sorted(at_s for at_s in successes_s if begin_s <= at_s <= end_s), end_s]
    return [Outage(earlier, later) for earlier, later in pairwise(marks) if later - earlier >= shortest_s]


def totals(found: list[Outage], begin_s: float, end_s: float) -> dict[str, float | int]:
    """count, longest_s, total_s, and the share of the time that was served (1.0 is always)."""
    total_s = sum(outage.length_s for outage in found)
    span_s = end_s - begin_s
    return {
        "count": len(found),
        "longest_s": round(max((outage.length_s for outage in found), default=0.0), 3),
        "total_s": round(total_s, 3),
        "served_share": round(1.0 - total_s / span_s, 5) if span_s else 1.0,
    }


def percentile(ordered: list[float], share: float) -> float:
    """Nearest rank of an ordered list; 0.0 of an empty one."""
    if not ordered:
        return 0.0
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]
