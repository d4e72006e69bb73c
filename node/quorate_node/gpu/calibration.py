"""From how many signatures on a device is the faster one: measured at start on this machine, never a constant."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

SIZES: Final = (16, 64, 256, 1024, 4096, 16_384)
"""Batches that are timed."""
NEVER: Final = 2**63


@dataclass(frozen=True, slots=True)
class Timing:
    """Seconds for a batch of `size`: of the processor on one thread, and of the device, round trip from Python."""

    size: int
    processor_s: float
    device_s: float


def crossover(timings: Sequence[Timing], threads: int) -> int:
    """The smallest size from which on the device is always faster than the processor's `threads` together; `NEVER` where even the largest
    is not. Between two sizes the line through both decides."""
    assert threads >= 1, f"{threads} threads"
    ordered = sorted(timings, key=lambda timing: timing.size)
    first = NEVER
    for timing in reversed(ordered):
        if timing.device_s >= timing.processor_s / threads:
            break
        first = timing.size
    if first == NEVER or first == ordered[0].size:
        return first
    fast = next(timing for timing in ordered if timing.size == first)
    slow = ordered[ordered.index(fast) - 1]
    # Lead of the processor at the smaller size, of the device at the larger: where the two lines meet between them.
    behind, ahead = slow.device_s - slow.processor_s / threads, fast.processor_s / threads - fast.device_s
    return min(first, slow.size + max(1, round((fast.size - slow.size) * behind / (behind + ahead))))
