"""How long is waited for those that work a list off, of which nobody can say beforehand how long it takes them."""

from __future__ import annotations

SLOW_S = 20.0
SLOW_S_MAX = 600.0


class Patience:
    """An application that takes a snapshot with every command is as slow as its disk: what it has to show is that the slowest moves on,
    within `SLOW_S` each time, and comes to the end within `SLOW_S_MAX`."""

    def __init__(self, now_s: float, at_least_s: float) -> None:
        self._begun_s = now_s
        self._until_s = now_s + at_least_s
        self._furthest = -1

    def look(self, now_s: float, slowest: int) -> None:
        """`slowest`: how far the one has come that has come least far. Who falls back and comes that far again has not moved on."""
        if slowest > self._furthest:
            self._furthest = slowest
            self._until_s = max(self._until_s, min(now_s + SLOW_S, self._begun_s + SLOW_S_MAX))

    def is_over(self, now_s: float) -> bool:
        return now_s > self._until_s

    def waited_s(self, now_s: float) -> float:
        return now_s - self._begun_s
