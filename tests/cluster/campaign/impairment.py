"""What a wire does to packets on their way, one direction of one pair of members: the words of `tc netem`, and their order."""

from __future__ import annotations

import random
from dataclasses import dataclass

QUEUE_PACKETS_MAX = 2_000
"""Packets that wait in one direction; more are dropped from the tail, as a router does."""


@dataclass(frozen=True)
class Impairment:
    """Rates are probabilities of a packet, 0 to 1. `rate_bytes_per_s` 0: no limit. The default does nothing."""

    drop: bool = False
    delay_ms: float = 0.0
    jitter_ms: float = 0.0
    """Added evenly between 0 and this; order is kept."""
    loss: float = 0.0
    duplicate: float = 0.0
    reorder: float = 0.0
    """So many packets overtake those before them: they leave at once."""
    rate_bytes_per_s: int = 0

    def __post_init__(self) -> None:
        for name in ("loss", "duplicate", "reorder"):
            value = getattr(self, name)
            assert 0.0 <= value <= 1.0, f"{name}: {value} must be a probability from 0 to 1"
        for name in ("delay_ms", "jitter_ms", "rate_bytes_per_s"):
            assert getattr(self, name) >= 0, f"{name}: {getattr(self, name)} must not be negative"

    @property
    def idle(self) -> bool:
        return self == Impairment()


class Wire:
    """One direction. `plan` says when copies of a packet arrive; time is an argument, so that a test needs no clock."""

    def __init__(self, impairment: Impairment, generator: random.Random) -> None:
        self.impairment = impairment
        self.dropped_packets = 0
        self.waiting_packets = 0
        self._generator = generator
        self._sent_until_s = 0.0
        self._last_arrival_s = 0.0

    def plan(self, now_s: float, size_bytes: int) -> list[float]:
        """Arrival times of a packet given to the wire at `now_s`: none when it is lost, two when it is doubled."""
        rules, generator = self.impairment, self._generator
        if rules.drop or self.waiting_packets >= QUEUE_PACKETS_MAX or generator.random() < rules.loss:
            self.dropped_packets += 1
            return []
        copies = 2 if generator.random() < rules.duplicate else 1
        return [self._arrival_s(now_s, size_bytes) for _ in range(copies)]

    def _arrival_s(self, now_s: float, size_bytes: int) -> float:
        rules, generator = self.impairment, self._generator
        sent_s = now_s
        if rules.rate_bytes_per_s:
            sent_s = max(now_s, self._sent_until_s) + size_bytes / rules.rate_bytes_per_s
            self._sent_until_s = sent_s
        if generator.random() < rules.reorder:
            return sent_s
        arrival_s = max(self._last_arrival_s, sent_s + (rules.delay_ms + generator.uniform(0.0, rules.jitter_ms)) / 1000)
        self._last_arrival_s = arrival_s
        return arrival_s
