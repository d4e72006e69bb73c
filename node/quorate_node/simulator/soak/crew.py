"""The workers of a run, seen from their parent: who runs which seed, for how long, and when one has to be replaced."""

from __future__ import annotations

import multiprocessing
import os
import signal
import time
from collections.abc import Callable, Iterator
from multiprocessing.connection import Connection, wait
from pathlib import Path

import msgspec

from quorate_node.simulator import run_files
from quorate_node.simulator.case import Case
from quorate_node.simulator.options import draw
from quorate_node.simulator.soak.state import Sums
from quorate_node.simulator.soak.worker import Report, serve

SEEDS_PER_WORKER = 500
"""Then it is replaced: what leaks, leaks only so much."""
RESIDENT_BYTES_MAX = 512 << 20
LOOK_S = 0.25
AWAKE_S_MAX = 1.0
"""A look that comes later than this was not the seed's doing: the machine slept, or this process was not let run."""
STACK_S = 0.5
SURVIVES = "the simulator's process survives"
ENDS = "a seed ends within its time"


Program = Callable[[Connection, int, Path], None]
"""(connection, MiB, file for its stack): what a worker runs. `worker.serve`, but in tests."""


class _Worker:
    def __init__(self, number: int, program: Program, memory_mib: int, folder: Path) -> None:
        # A server that has imported the simulator once forks them all: quick, and the same source however long the run lasts.
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload(["quorate_node.simulator.soak.worker"])
        self.stacks = folder / f"worker-{number}.stack"
        self.connection, theirs = context.Pipe()
        self.process = context.Process(target=program, args=(theirs, memory_mib, self.stacks), daemon=True)
        self.process.start()
        theirs.close()
        self.seed = -1
        """-1: it waits for one."""
        self.busy_s = 0.0
        self.seeds = 0

    def give(self, seed: int) -> None:
        self.seed, self.busy_s = seed, 0.0
        try:
            self.connection.send(seed)
        except OSError:
            return  # It is dead: its end of the connection says so at the next look.

    def stack(self) -> str:
        """Where it is now: asked of a worker that does not answer."""
        pid = self.process.pid
        assert pid is not None
        os.kill(pid, signal.SIGUSR1)
        time.sleep(STACK_S)
        return self.stacks.read_text(errors="replace")

    def end(self) -> None:
        """At once, whatever it does."""
        self.process.kill()
        self.process.join()
        self.connection.close()
        if self.process.pid is not None:
            run_files.remove_of(self.process.pid)
        self.stacks.unlink(missing_ok=True)


class Crew:
    """`jobs` workers, each seed bounded by `seed_s_max` of time in which this process was let run, and by memory."""

    def __init__(self, jobs: int, seed_s_max: float, memory_mib: int, folder: Path, program: Program = serve) -> None:
        self._jobs = jobs
        self._seed_s_max = seed_s_max
        self._memory_mib = memory_mib
        self._folder = folder
        self._program = program
        self._workers: list[_Worker] = []
        self._numbers = 0

    def run(self, seeds: Iterator[int], report: Callable[[Report], None], look: Callable[[], bool]) -> None:
        """Until all `seeds` have ended, or `look()`, asked several times a second, says that no more are to begin."""
        try:
            while True:
                if look():
                    seeds = iter(())
                self._employ(seeds)
                busy = [worker for worker in self._workers if worker.seed >= 0]
                if not busy:
                    return
                self._listen(busy, report)
        finally:
            for worker in self._workers:
                worker.end()
            self._workers.clear()

    def _employ(self, seeds: Iterator[int]) -> None:
        """Nobody idles while there are seeds."""
        idle = [worker for worker in self._workers if worker.seed < 0]
        while idle or len(self._workers) < self._jobs:
            seed = next(seeds, None)
            if seed is None:
                return
            if idle:
                worker = idle.pop()
            else:
                self._numbers += 1
                worker = _Worker(self._numbers, self._program, self._memory_mib, self._folder)
                self._workers.append(worker)
            worker.give(seed)

    def _listen(self, busy: list[_Worker], report: Callable[[Report], None]) -> None:
        connections = {worker.connection: worker for worker in busy}
        began_s = time.monotonic()
        heard = wait(list(connections), LOOK_S)
        passed_s = min(time.monotonic() - began_s, AWAKE_S_MAX)
        for worker in busy:
            worker.busy_s += passed_s
        for connection in heard:
            assert isinstance(connection, Connection)
            self._hear(connections[connection], report)
        for worker in busy:
            if worker.seed >= 0 and worker.busy_s > self._seed_s_max and worker in self._workers:
                evidence = f"no end after {worker.busy_s:.0f} s, the limit is {self._seed_s_max:g} s (--seed-seconds)\n{worker.stack()}"
                report(_lost(worker.seed, ENDS, evidence))
                self._dismiss(worker)

    def _hear(self, worker: _Worker, report: Callable[[Report], None]) -> None:
        try:
            ended = msgspec.msgpack.decode(worker.connection.recv_bytes(), type=Report)
        except (EOFError, OSError):
            worker.process.join()
            report(_lost(worker.seed, SURVIVES, f"its process ended with {worker.process.exitcode} (a negative one is a signal's number)"))
            self._dismiss(worker)
            return
        worker.seed = -1
        worker.seeds += 1
        report(ended)
        if worker.seeds >= SEEDS_PER_WORKER or ended.resident_bytes_max > RESIDENT_BYTES_MAX:
            self._dismiss(worker)

    def _dismiss(self, worker: _Worker) -> None:
        worker.end()
        self._workers.remove(worker)


def _lost(seed: int, name: str, evidence: str) -> Report:
    return Report(seed, name, evidence, Case(draw(seed)).line(), Sums(seeds=1))
