"""When an entry should wait a moment for more commands: clients that were answered together ask again together, but arrive one by one.

An entry has a price whatever it holds (messages, syncs, wake-ups on every member), so half full ones cost nearly double. How many
to wait for is what was there at the last completion: the commands answered and those that were waiting. Where clients do not come
back like that (open loops, think time), waiting is in vain: it is tried less and less often, and a lone client never waits.
"""

from __future__ import annotations

SKIP_MAX = 256


class Linger:
    def __init__(self, linger_s: float) -> None:
        self._linger_s = linger_s
        self._expected = 1
        self._began_s = 0.0
        self._skip = 0
        self._backoff = 1

    def completed(self, answered: int, waiting: int) -> None:
        """An entry of `answered` commands was applied while `waiting` others were pending."""
        self._expected = answered + waiting

    def remaining_s(self, pending: int, now_s: float) -> float:
        """How much longer to wait with `pending` commands there; 0: propose them now."""
        if not self._linger_s:
            return 0.0
        if pending >= self._expected:
            if self._began_s:
                self._backoff = 1
            self._began_s = 0.0
            return 0.0
        if not self._began_s:
            if self._skip > 0:
                self._skip -= 1
                return 0.0
            self._began_s = now_s
        left_s = self._began_s + self._linger_s - now_s
        if left_s > 0:
            return left_s
        # In vain: whoever was expected did not come back in time.
        self._began_s = 0.0
        self._expected = pending
        self._skip = self._backoff = min(self._backoff * 2, SKIP_MAX)
        return 0.0
