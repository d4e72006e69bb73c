"""Workers that misbehave on certain seeds, in place of `worker.serve`."""

from __future__ import annotations

import faulthandler
import os
import signal
import time
from multiprocessing.connection import Connection
from pathlib import Path

import msgspec

from quorate_node.simulator.soak.state import Sums
from quorate_node.simulator.soak.worker import Report

HANGS, DIES, BREAKS = 3, 5, 7


def misbehave(connection: Connection, _memory_mib: int, stacks: Path) -> None:
    with stacks.open("w") as file:
        faulthandler.register(signal.SIGUSR1, file=file)
        while True:
            try:
                seed = connection.recv()
            except EOFError:
                return
            if seed == HANGS:
                where_it_hangs()
            if seed == DIES:
                os.kill(os.getpid(), signal.SIGKILL)
            broken = "linearizable" if seed == BREAKS else ""
            report = Report(seed, broken, "evidence" if broken else "", f"again {seed}", Sums(seeds=1, virtual_s=2.0, cpu_s=0.5))
            connection.send_bytes(msgspec.msgpack.encode(report))


def where_it_hangs() -> None:
    time.sleep(600)
