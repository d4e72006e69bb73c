"""What a simulated process reads as the system's time."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine
from random import Random
from typing import Any

from quorate_node.simulator.clock import MachineClocks
from quorate_node.simulator.loop import VirtualLoop
from quorate_node.simulator.process import Process
from quorate_node.simulator.system_clocks import simulated_clocks
from quorate_node.simulator.trace import Trace

Times = tuple[int, float]


def test_a_process_is_told_its_machine_s_time_and_nobody_else_is() -> None:
    loop = VirtualLoop(Random(1), Trace())  # type: ignore[abstract]
    clocks = MachineClocks(5_000_000_000, 0)
    process = loop.process("m1", clocks.timers)
    process.wall = clocks.wall
    before = clocks.wall.local(0)
    clocks.wall.restart(0, before - 3_000_000_000)

    async def read() -> Times:
        await asyncio.sleep(1)
        return time.time_ns(), time.monotonic()

    real = time.time
    with simulated_clocks(loop):
        seen = loop.run(_answer_of(loop, process, read), 1_000)
        assert time.monotonic() > 0, "outside of a simulated process"
    assert seen == (before - 2_000_000_000, 6.0)
    assert time.time is real


async def _answer_of(loop: VirtualLoop, process: Process, read: Callable[[], Coroutine[Any, Any, Times]]) -> Times:
    return await loop.spawn(process, read())
