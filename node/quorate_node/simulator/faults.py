"""What goes wrong, and when: a timetable drawn from the seed. Nothing here may cost data that a quorum held, as no real operator would."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial

from quorate_node.machine.interface import Machine
from quorate_node.protocol.ready import Role
from quorate_node.simulator.file_damage import DamagedFiles
from quorate_node.simulator.file_store import durable_entries
from quorate_node.simulator.host import Host, Life
from quorate_node.simulator.loop import VirtualLoop
from quorate_node.simulator.network import Network
from quorate_node.simulator.options import Options
from quorate_node.simulator.places import arm, places
from quorate_node.simulator.process import Process
from quorate_node.simulator.reductions import Reductions
from quorate_node.simulator.streams import Timetable, stream
from quorate_node.simulator.trace import Trace
from quorate_node.store.log_record import decode_anchor, decode_record

MS = 1_000_000
STEPS_MAX = 100
"""Within so many steps of its own a process is killed or paused, where that is not at once: it takes some dozens for one request."""


class Faults:
    def __init__(
        self,
        loop: VirtualLoop,
        network: Network,
        hosts: Sequence[Host],
        options: Options,
        reductions: Reductions,
        trace: Trace,
        counters: Counter[str],
    ) -> None:
        self.over = False
        self.happened: list[str] = []
        """As `Reductions.faults` names them."""
        self._loop = loop
        self._network = network
        self._hosts = hosts
        self._options = options
        self._reductions = reductions
        self._random = stream(options.seed, "faults")
        """Of the fault under way."""
        self._trace = trace
        self._counters = counters
        self._damage: dict[str, tuple[int, bytes | None]] = {}
        self._damaged_files = DamagedFiles(trace, counters)
        rates = options.faults
        self._kinds: list[tuple[Callable[[], bool], str, float]] = [
            (self._kill, "kill", rates.kill),
            (self._power_loss, "power loss", rates.power_loss),
            (self._power_loss_all, "power loss of all", rates.power_loss_all),
            (self._restart, "restart", rates.restart),
            (self._pause, "pause", rates.pause),
            (self._suspend, "suspend", rates.suspend),
            (self._partition, "partition", rates.partition),
            (self._clog, "clog", rates.clog),
            (self._stall, "disk stall", rates.disk_stall),
            (self._fill, "disk full", rates.disk_full),
            (self._fail_sync, "sync failure", rates.sync_failure),
            (self._damage_record, "damage", rates.damage),
            (self._wipe, "wipe", rates.wipe),
            (self._upset_clock, "clock", rates.clock),
            (self._set_failpoint, "failpoint", rates.failpoint),
        ]
        self._places = places()

    async def run(self) -> None:
        seed, began_s = self._options.seed, self._loop.time()
        timetable = Timetable(seed, {name: rate for _, name, rate in self._kinds})
        inflicts = {name: inflict for inflict, name, _ in self._kinds}
        while coming := timetable.next():
            due_s, name, number = coming
            await asyncio.sleep(began_s + due_s - self._loop.time())
            self.look_at_impaired()
            word = name.replace(" ", "-")
            self._random = stream(seed, "fault", word, number)
            if self._reductions.fault_happens(word, number) and inflicts[name]():
                self._counters[f"fault {name}"] += 1
                self.happened.append(f"{word}.{number}")

    # -- processes ------------------------------------------------------------------------------------------------------

    def _some(self, hosts: Sequence[Host]) -> Host | None:
        """The leader more often than the others: what happens to it matters most."""
        if not hosts:
            return None
        leaders = [host for host in hosts if is_leader(host)]
        return self._random.choice(leaders if leaders and self._random.random() < 0.4 else hosts)

    def _up(self) -> list[Host]:
        return [host for host in self._hosts if host.up]

    def _down_for(self, host: Host) -> None:
        self._loop.after(self._down_ns(host), self._loop.world, self._start, host)

    def _down_ns(self, host: Host) -> int:
        """How long its next process is away."""
        return stream(self._options.seed, "down", host.process_name).randrange(self._options.faults.down_ms_max * MS)

    def _start(self, host: Host) -> None:
        if not self.over and not host.up:
            host.start()

    def ended(self, host: Host, reason: BaseException | None) -> None:
        """A process ended by itself: its supervisor starts the next one."""
        if host.disk.sync_fails:
            host.disk.sync_fails = False
            random = stream(self._options.seed, "failed sync", host.process_name)
            host.disk.lose_power(random)  # What a failed sync left on the disk nobody knows.
        if reason is not None:
            self._counters["process gave up"] += 1
        self._loop.after(self._down_ns(host), self._loop.world, self._start_again, host)

    def _start_again(self, host: Host) -> None:
        if not host.up:
            host.start()

    def _kill(self) -> bool:
        host = self._some(self._up())
        if host is None:
            return False
        self._interrupt(host, partial(self._killed, host, host.life))
        return True

    def _killed(self, host: Host, life: Life | None) -> None:
        if host.life is life and not self.over:
            self._trace.event("kill", host.name)
            host.kill(power=False)
            self._down_for(host)

    def _interrupt(self, host: Host, interruption: Callable[[], None]) -> None:
        """Where time passes, or between any two steps of what it does at one moment."""
        assert host.life is not None
        self._loop.interrupt(host.life.process, self._random.choice((0, self._random.randint(1, STEPS_MAX))), interruption)

    def _power_loss(self) -> bool:
        host = self._some(self._up())
        if host is None:
            return False
        files = host.disk.files
        if files is not None and self._random.random() < 0.4:
            files.dies_in = self._random.randint(1, 30)
            self._trace.event("power goes in a call on a file", host.name, files.dies_in)
        elif self._random.random() < 0.5:
            self._trace.event("power goes at the next write", host.name)
            within_ns = self._random.randrange(self._options.disk.sync_us_mean * 1_000)
            host.disk.at_write = partial(self._lose_power_later, host, within_ns)
        else:
            self._lose_power(host)
        return True

    def _lose_power_later(self, host: Host, within_ns: int) -> None:
        """In the middle of a write: what is not synced is in doubt."""
        self._loop.after(within_ns, self._loop.world, self._lose_power, host)

    def _lose_power(self, host: Host) -> None:
        if host.up and not self.over:
            host.kill(power=True)
            self._down_for(host)

    def _power_loss_all(self) -> bool:
        for host in self._up():
            host.kill(power=True)
            self._down_for(host)
        return True

    def _restart(self) -> bool:
        host = self._some(self._up())
        if host is None or host.life is None or host.life.process.paused or host.life.replica.stopping:
            return False
        self._trace.event("stop", host.name)
        self._loop.spawn(host.life.process, host.life.stop())
        return True

    def _pause(self) -> bool:
        host = self._some([host for host in self._up() if host.life is not None and not host.life.process.paused])
        if host is None or host.life is None:
            return False
        process = host.life.process
        pause_ns = self._random.randrange(self._options.faults.pause_ms_max * MS)
        self._interrupt(host, partial(self._stand_still, host.name, process, pause_ns))
        return True

    def _stand_still(self, name: str, process: Process, pause_ns: int) -> None:
        if not self.over:
            self._trace.event("pause", name)
            self._loop.pause(process)
            self._loop.after(pause_ns, self._loop.world, self._resume, name, process)

    def _suspend(self) -> bool:
        """A machine sleeps: its timers have to wait as long again, and leases run out meanwhile."""
        host = self._some([host for host in self._up() if host.life is not None and not host.life.process.paused])
        if host is None or host.life is None:
            return False
        process, slept_ns = host.life.process, self._random.randrange(self._options.faults.pause_ms_max * MS)
        self._trace.event("suspend", host.name)
        self._loop.suspend(process)
        self._loop.after(slept_ns, self._loop.world, self._wake, host.name, process, self._loop.now_ns)
        return True

    def _wake(self, name: str, process: Process, since_ns: int) -> None:
        self._trace.event("wake", name)
        self._loop.wake(process, since_ns)

    def _resume(self, name: str, process: Process) -> None:
        self._trace.event("resume", name)
        self._loop.resume(process)

    def _upset_clock(self) -> bool:
        host = self._random.choice(self._hosts)
        drift = self._options.clock_drift_ppm_max
        if self._options.clocks_jump and self._random.random() < 0.5:
            host.clocks.jump(self._loop.now_ns, self._random.randrange(10_000 * MS))
            self._counters["clock jumped"] += 1
        else:
            host.clocks.set_drift(self._loop.now_ns, self._random.randint(-drift, drift))
        self._trace.event("clock", host.name)
        return True

    def _set_failpoint(self) -> bool:
        """It may never be reached, or by this machine's next process only."""
        host = self._some(self._hosts)
        if host is None or host.failpoints is None:
            return False
        name = self._random.choice(self._places)
        self._trace.event("armed", host.name, name, arm(host.failpoints, name, self._random, self._options.faults))
        return True

    # -- network --------------------------------------------------------------------------------------------------------

    def _partition(self) -> bool:
        random, urls = self._random, [host.url for host in self._hosts]
        if len(urls) < 2:
            return False
        how = random.choice(self._options.network.partitions)
        leaders = [host.url for host in self._hosts if is_leader(host)]
        if how == "leader" and leaders:
            side = [random.choice(leaders)]
        elif how == "halves" or how == "bridge":
            side = random.sample(urls, random.randint(1, len(urls) - 1))
        else:
            side = [random.choice(urls)]
        others = [url for url in urls if url not in side]
        if how == "bridge" and len(others) > 1:
            others.remove(random.choice(others))  # One hears both sides.
        self._network.block(side, others)
        both = random.random() < 0.6
        if both:
            self._network.block(others, side)
        self._counters["partition symmetric" if both else "partition one-way"] += 1
        self._trace.event("partition", side, others, both)
        self._loop.after(random.randrange(self._options.faults.partition_ms_max * MS), self._loop.world, self._heal)
        return True

    def _heal(self) -> None:
        self._trace.event("heal")
        self._network.heal()

    def _clog(self) -> bool:
        until_ns = self._loop.now_ns + self._random.randrange(self._options.faults.partition_ms_max * MS)
        sources = self._random.sample(self._hosts, self._random.randint(1, len(self._hosts)))
        for source in sources:
            target = self._random.choice(self._hosts)
            self._network.clogged[source.url, target.url] = until_ns
        self._trace.event("clog", *(source.name for source in sources))
        return True

    # -- disks ----------------------------------------------------------------------------------------------------------

    def _stall(self) -> bool:
        host = self._random.choice(self._hosts)
        host.disk.stalled_until_ns = self._loop.now_ns + self._random.randrange(self._options.faults.pause_ms_max * MS)
        self._trace.event("stall", host.name)
        return True

    def _fill(self) -> bool:
        host = self._random.choice(self._hosts)
        host.disk.full = True
        self._trace.event("full", host.name)
        self._loop.after(self._random.randrange(3_000 * MS), self._loop.world, setattr, host.disk, "full", False)
        return True

    def _fail_sync(self) -> bool:
        host = self._some(self._up())
        if host is None:
            return False
        host.disk.sync_fails = True
        self._trace.event("sync fails", host.name)
        return True

    def _may_harm(self, host: Host) -> bool:
        """One copy at a time, and only where two others are left to vote, which have all of the data: a witness has none."""
        whole = not any(other.impaired or other.witness for other in self._hosts)
        return whole and len(voters_seen(self._hosts)) >= 3 and is_voter(host)

    def _damage_record(self) -> bool:
        host = self._random.choice(self._hosts)
        if not self._may_harm(host) or host.disk.unsynced():
            return False
        if host.disk.files is not None:
            return self._damaged_files.damage(host, host.disk.files, self._random)
        records = host.disk.durable["records"]
        if not records:
            return False
        index = self._random.choice(list(records))
        how = host.disk.damage(index, self._random)
        host.impaired = f"entry {index} {how}"
        self._damage[host.name] = index, host.disk.durable["records"].get(index)
        self._counters[f"damage {how}"] += 1
        self._trace.event("damage", host.name, index, how)
        return True

    def _wipe(self) -> bool:
        host = self._some(self._up())
        if host is None or not self._may_harm(host):
            return False
        host.kill(power=True)
        host.wipe()
        host.founder = False
        host.impaired = "wiped"
        self._down_for(host)
        return True

    def look_at_impaired(self) -> None:
        """Whose copy is whole again may be followed by the next."""
        for host in self._hosts:
            if host.impaired == "wiped":
                if is_voter(host) and caught_up(host, self._hosts):
                    host.impaired = ""
            elif host.impaired.startswith("entry") and host.disk.files is not None:
                if self._damaged_files.are_mended(host, host.disk.files):
                    host.impaired = ""
            elif host.impaired.startswith("entry"):
                index, content = self._damage[host.name]
                anchor = decode_anchor(host.disk.durable["anchor"])
                compacted = anchor is not None and anchor.index >= index
                if compacted or host.disk.durable["records"].get(index) != content:
                    host.impaired = ""


def is_leader(host: Host) -> bool:
    member = host.life.replica.member if host.life is not None else None
    return member is not None and member.engine.soft_state.role == Role.LEADER


def newest_machine(hosts: Sequence[Host]) -> Machine | None:
    """Of whoever has applied most."""
    members = [host.life.replica.member for host in hosts if host.life is not None]
    return max((member.machine for member in members if member is not None), key=lambda machine: machine.applied_index, default=None)


def voters_seen(hosts: Sequence[Host]) -> tuple[int, ...]:
    """Of the newest configuration that anybody has applied; empty while it changes."""
    machine = newest_machine(hosts)
    return () if machine is None or machine.configuration.voters_outgoing else machine.configuration.voters


def is_voter(host: Host) -> bool:
    member = host.life.replica.member if host.life is not None else None
    return member is not None and member.engine.raft.id in member.machine.configuration.voters


def caught_up(host: Host, hosts: Sequence[Host]) -> bool:
    members = [other.life.replica.member for other in hosts if other.life is not None]
    highest = max((member.machine.applied_index for member in members if member is not None), default=0)
    member = host.life.replica.member if host.life is not None else None
    return member is not None and member.machine.applied_index >= highest - 2


def durable_log(host: Host) -> tuple[int, int, Callable[[int], int]]:
    """(first, last, term at an index) of what power loss leaves."""
    if host.disk.files is not None:
        floor, last, entry_at = durable_entries(host.disk.files, host.store_settings, host.options.log_segment_bytes)

        def term_of(index: int) -> int:
            entry = entry_at(index)
            return entry.term if entry is not None else 0

        return floor + 1, last, term_of
    contents = host.disk.durable
    anchor = decode_anchor(contents["anchor"])
    floor = anchor.index if anchor is not None else 0
    records = contents["records"]

    def term_at(index: int) -> int:
        decoded = decode_record(index, records.get(index))
        return decoded[0].term if decoded is not None else 0

    return floor + 1, max(records, default=floor), term_at
