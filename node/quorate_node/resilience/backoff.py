"""Exponential back-off with full jitter, so that members that lost the same peer do not come back to it in step."""

from __future__ import annotations

from collections.abc import Callable


class Backoff:
    """Delays before retries: uniform in [0, min(`delay_max_s`, `base_s` * 2^n)] (AWS Architecture Blog, "Exponential Backoff And Jitter").

    `random` returns floats in [0, 1). Raises `ValueError` for bounds that make no sense.
    """

    def __init__(self, base_s: float, delay_max_s: float, random: Callable[[], float]) -> None:
        if base_s <= 0:
            raise ValueError(f"base_s is {base_s}; it must be greater than 0")
        if delay_max_s < base_s:
            raise ValueError(f"delay_max_s is {delay_max_s}, below base_s {base_s}; raise it or lower base_s")
        self._base_s = base_s
        self._delay_max_s = delay_max_s
        self._random = random
        self._ceiling_s = base_s
        self.failures = 0

    @property
    def ceiling_s(self) -> float:
        """The longest that the next delay can be."""
        return self._ceiling_s

    def next_delay_s(self) -> float:
        """Count one more failure and say how long to wait before the next try."""
        delay_s = self._random() * self._ceiling_s
        self.failures += 1
        # Doubling stops at the bound: 2.0 ** failures would overflow after a day of refusals.
        self._ceiling_s = min(self._delay_max_s, self._ceiling_s * 2)
        assert 0 <= delay_s <= self._delay_max_s
        return delay_s

    def reset(self) -> None:
        """A success: the next failure starts from `base_s` again."""
        self._ceiling_s = self._base_s
        self.failures = 0
