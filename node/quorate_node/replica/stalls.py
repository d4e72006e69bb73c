"""Whether a leader whose disk stalls should hand over: only to a member whose disk has kept up all along, and seldom.

A leader answers nobody before its own disk has what it applies, so one sick disk should not lead. But where the machine under all members
is slow, every disk seems sick in its turn: then leadership would go round, and each election waits for the same disks.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping

REST_STALLS = 10
"""For so many times the stall that counts nothing is handed over after a change of leaders or an attempt, and the others are watched."""


class Stalls:
    """Fed by housekeeping ten times a second. Times are seconds of one clock."""

    def __init__(self, stall_s: float) -> None:
        self._stall_s = stall_s
        self._window_s = REST_STALLS * stall_s
        self._leader = 0
        self._rest_until_s = float("-inf")
        self._grown: list[tuple[int, float]] = []
        """(last index, when the leader's log was first seen to reach it), within the window and the newest before it."""
        self._behind_s: dict[int, float] = {}
        """Member -> when it was last seen to be behind for too long."""

    def leads(self, now_s: float, leader: int) -> None:
        """The leader that this member knows, 0 for none."""
        if not leader or leader == self._leader:
            return
        if self._leader:
            self._rest_until_s = now_s + self._window_s
        self._leader = leader
        self._grown.clear()
        self._behind_s.clear()

    def observe(self, now_s: float, last_index: int, matches: Mapping[int, int]) -> None:
        """What the leader's log holds, and what each other member has acknowledged to have on disk."""
        if not self._grown or last_index > self._grown[-1][0]:
            self._grown.append((last_index, now_s))
        while len(self._grown) > 1 and self._grown[1][1] < now_s - self._window_s:
            del self._grown[0]
        for member, match in matches.items():
            lacking = bisect_right(self._grown, match, key=_index)
            if lacking < len(self._grown) and now_s - self._grown[lacking][1] > self._stall_s / 2:
                self._behind_s[member] = now_s

    def is_sound(self, now_s: float, member: int) -> bool:
        """Whether the member's disk has kept up lately, always within half the stall that counts."""
        return self._behind_s.get(member, float("-inf")) < now_s - self._window_s

    def is_resting(self, now_s: float) -> bool:
        return now_s < self._rest_until_s

    def tried(self, now_s: float) -> None:
        """Leadership is offered now. Whatever comes of it, not again at once."""
        self._rest_until_s = now_s + self._window_s


def _index(grown: tuple[int, float]) -> int:
    return grown[0]
