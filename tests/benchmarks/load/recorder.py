"""What a closed loop of requests saw: how many, how fast, how many failed."""

from __future__ import annotations

import asyncio
from array import array
from dataclasses import dataclass


@dataclass(frozen=True)
class Sample:
    """One timed run of one load. Latencies are sorted, in seconds."""

    operations: int
    seconds: float
    failures: int
    latencies_s: array[float]
    first_failure: str = ""

    @property
    def per_second(self) -> float:
        return self.operations / self.seconds if self.seconds else 0.0

    def percentile_ms(self, share: float) -> float:
        """Latency in ms that `share` (0 to 1) of the operations kept to; NaN when there was none."""
        if not self.latencies_s:
            return float("nan")
        return self.latencies_s[min(len(self.latencies_s) - 1, int(share * len(self.latencies_s)))] * 1000.0


class Recorder:
    """Shared by the connections of one run, on one event loop.

    While `running`, a connection that completes a request sends the next one. Only completions while `measuring` count, so that
    connecting and warming up do not.
    """

    def __init__(self) -> None:
        self.running = True
        self.measuring = False
        self.latencies_s = array("d")
        self.failures = 0
        self.first_failure = ""
        self.lost: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def fail(self, reason: str) -> None:
        self.failures += 1
        self.first_failure = self.first_failure or reason

    def lose(self, reason: str) -> None:
        """A connection is gone: the run is void, since fewer requests are in flight than it says."""
        if self.running and not self.lost.done():
            self.lost.set_exception(ConnectionError(f"a connection of the load was lost: {reason}"))

    async def warm_up(self, seconds: float) -> None:
        """Let it run without counting. Raises RuntimeError when requests fail already."""
        await self._wait(seconds)
        if self.failures:
            raise RuntimeError(f"the load failed while it warmed up: {self.first_failure}")

    async def measure(self, seconds: float) -> Sample:
        loop = asyncio.get_running_loop()
        self.measuring = True
        begun = loop.time()
        await self._wait(seconds)
        self.measuring = False
        took = loop.time() - begun
        self.running = False
        if not self.latencies_s:
            raise RuntimeError(f"nothing was answered in {seconds} s: {self.failures} failures, the first: {self.first_failure or 'none'}")
        ordered = array("d", sorted(self.latencies_s))
        return Sample(len(ordered), took, self.failures, ordered, self.first_failure)

    async def _wait(self, seconds: float) -> None:
        done, _ = await asyncio.wait([self.lost], timeout=seconds)
        for future in done:
            future.result()
