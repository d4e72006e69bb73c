"""Crowds: many clients that come at one moment, ask one member for one thing each, and go. What does not fit is refused, exactly."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence

from quorate_node.simulator.caller import Caller
from quorate_node.simulator.host import Host
from quorate_node.simulator.leasing import Leases
from quorate_node.simulator.loop import VirtualLoop
from quorate_node.simulator.options import Options
from quorate_node.simulator.recorder import Recorder
from quorate_node.simulator.reductions import Reductions
from quorate_node.simulator.streams import Timetable, stream
from quorate_node.simulator.workload import Client

FIRST_NUMBER = 100_000
"""Of a crowd's clients; each crowd has so many numbers, too."""
CROWD_MIN, CROWD_MAX = 5, 60


class Bursts:
    def __init__(
        self,
        loop: VirtualLoop,
        caller: Caller,
        hosts: Callable[[], Sequence[Host]],
        recorder: Recorder,
        options: Options,
        reductions: Reductions,
        counters: Counter[str],
    ) -> None:
        self._loop = loop
        self._caller = caller
        self._hosts = hosts
        self._recorder = recorder
        self._options = options
        self._reductions = reductions
        self._counters = counters
        self._leases = Leases()
        self.happened: list[str] = []
        """As `Reductions.faults` names them."""

    async def run(self) -> None:
        """Until it is cancelled."""
        seed, began_s = self._options.seed, self._loop.time()
        timetable = Timetable(seed, {"burst": self._options.bursts})
        while coming := timetable.next():
            due_s, name, number = coming
            await asyncio.sleep(began_s + due_s - self._loop.time())
            if self._reductions.fault_happens(name, number):
                self.happened.append(f"{name}.{number}")
                self._counters["burst"] += 1
                self._come(number)

    def _come(self, number: int) -> None:
        random = stream(self._options.seed, "burst", number)
        host = random.choice(self._hosts())
        for one in range(random.randint(CROWD_MIN, CROWD_MAX)):
            name = FIRST_NUMBER * number + one
            client = Client(
                name, self._loop, self._caller, lambda: [host], self._recorder, self._options, self._reductions, self._leases, None
            )
            self._loop.spawn(self._loop.world, client.step())
