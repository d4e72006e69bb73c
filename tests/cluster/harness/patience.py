"""How long a test waits: a time in which it was awake to look.

Machines stand still: a host stops its guests, a laptop is shut, a debugger holds everything. The members stood still too then, and the
first look after it must not be the one that gives up.
"""

from __future__ import annotations

import time
from collections.abc import Callable

LOOK_S_MAX = 8.0
"""No look takes longer where all goes on: the longest is a request that nobody answers."""


class Patience:
    """`while patience.lasts(): look, and sleep a little`. `limit_s` in seconds; between two looks at most `LOOK_S_MAX` of them pass."""

    def __init__(self, limit_s: float, now_s: Callable[[], float] = time.monotonic) -> None:
        self._limit_s = limit_s
        self._now_s = now_s
        self._looked_s = now_s()
        self._spent_s = 0.0

    def lasts(self) -> bool:
        now_s = self._now_s()
        self._spent_s += min(now_s - self._looked_s, LOOK_S_MAX)
        self._looked_s = now_s
        return self._spent_s < self._limit_s
