"""What a peer may cost by votes that need the full equation: honest ones need none, so whoever sends many is held to a rate.

The slow path costs a device half a verification more, and a processor without the host library thirty times as much (2 ms).
"""

from __future__ import annotations

from typing import Final

SOURCES_MAX: Final = 4096


class SlowPathBudget:
    """A bucket of slow signatures for each source: `burst` at once, `per_second` after. Time is an argument (seconds, monotonic)."""

    __slots__ = ("_levels", "burst", "per_second", "refused")

    def __init__(self, per_second: float, burst: int) -> None:
        assert per_second > 0 and burst > 0, f"{per_second} a second, {burst} at once"
        self.per_second, self.burst = per_second, burst
        self.refused = 0
        self._levels: dict[str, tuple[float, float]] = {}  # source -> (what is used, at which time)

    def _used(self, source: str, now_s: float) -> float:
        used, at_s = self._levels.get(source, (0.0, now_s))
        return max(0.0, used - (now_s - at_s) * self.per_second)

    def admits(self, source: str, now_s: float) -> bool:
        """Whether this source's next batch is verified; a refusal is counted."""
        if self._used(source, now_s) < self.burst:
            return True
        self.refused += 1
        return False

    def charge(self, source: str, slow: int, now_s: float) -> None:
        """Count a source's slow signatures. Of too many sources the one that was charged longest ago is forgotten."""
        used = self._used(source, now_s) + slow
        self._levels.pop(source, None)
        if used:
            self._levels[source] = used, now_s
        while len(self._levels) > SOURCES_MAX:
            del self._levels[next(iter(self._levels))]
