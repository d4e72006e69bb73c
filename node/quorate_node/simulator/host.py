"""A machine of the simulated cluster: a disk, a clock, and one member's process after the other."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Callable
from contextvars import Context
from pathlib import Path
from typing import NoReturn

from quorate_node.failpoints import Failpoints, Panic, use_here
from quorate_node.machine.rules import THIS_RELEASE
from quorate_node.protocol.raft import Raft, RaftConfig
from quorate_node.simulator.clock import MachineClocks
from quorate_node.simulator.disk import SimulatedDisk
from quorate_node.simulator.file_store import use_files_here
from quorate_node.simulator.host_settings import raft_config, replica_settings
from quorate_node.simulator.invariants import Invariants
from quorate_node.simulator.life import Life
from quorate_node.simulator.loop import VirtualLoop
from quorate_node.simulator.network import Network
from quorate_node.simulator.options import Options
from quorate_node.simulator.places import SimulatedEffects, on_purpose
from quorate_node.simulator.process import Process
from quorate_node.simulator.releases import NEXT, PREVIOUS, stopped_as_too_old
from quorate_node.simulator.streams import stream
from quorate_node.simulator.trace import Trace
from quorate_node.store.errors import HardStateLost, StoreError
from quorate_node.store.settings import StoreSettings
from quorate_node.telemetry.telemetry import Telemetry

HANG_UP_NS = 5_000_000
"""An answer on its way may still come before the client sees the connection end."""


class Host:
    def __init__(
        self,
        number: int,
        loop: VirtualLoop,
        network: Network,
        options: Options,
        invariants: Invariants,
        trace: Trace,
        counters: Counter[str],
        staging: Path,
        listed: Callable[[], list[str]],
        make_raft: Callable[..., Raft] = Raft,
    ) -> None:
        self.number = number
        self.name = f"m{number}"
        self.url = f"sim://{self.name}"
        self.founder = number == 1
        self.loop = loop
        self.network = network
        self.options = options
        self.invariants = invariants
        self.trace = trace
        self.counters = counters
        self.lives = 0
        self.disk = self._new_disk(staging)
        self.application_directory = staging.with_name(f"{staging.name}-application")
        self.witness = False
        self.in_doubt = False
        """The last process ended in the midst of a write: what is there must be looked at."""
        self.impaired = ""
        """Why this machine's copy may not count: damaged, or wiped. Faults that harm copies hit no second machine meanwhile."""
        random = stream(options.seed, "host", number)
        drift = options.clock_drift_ppm_max
        self.clocks = MachineClocks(random.randrange(10**15), random.randint(-drift, drift))
        self.store_settings = StoreSettings(
            log_cache_bytes=options.log_cache_bytes, state_buffer_writes_max=options.state_buffer_writes_max
        )
        self.telemetry = Telemetry()
        self.life: Life | None = None
        self.failpoints: Failpoints | None = None
        """None where the seed has none. Set places stay set from one process to the next."""
        if options.faults.failpoint:
            effects = SimulatedEffects(loop, trace, self.name, self._panicked)
            self.failpoints = Failpoints(effects, stream(options.seed, "failpoints", number))
        self.ended: Callable[[Host, BaseException | None], None] = _nobody_restarts
        self.make_raft = make_raft
        self._listed = listed
        self.release = THIS_RELEASE
        """Of its next process."""
        if options.faults.release:
            self.release = stream(options.seed, "release", number).choice((PREVIOUS, NEXT))
        self.priority = random.choice((0, 0, 1, 2)) if options.priorities else 0
        self.become()

    def _new_disk(self, staging: Path) -> SimulatedDisk:
        if not self.options.log_in_files:
            return SimulatedDisk(staging)
        disk = SimulatedDisk(staging, stream(self.options.seed, "urandom", self.number, self.lives))
        assert disk.files is not None
        disk.files.die = self._lost_power_in_a_call
        return disk

    def become(self, *, witness: bool = False, non_voting: bool = False) -> None:
        """What its next process is configured to be."""
        self.witness, self.non_voting = witness, non_voting
        self.settings = replica_settings(
            self.options, self.name, self.url, witness=witness, non_voting=non_voting, priority=self.priority
        )

    def raft_config(self, member_id: int) -> RaftConfig:
        return raft_config(self.options, self.settings, member_id)

    async def peers(self) -> list[str]:
        return self._listed()

    # -- life and death -------------------------------------------------------------------------------------------------

    @property
    def process_name(self) -> str:
        """Of its newest process: what one has served, the next may have to apply again."""
        return f"{self.name}.{self.lives}"

    @property
    def up(self) -> bool:
        return self.life is not None

    def start(self) -> None:
        """A new process on what the last one has left. No fault here loses term and vote."""
        assert self.life is None, f"{self.name} runs already"
        self.lives += 1
        process = self._starting = self.loop.process(f"{self.name}.{self.lives}", self.clocks.timers)
        process.wall = self.clocks.wall
        if self.failpoints is not None:
            process.context.run(use_here, self.failpoints)
        if self.disk.files is not None:
            process.context.run(use_files_here, self.disk.files)
        try:
            self.life = process.context.run(Life, self, process, self.lives)
        except HardStateLost as lost:
            self.invariants.violated("term and vote are durable", f"{self.name}: {lost}")
            return
        except Panic:
            return
        except Exception as error:
            if not isinstance(error, StoreError) and not on_purpose(error):
                raise
            self._did_not_start(process, power=False)
            self.ended(self, error)
            return
        self.trace.event("start", self.name, self.lives, self.life.stores.log.last_index())
        self.loop.spawn(process, self.life.run(), f"{self.name} life")

    def process_ended(self, life: Life, reason: BaseException | None) -> None:
        """By itself: stopped by request, or because of what is wrong with it."""
        if self.life is not life:
            return
        self.trace.event("ended", self.name, type(reason).__name__ if reason is not None else "as asked")
        too_old = stopped_as_too_old(life.release, reason)
        if too_old:
            self.counters["stopped as too old"] += 1
            self.invariants.too_old(self.name, life.member_since_ns, life.release)
            self.release = NEXT
        if reason is not None and not too_old and not isinstance(reason, StoreError) and not on_purpose(reason):
            self.invariants.violated("members do not fail", f"{self.name} stopped: {type(reason).__name__}: {reason}")
        self.in_doubt = self.in_doubt or reason is not None
        self._die(life, flushed=True, power=False, seen=True)
        self.ended(self, reason)

    def kill(self, *, power: bool) -> None:
        """Now, in the middle of whatever it does."""
        life = self.life
        assert life is not None, f"{self.name} does not run"
        flushed = stream(self.options.seed, "flushed", self.process_name).random() < 0.5
        self._die(life, flushed=flushed, power=power, seen=self.options.network.deaths_seen and not power)

    def _panicked(self, place: str) -> None:
        """It dies at a failpoint."""
        self.counters["died at a failpoint"] += 1
        self._die_here(place, power=stream(self.options.seed, "panic", self.process_name).random() < 0.5)

    def _lost_power_in_a_call(self) -> NoReturn:
        self.counters["power lost in a call on a file"] += 1
        self._die_here("a call on a file", power=True)
        raise Panic(self.name)

    def _die_here(self, place: str, *, power: bool) -> None:
        """In the middle of a callback; its supervisor starts the next process."""
        self.in_doubt = True
        self.trace.event("dies at", self.name, place, power)
        if self.life is None:
            self._did_not_start(self._starting, power=power)
        else:
            self.kill(power=power)
        self.ended(self, None)

    def _did_not_start(self, process: Process, *, power: bool) -> None:
        self.loop.kill(process)
        if power:
            self.disk.lose_power(stream(self.options.seed, "death", self.process_name))
        else:
            self.disk.close_all()

    def _die(self, life: Life, *, flushed: bool, power: bool, seen: bool) -> None:
        random = stream(self.options.seed, "death", self.process_name)
        self.loop.kill(life.process)
        self.life = None
        self.network.leave(life.transport, died=True, seen=seen)
        for hang_up in life.open_questions.values():
            self.loop.after(random.randrange(HANG_UP_NS), self.loop.world, hang_up)
        if power:
            kept, lost = self.disk.lose_power(random)
            self.in_doubt = self.in_doubt or kept + lost > 0
            if self.options.reboots_set_clocks:
                self.clocks.restart(self.loop.now_ns, stream(self.options.seed, "reboot", self.process_name).randrange(10**15))
                self.counters["clock set by a reboot"] += 1
            self.counters["unsynced writes dropped"] += lost
            self.counters["unsynced writes kept"] += kept
            self.trace.event("power lost", self.name, kept, lost)
        else:
            # In a context of its own: what a dead process' database still does passes no failpoint of the member.
            Context().run(self.disk.process_died, life.stores.state, flushed)

    def wipe(self) -> None:
        """Its volume is lost: it comes back empty, as a new member."""
        assert self.life is None
        self.disk = self._new_disk(self.disk.staging)
        shutil.rmtree(self.application_directory, ignore_errors=True)
        self.trace.event("wiped", self.name)

    def describe(self) -> str:
        life = self.life
        if life is None:
            return f"{self.name}: down"
        member = life.replica.member
        if member is None:
            return f"{self.name}: {life.replica.not_ready_reason()}"
        raft, soft = member.engine.raft, member.engine.soft_state
        configuration = member.machine.configuration
        voters = " ".join(f"{voter & 0xFFFF:x}" for voter in configuration.voters)
        learners = " ".join(f"{learner & 0xFFFF:x}" for learner in configuration.learners)
        parts = [
            f"{self.name}: {raft.id & 0xFFFF:x} {soft.role.name.lower()} of term {raft.term}, leader {soft.leader & 0xFFFF:x}",
            f"log {life.stores.log.first_index()}..{raft.last_index}, commit {raft.commit_index}, applied {member.machine.applied_index}",
            f"voters {voters} learners {learners}",
            "paused" if life.process.paused else "",
            self.impaired,
            *(f"{name}: {text}" for name, text in member.housekeeping.alarms.items()),
        ]
        return ", ".join(part for part in parts if part)


def _nobody_restarts(_host: Host, _reason: BaseException | None) -> None:
    """Before the world is there."""
