"""One run: a cluster is formed, clients and faults do their worst, then the faults end and the cluster has to work again."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Coroutine
from contextlib import suppress
from functools import partial
from random import Random
from typing import Any

import msgspec

from quorate_node.protocol.raft import Raft
from quorate_node.simulator import run_files
from quorate_node.simulator.bursts import Bursts
from quorate_node.simulator.caller import Caller
from quorate_node.simulator.diagram.recording import Recording
from quorate_node.simulator.faults import Faults
from quorate_node.simulator.governor import Governor
from quorate_node.simulator.history import History, Rules
from quorate_node.simulator.host import Host
from quorate_node.simulator.invariants import Broken, Invariants
from quorate_node.simulator.ledger_load import LedgerClient
from quorate_node.simulator.liveness import Liveness
from quorate_node.simulator.loop import NothingLeft, TooManySteps, VirtualLoop
from quorate_node.simulator.network import Network
from quorate_node.simulator.options import Options
from quorate_node.simulator.places import arm, on_purpose, starting_places
from quorate_node.simulator.recorder import Recorder
from quorate_node.simulator.reductions import Reductions
from quorate_node.simulator.releases import two_releases
from quorate_node.simulator.streams import stream
from quorate_node.simulator.system_clocks import simulated_clocks
from quorate_node.simulator.tla.trace_file import TraceFile
from quorate_node.simulator.tla.traced_raft import TracedRaft
from quorate_node.simulator.trace import Trace
from quorate_node.simulator.watcher import Watcher
from quorate_node.simulator.workload import clients_of

FORMING_S = 60.0
CHAOS_S_MAX = 60.0
STEPS_MAX = 20_000_000
LOOK_S = 0.1
JOINS_NS_MAX = 2_000_000_000
WHOLE = Reductions()


class Outcome(msgspec.Struct, frozen=True):
    """How a run ended."""

    seed: int
    broken: str
    """Name of the property that does not hold; empty when all do."""
    evidence: str
    trace_hash: str
    virtual_s: float
    steps: int
    operations: int
    counters: dict[str, int]


class World:
    def __init__(
        self,
        options: Options,
        show: Callable[[str], None] | None = None,
        reductions: Reductions = WHOLE,
        recording: Recording | None = None,
        tla: TraceFile | None = None,
    ) -> None:
        self.options = options
        self.reductions = reductions
        self._make_raft: Callable[..., Raft] = Raft if tla is None else partial(TracedRaft, file=tla)
        self.chaos_end_ns = 0
        """When faults and clients ended; 0: not yet."""
        rules = Rules(
            clock_drift_ppm_max=options.clock_drift_ppm_max, clocks_jump=options.clocks_jump, clocks_stop=options.faults.freeze > 0
        )
        self.history = History(rules=rules)
        self.trace = Trace(show, recording)
        self.counters: Counter[str] = Counter()
        self.loop = VirtualLoop(  # type: ignore[abstract]
            Random(f"executor {options.seed}"), self.trace, cpu_ns=options.cpu_ns, executor_ns_max=options.disk.executor_us_max * 1_000
        )
        self.trace.now_ns = lambda: self.loop.now_ns
        self.loop.expected = on_purpose
        self.invariants = Invariants(self.history, self.trace, self.trace.now_ns, self.counters, self.loop.halt)
        self.network = Network(self.loop, options.seed, options.network, self.trace, self.counters)
        self.network.queued_max = options.limits.frame_messages_a_ms
        self.network.sent = self.invariants.sent
        self.recorder = Recorder(self.loop, self.history, self.trace, self.counters)
        self.caller = Caller(self.loop, options.network, options.seed)
        self._files = run_files.choose()
        voting = options.members + options.spares
        self.hosts = [self._host(number) for number in range(1, voting + options.non_voting + 1)]
        if options.witness and options.members >= 3:
            self.hosts[1].become(witness=True)
        self.spares = self.hosts[options.members : voting]
        self.non_voting = self.hosts[voting:]
        for host in self.non_voting:
            host.become(non_voting=True)
        self.faults = Faults(self.loop, self.network, self.hosts, options, reductions, self.trace, self.counters)
        for host in self.hosts:
            host.ended = self.faults.ended
        self.clients = clients_of(self.loop, self.caller, self.started, self.recorder, options, reductions)
        self.watchers = [
            Watcher(number, 1_000 + number, self.loop, self.started, options) for number in reductions.numbers("watchers", options.watchers)
        ]
        self.ledger_clients = [
            LedgerClient(number, self.caller, self.started, self.invariants.ledger, options)
            for number in range(1, options.application.clients + 1)
        ]
        self.bursts = Bursts(self.loop, self.caller, self.started, self.recorder, options, reductions, self.counters)
        self.governor = Governor(self.loop, self.caller, self.started, self.spares, self.recorder, options, reductions, self.counters)

    def _host(self, number: int) -> Host:
        options = self.options
        files = self._files / f"m{number}"
        return Host(
            number, self.loop, self.network, options, self.invariants, self.trace, self.counters, files, self._listed, self._make_raft
        )

    def _listed(self) -> list[str]:
        return [host.url for host in self.hosts if host.lives or host.number <= self.options.members]

    def started(self) -> list[Host]:
        """Machines that take part: a spare does once it was started."""
        return [host for host in self.hosts if host.lives]

    def run(self) -> Outcome:
        broken: Broken | None = None
        try:
            until_ms = self.reductions.until_ms
            with simulated_clocks(self.loop), two_releases(wanted=self.options.faults.release > 0):
                self.loop.run(self._main(), STEPS_MAX, until_ms * 1_000_000 if until_ms is not None else None)
            broken = self.invariants.broken or self._failure()
        except Broken as found:
            broken = found
        except (TooManySteps, NothingLeft) as error:
            broken = Broken("the simulation goes on", f"{error}\n{self.describe()}")
        finally:
            run_files.remove(self._files)
        self.recorder.close()
        self.counters["state refused a write"] = sum(host.telemetry.store_backpressure.value for host in self.hosts)
        self.history.watches = [watcher.finished() for watcher in self.watchers]
        return Outcome(
            self.options.seed,
            broken.name if broken is not None else "",
            broken.evidence if broken is not None else "",
            self.trace.digest(),
            self.loop.now_ns / 1e9,
            self.loop.steps,
            len(self.history.operations),
            dict(sorted(self.counters.items())),
        )

    def _failure(self) -> Broken | None:
        if not self.loop.failures:
            return None
        context = self.loop.failures[0]
        return Broken("callbacks do not fail", f"{context.get('message')}: {context.get('exception')!r}")

    def describe(self) -> str:
        return "\n".join(host.describe() for host in self.hosts)

    # -- the phases -----------------------------------------------------------------------------------------------------

    async def _main(self) -> None:
        await self._form()
        await self._chaos()
        await Liveness(self).run()
        self._end()

    async def _form(self) -> None:
        for host in self.hosts[: self.options.members]:
            self._arm(host)
            host.start()
        until_s = self.loop.time() + FORMING_S
        while not self._formed():
            if self.loop.time() > until_s:
                self.invariants.violated("a cluster is formed", f"not within {FORMING_S:g} s without any fault:\n{self.describe()}")
            await asyncio.sleep(LOOK_S)
        self.trace.event("formed")

    def _arm(self, host: Host) -> None:
        """In half of those that have failpoints something happens while the cluster is formed."""
        random = stream(self.options.seed, "armed", host.name)
        if host.failpoints is not None and random.random() < 0.5:
            place = random.choice(starting_places())
            self.trace.event("armed", host.name, place, arm(host.failpoints, place, random, self.options.faults))

    def _formed(self) -> bool:
        for host in self.hosts[: self.options.members]:
            member = host.life.replica.member if host.life is not None else None
            if host.life is None or member is None or len(member.machine.configuration.voters) != self.options.members:
                return False
            if not member.engine.soft_state.leader:
                return False
        return True

    async def _chaos(self) -> None:
        self.network.faulty = self.caller.faulty = True
        for host in self.non_voting:
            joins_ns = stream(self.options.seed, "joins", host.name).randrange(JOINS_NS_MAX)
            self.loop.after(joins_ns, self.loop.world, self._join, host)
        clients = [self._own(client.run(self._more)) for client in self.clients]
        tasks = list(clients)
        tasks += [self._own(client.run()) for client in self.ledger_clients]
        works = (self.faults.run(), self.governor.run(), self.bursts.run(), *(watcher.run() for watcher in self.watchers))
        others = [self._own(work) for work in works]
        until_s = self.loop.time() + CHAOS_S_MAX
        if self.reductions.chaos_ms is not None:
            until_s = min(until_s, self.reductions.chaos_ms / 1_000)
        while self._more() and self.loop.time() < until_s and not all(task.done() for task in clients):  # noqa: ASYNC110 - three conditions
            await asyncio.sleep(LOOK_S)
        self.faults.end()
        for task in (*tasks, *others[:3]):
            task.cancel()
        for task in (*tasks, *others[:3]):
            with suppress(asyncio.CancelledError):
                await task
        self._watching = others[3:]
        self.chaos_end_ns = self.loop.now_ns
        self.trace.event("faults end")

    def _join(self, host: Host) -> None:
        """It asks to be let in by itself."""
        if not self.chaos_end_ns:
            self.counters["member without a vote added"] += 1
            host.start()

    def _more(self) -> bool:
        return self.recorder.begun + self.recorder.skipped < self.options.commands

    def _own(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        return self.loop.spawn(self.loop.world, work)

    def _end(self) -> None:
        for task in self._watching:
            task.cancel()
        self.trace.event("end")
