"""How far a run is: counted here, shown by `display`."""

from __future__ import annotations

import time

import msgspec

from quorate_node.simulator.soak.state import CommitRecord, FailedSeed, Sums


class Totals(msgspec.Struct, frozen=True):
    """Of one run, up to now. Rates are of this run, the counts of the commit's seeds asked for include those of earlier runs."""

    commit: str
    seeds_asked: int
    seeds_done: int
    """Of those asked for."""
    seeds_now: int
    """Ended in this run."""
    failed: int
    elapsed_s: float
    seeds_per_s: float
    virtual_s: float
    cpu_s: float
    virtual_per_cpu: float
    """Seconds of virtual time in a second of processor time."""
    operations: int
    remaining_s: float | None
    """Until the seeds or the time given are over; None: nothing to tell it from yet."""


class Progress:
    def __init__(self, record: CommitRecord, asked: int, done: int, minutes: float | None) -> None:
        self.failed: list[FailedSeed] = []
        self.sums = Sums()
        self._record = record
        self._asked = asked
        self._done = done
        self._limit_s = None if minutes is None else minutes * 60.0
        self._began_s = time.monotonic()

    @property
    def elapsed_s(self) -> float:
        return time.monotonic() - self._began_s

    @property
    def over(self) -> bool:
        """The time that was given has passed."""
        return self._limit_s is not None and self.elapsed_s >= self._limit_s

    def totals(self) -> Totals:
        elapsed_s, sums = self.elapsed_s, self.sums
        rate = sums.seeds / elapsed_s if elapsed_s > 0 else 0.0
        done = self._done + sums.seeds
        ends = [] if rate == 0 else [(self._asked - done) / rate]
        if self._limit_s is not None:
            ends.append(max(0.0, self._limit_s - elapsed_s))
        return Totals(
            commit=self._record.commit,
            seeds_asked=self._asked,
            seeds_done=done,
            seeds_now=sums.seeds,
            failed=len(self.failed),
            elapsed_s=elapsed_s,
            seeds_per_s=rate,
            virtual_s=sums.virtual_s,
            cpu_s=sums.cpu_s,
            virtual_per_cpu=sums.virtual_s / sums.cpu_s if sums.cpu_s else 0.0,
            operations=sums.operations,
            remaining_s=min(ends, default=None),
        )
