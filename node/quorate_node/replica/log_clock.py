"""The clock that stamps entries: log time (DESIGN decision 9)."""

from __future__ import annotations

from collections.abc import Callable


class LogClock:
    """Log time goes on from the last entry's by the leader's own clock, so a change of leader never makes it jump ahead.

    What it may do is stand still while nobody leads: leases then live longer, never shorter.
    """

    def __init__(self, now_ms: Callable[[], int]) -> None:
        self._now_ms = now_ms
        self._base_log_ms = 0
        self._base_now_ms = now_ms()

    def continue_from(self, log_time_ms: int) -> None:
        """A leader begins, or has applied an entry: log time is at least this."""
        if log_time_ms > self.read():
            self._base_log_ms = log_time_ms
            self._base_now_ms = self._now_ms()

    def restart_from(self, log_time_ms: int) -> None:
        """A new leadership: time that passed while another led is not ours to count."""
        self._base_log_ms = log_time_ms
        self._base_now_ms = self._now_ms()

    def read(self) -> int:
        elapsed_ms = self._now_ms() - self._base_now_ms
        assert elapsed_ms >= 0, "the clock under log time is monotonic"
        return self._base_log_ms + elapsed_ms
