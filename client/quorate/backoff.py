"""How long to wait before the next try: exponential, bounded, with full jitter so that clients do not return in step."""

from __future__ import annotations

import random
from typing import NamedTuple


class Backoff(NamedTuple):
    """`delay_s(0)` is the wait before the first retry. Source: full jitter, as in Brooker, "Exponential Backoff and Jitter"."""

    first_s: float = 0.02
    maximum_s: float = 1.0

    def delay_s(self, attempt: int) -> float:
        """A random wait in (0.5, 1] of the bound for this attempt; never 0, or a refused caller would spin."""
        bound = min(self.maximum_s, self.first_s * (1 << min(attempt, 16)))
        return bound * (0.5 + random.random() / 2)
