"""Says no early: how many at once, and how many a second. Whoever is refused learns when to come back."""

from __future__ import annotations

from collections.abc import Callable

Clock = Callable[[], float]
"""Monotonic seconds."""

_WEIGHT_OF_NEWEST = 0.1


class ConcurrencyLimiter:
    """At most `active_max` at a time, nobody waits: the refused one is told `retry_after_s` (HTTP 429 and its Retry-After).

    Each successful `try_acquire` is followed by exactly one `release`, whatever became of the work, cancellation included.
    """

    def __init__(self, active_max: int, clock: Clock, *, retry_after_max_s: float = 30.0) -> None:
        if active_max < 1:
            raise ValueError(f"active_max is {active_max}; it must be at least 1")
        if retry_after_max_s <= 0:
            raise ValueError(f"retry_after_max_s is {retry_after_max_s}; it must be greater than 0")
        self._active_max = active_max
        self._retry_after_max_s = retry_after_max_s
        self._clock = clock
        self._service_s = 0.0
        self.active = 0
        self.refused = 0

    def try_acquire(self) -> float | None:
        """When the work began, to be given to `release`; None when it may not begin."""
        if self.active >= self._active_max:
            self.refused += 1
            return None
        self.active += 1
        return self._clock()

    def release(self, began_s: float) -> None:
        assert self.active > 0, "released more often than acquired"
        self.active -= 1
        # A clock that stepped back must not make work look as if it took less than no time.
        took_s = max(0.0, self._clock() - began_s)
        self._service_s += (took_s - self._service_s) * _WEIGHT_OF_NEWEST

    def retry_after_s(self) -> float:
        """About how long until what is active now has passed: the running mean of the service time, bounded."""
        return min(self._retry_after_max_s, self._service_s)


class TokenBucket:
    """`rate_per_s` on average, `burst` at once. Full at the start."""

    def __init__(self, rate_per_s: float, burst: float, clock: Clock) -> None:
        if rate_per_s <= 0:
            raise ValueError(f"rate_per_s is {rate_per_s}; it must be greater than 0")
        if burst < 1:
            raise ValueError(f"burst is {burst}; it must be at least 1")
        self._rate_per_s = rate_per_s
        self._burst = float(burst)
        self._clock = clock
        self._tokens = float(burst)
        self._last_s = clock()
        self.refused = 0

    def take(self, tokens: float = 1.0) -> float:
        """0.0 when they were taken; else nothing was taken, and so many seconds must pass until they are there.

        Raises `ValueError` when there can never be so many.
        """
        if not 0 < tokens <= self._burst:
            raise ValueError(f"{tokens} tokens were asked of a bucket that holds 1 to {self._burst:g}")
        now_s = self._clock()
        # Neither a step back nor the step forward again that follows it fills the bucket twice.
        if now_s > self._last_s:
            self._tokens = min(self._burst, self._tokens + (now_s - self._last_s) * self._rate_per_s)
            self._last_s = now_s
        if self._tokens >= tokens:
            self._tokens -= tokens
            return 0.0
        self.refused += 1
        return (tokens - self._tokens) / self._rate_per_s
