"""A process that runs one seed after the other as it is told, and says how each ended. Whatever goes wrong in here costs one seed."""

from __future__ import annotations

import faulthandler
import gc
import logging
import os
import resource
import signal
import traceback
from multiprocessing.connection import Connection
from pathlib import Path

import msgspec

from quorate_node.simulator.case import Case
from quorate_node.simulator.options import draw
from quorate_node.simulator.run import run_case
from quorate_node.simulator.soak.state import Sums

MIB = 1 << 20


class Report(msgspec.Struct, frozen=True):
    """How a seed ended."""

    seed: int
    broken: str
    """Name of the property that does not hold; empty: all do."""
    evidence: str
    again: str
    sums: Sums
    resident_bytes_max: int = 0
    """Of the worker, up to now."""

    @property
    def ok(self) -> bool:
        return not self.broken


def serve(connection: Connection, memory_mib: int, stacks: Path) -> None:
    """The worker's program: seeds come over `connection`, reports go back. Ends with the connection: with its parent, then.

    `stacks`: where its stack is written to when it is sent SIGUSR1.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent, which ends its workers itself.
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    logging.disable(logging.CRITICAL)
    _bound_memory(memory_mib)
    with stacks.open("w") as file:
        faulthandler.register(signal.SIGUSR1, file=file)
        gc.collect()
        gc.freeze()  # The modules: no collection between two seeds looks at them again.
        try:
            while True:
                connection.send_bytes(msgspec.msgpack.encode(run(connection.recv())))
        except (EOFError, BrokenPipeError, ConnectionResetError):
            return


def run(seed: int) -> Report:
    case = Case(draw(seed))
    try:
        result, _ = run_case(case)
    except Exception as error:  # noqa: BLE001 - a simulator that fails is a finding as well
        evidence = "".join(traceback.format_exception(error))
        return Report(seed, "the simulator does not fail", evidence, case.line(), Sums(seeds=1), _resident_bytes_max())
    outcome = result.outcome
    sums = Sums(1, outcome.virtual_s, result.cpu_s, outcome.steps, outcome.operations, result.judged)
    return Report(seed, outcome.broken, outcome.evidence, case.line(), sums, _resident_bytes_max())


def _bound_memory(memory_mib: int) -> None:
    """A seed that grows without end fails by itself, and does not take the machine with it."""
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    bytes_max = memory_mib * MIB if hard == resource.RLIM_INFINITY else min(memory_mib * MIB, hard)
    resource.setrlimit(resource.RLIMIT_AS, (bytes_max, hard))


def _resident_bytes_max() -> int:
    used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return used if os.uname().sysname == "Darwin" else used * 1024
