"""How often the same may be told: a few at once, then one now and then (a token bucket a kind). What is left out is counted."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field

BURST = 10
EVERY_S = 60.0
KINDS_MAX = 4096
"""Buckets that are kept; the one that was used longest ago goes, and is full again when it is needed."""

Kind = tuple[str, ...]


@dataclass
class _Bucket:
    tokens: float
    at: float
    left_out: int = 0


@dataclass
class Allowance:
    clock: Callable[[], float] = time.monotonic
    _buckets: OrderedDict[Kind, _Bucket] = field(default_factory=OrderedDict)

    def ask(self, kind: Kind) -> int | None:
        """None: not now. Else it may be told, together with how many of its kind were left out since the last one."""
        now = self.clock()
        bucket = self._buckets.setdefault(kind, _Bucket(BURST, now))
        self._buckets.move_to_end(kind)
        if len(self._buckets) > KINDS_MAX:
            self._buckets.popitem(last=False)
        bucket.tokens, bucket.at = min(BURST, bucket.tokens + (now - bucket.at) / EVERY_S), now
        if bucket.tokens < 1:
            bucket.left_out += 1
            return None
        left_out, bucket.left_out = bucket.left_out, 0
        bucket.tokens -= 1
        return left_out
