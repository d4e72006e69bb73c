"""The time of the system, as a simulated process is told it: its machine's.

So nothing real is in a run, and a wall clock that a fault has set back is one for whatever reads it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from quorate_node.simulator.loop import VirtualLoop
from quorate_node.simulator.process import Process, current_process

SECOND_NS = 1_000_000_000
READ = ("time", "time_ns", "monotonic", "monotonic_ns")


@contextmanager
def simulated_clocks(loop: VirtualLoop) -> Iterator[None]:
    """Within, in contexts of simulated processes: `time.time`, `time.monotonic`, their forms in nanoseconds, and `time.sleep`.
    Elsewhere (another thread, a test around the run) they are what they were."""
    real = {name: getattr(time, name) for name in (*READ, "sleep")}

    def shown(which: Callable[[Process], int], name: str, per_second: bool) -> Callable[[], float]:
        def read() -> float:
            process = current_process.get(None)
            if process is None or process is loop.world:
                return float(real[name]()) if per_second else real[name]()
            shown_ns = which(process)
            return shown_ns / SECOND_NS if per_second else shown_ns

        return read

    def wall(process: Process) -> int:
        return process.wall.local(loop.now_ns + process.ahead_ns)

    def sleep(seconds: Any) -> None:
        """Work in another thread takes what the loop's executor draws for it, whatever it waits for in between."""
        if current_process.get(None) is None:
            real["sleep"](seconds)

    for name in READ:
        setattr(time, name, shown(wall if name.startswith("time") else loop.shown_ns, name, not name.endswith("_ns")))
    time.sleep = sleep
    try:
        yield
    finally:
        for name, call in real.items():
            setattr(time, name, call)
