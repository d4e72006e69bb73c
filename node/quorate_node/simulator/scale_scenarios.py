"""What is measured of a cluster of n members: an election, rest, load, reads, a partition with the leader in the minority, a death."""

from __future__ import annotations

import resource
from collections.abc import Callable
from time import process_time

import msgspec

from quorate_node.replica.member import SUSPICION_STEP_TICKS
from quorate_node.simulator.network import DEATH_NS
from quorate_node.simulator.scale_load import ScaleLoad, quantile, read_round
from quorate_node.simulator.scale_member import ScaleMember
from quorate_node.simulator.scale_world import NoProgress, ScaleWorld

LIMIT_US = 60_000_000
SETTLE_US = 300_000
"""After an election: until its first entry is committed everywhere."""
READ_ROUNDS = 20
PARTITION_RATE_PER_S = 200
PARTITION_LOAD_US = 500_000
"""After the majority has a new leader: what the minority will have missed."""


class Options(msgspec.Struct, frozen=True):
    seed: int = 1
    idle_s: float = 10.0
    load_s: float = 1.0
    rate_per_s: int = 1_000
    value_bytes: int = 256


class Measure(msgspec.Struct, frozen=True):
    """One scenario. `figures` depend on members and seed alone; processor time and memory are this machine's."""

    name: str
    virtual_s: float
    figures: dict[str, float]
    cpu_s: float
    leader_cpu: float
    """Processor seconds of the leader's protocol and codec per virtual second."""
    memory_peak_mib: float
    """Of the whole process, so far."""


class Scenarios:
    """All scenarios on one cluster, in order. Raises `NoProgress`."""

    def __init__(self, size: int, options: Options, progress: Callable[[str], None]) -> None:
        self._options = options
        self._progress = progress
        self._began_s = process_time()
        self.world = ScaleWorld(size, options.seed)
        self.measures: list[Measure] = []

    def run(self) -> list[Measure]:
        for name in ("election", "idle", "load", "read", "partition", "death"):
            began_us = self.world.now_us
            self.world.watched, self.world.watched_ns = self.world.leader(), 0
            figures = getattr(self, f"_{name}")()
            virtual_s = (self.world.now_us - began_us) / 1e6
            now_s = process_time()
            memory_mib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
            leader_cpu = self.world.watched_ns / 1e9 / virtual_s
            measure = Measure(name, virtual_s, figures, now_s - self._began_s, leader_cpu, memory_mib)
            self._began_s = now_s
            self.measures.append(measure)
            self._progress(f"{self.world.size} members: {name}: {virtual_s:.2f} s took {measure.cpu_s:.1f} s of processor time")
        return self.measures

    def _leader(self) -> ScaleMember:
        leader = self.world.leader()
        if leader is None:
            raise NoProgress(f"{self.world.size} members: nobody leads between two scenarios")
        return leader

    def _elect(self) -> dict[str, float]:
        """From now on until there is a leader."""
        world = self.world
        messages, size_bytes, campaigns, split = world.traffic.count, world.traffic.bytes, world.campaigns(), world.split_votes()
        took_us = world.run_until(lambda: world.leader() is not None, LIMIT_US, "leader")
        return {
            "leader_ms": took_us / 1e3,
            "messages": world.traffic.count - messages,
            "bytes": world.traffic.bytes - size_bytes,
            "campaigns": world.campaigns() - campaigns,
            "split_votes": world.split_votes() - split,
        }

    def _election(self) -> dict[str, float]:
        figures = self._elect()
        self.world.run_for(SETTLE_US)
        return figures

    def _per_second(self, leader: ScaleMember, work: Callable[[], None]) -> dict[str, float]:
        world = self.world
        follower = 1 if leader.number != 1 else 2
        traffic, began_us = world.traffic, world.now_us

        def totals() -> list[int]:
            ends = (leader.number, follower)
            return [
                traffic.count,
                traffic.bytes,
                *(traffic.sent_messages[end] + traffic.received_messages[end] for end in ends),
                *(traffic.sent_bytes[end] + traffic.received_bytes[end] for end in ends),
            ]

        before = totals()
        work()
        seconds = (world.now_us - began_us) / 1e6
        rates = [(after - first) / seconds for first, after in zip(before, totals(), strict=True)]
        names = (
            "messages_per_s",
            "bytes_per_s",
            "leader_messages_per_s",
            "follower_messages_per_s",
            "leader_bytes_per_s",
            "follower_bytes_per_s",
        )
        return dict(zip(names, rates, strict=True))

    def _idle(self) -> dict[str, float]:
        return self._per_second(self._leader(), lambda: self.world.run_for(int(self._options.idle_s * 1e6)))

    def _load(self) -> dict[str, float]:
        options, leader = self._options, self._leader()
        load = ScaleLoad(self.world, leader, options.rate_per_s, options.value_bytes)
        messages = self.world.traffic.count
        figures = self._per_second(leader, lambda: self.world.run_for(int(options.load_s * 1e6)))
        messages = self.world.traffic.count - messages
        load.stop()
        self.world.run_until(lambda: load.idle, LIMIT_US, "commit of the last command")
        self.world.run_for(SETTLE_US)
        return figures | {
            "commands": len(load.latencies_us),
            "entries": load.entries,
            "commit_p50_ms": quantile(load.latencies_us, 0.5) / 1e3,
            "commit_p99_ms": quantile(load.latencies_us, 0.99) / 1e3,
            "messages_per_entry": messages / max(1, load.entries),
        }

    def _read(self) -> dict[str, float]:
        """Rounds one after the other. What they send is told from heartbeats by the number that it carries."""
        world, leader = self.world, self._leader()
        messages, size_bytes = world.traffic.with_context, world.traffic.with_context_bytes
        took_us = [read_round(world, leader, number, LIMIT_US) for number in range(1, READ_ROUNDS + 1)]
        world.run_for(SETTLE_US)
        return {
            "read_p50_ms": quantile(took_us, 0.5) / 1e3,
            "read_max_ms": max(took_us) / 1e3,
            "messages_per_round": (world.traffic.with_context - messages) / READ_ROUNDS,
            "bytes_per_round": (world.traffic.with_context_bytes - size_bytes) / READ_ROUNDS,
        }

    # -- faults ----------------------------------------------------------------------------------------------------------

    def _partition(self) -> dict[str, float]:
        world, old = self.world, self._leader()
        minority = (world.size - 1) // 2
        others = [number for number in world.members if number != old.number]
        cut_off = {old.number, *world.random.sample(others, minority - 1)}
        began_us = world.now_us
        ScaleLoad(world, old, PARTITION_RATE_PER_S, self._options.value_bytes)
        for number in cut_off:
            world.side[number] = 1
        term = old.raft.term
        messages, campaigns, split = world.traffic.count, world.campaigns(), world.split_votes()
        new = self._new_leader(term)
        leader_us = world.now_us - began_us
        campaigns, split = world.campaigns() - campaigns, world.split_votes() - split
        first = new.raft.last_index
        world.run_until(lambda: new.raft.commit_index >= first, LIMIT_US, "commit by the majority")
        commit_us = world.now_us - began_us
        # The lease that an old leader may still read by ends long before; this is when it refuses writes.
        stepped_down_us = old.stepped_down_us - began_us if old.stepped_down_us > began_us else 0
        if not stepped_down_us:
            world.run_until(lambda: old.stepped_down_us > began_us, LIMIT_US, "end of the old leadership")
            stepped_down_us = old.stepped_down_us - began_us
        load = ScaleLoad(world, new, PARTITION_RATE_PER_S, self._options.value_bytes)
        world.run_for(PARTITION_LOAD_US)
        load.stop()
        world.run_until(lambda: load.idle, LIMIT_US, "commit by the majority")
        messages = world.traffic.count - messages
        return {
            "cut_off": minority,
            "leader_ms": leader_us / 1e3,
            "commit_ms": commit_us / 1e3,
            "old_leader_steps_down_ms": stepped_down_us / 1e3,
            "campaigns": campaigns,
            "split_votes": split,
            "messages": messages,
        } | self._heal(new)

    def _new_leader(self, after_term: int) -> ScaleMember:
        world = self.world
        world.run_until(lambda: max(world.led_terms) > after_term and world.leader() is not None, LIMIT_US, "leader of the majority")
        return self._leader()

    def _heal(self, leader: ScaleMember) -> dict[str, float]:
        world = self.world
        world.side = [0] * (world.size + 1)
        messages, size_bytes = world.traffic.count, world.traffic.bytes
        target, behind = leader.raft.commit_index, list(world.members.values())

        def all_caught_up() -> bool:
            while behind and behind[-1].raft.applied_index >= target:
                behind.pop()
            return not behind

        took_us = world.run_until(all_caught_up, LIMIT_US, "member that was cut off caught up")
        figures = {
            "heal_ms": took_us / 1e3,
            "heal_messages": world.traffic.count - messages,
            "heal_bytes": world.traffic.bytes - size_bytes,
            "leader_kept": float(world.leader() is leader),
        }
        world.run_for(SETTLE_US)
        return figures

    def _death(self) -> dict[str, float]:
        """The leader's process is killed, and its connections' end is seen: followers campaign one after the other, by id."""
        world, dead = self.world, self._leader()
        dead.alive = False
        heirs = [member for member in world.members.values() if member is not dead]
        for turn, member in enumerate(heirs):
            delay_ticks = turn * SUSPICION_STEP_TICKS + world.random.randint(0, 1)
            world.after(world.random.randrange(DEATH_NS // 1_000), member.suspect_leader, delay_ticks)
        figures = self._elect()
        assert self._leader() is not dead
        return figures
