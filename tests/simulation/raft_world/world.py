"""Members, a network with faults, clients, and a timetable of mishaps, all from one seed."""

from __future__ import annotations

import heapq
from random import Random

from quorate_node.protocol.membership import ChangeKind, Configuration, MembershipChange, SingleChange, Transition
from quorate_node.protocol.message import Message
from quorate_node.protocol.raft import RaftConfig
from quorate_node.protocol.ready import HardState, Role
from tests.simulation.raft_world.checks import Broken, Checks
from tests.simulation.raft_world.disk import Log, State
from tests.simulation.raft_world.member import Member

STEP_MS = 5.0
SPARES = 2
LIVENESS_MS = 20_000


class Rates:
    """Drawn from the seed as well: a world with one kind of fault finds other bugs than one with all."""

    def __init__(self, random: Random) -> None:
        def some(high: float) -> float:
            return random.choice((0.0, random.uniform(0, high)))

        self.loss = some(0.2)
        self.duplication = some(0.2)
        self.delay_ms = random.uniform(1, 40)
        self.straggle = some(0.05)
        self.partition = some(0.02)
        self.one_way = some(0.5)
        self.crash = some(0.006)
        self.pause = some(0.004)
        self.membership = some(0.02)
        self.transfer = some(0.03)
        self.suspicion = some(0.05)
        self.compaction = some(0.03)
        self.unreachable = some(0.02)
        self.slow_disk = random.uniform(0.05, 0.9)
        self.drift = some(0.02)


class World:
    def __init__(self, seed: int) -> None:
        self.random = Random(seed)
        self.rates = Rates(self.random)
        self.checks = Checks()
        self.time_ms = 0.0
        self.network: list[tuple[float, int, Message, State | None]] = []
        self.order = 0
        self.cut: set[tuple[int, int]] = set()
        self.faulty = True
        self.members: dict[int, Member] = {}
        voters = tuple(range(1, self.random.randint(1, 7) + 1))
        self._draw_settings()
        if self.random.random() < 0.3:
            self._brew_lease_storm()
        configuration = Configuration(voters=voters)
        start = State(1, 1, 0, configuration)
        for member in voters:
            self._add(member, Log(start.metadata(), HardState(start.term, 0, start.index), configuration=configuration), start)
        for member in range(len(voters) + 1, len(voters) + 1 + SPARES):
            nothing = State(0, 0, 0, Configuration())
            self._add(member, Log(nothing.metadata()), nothing)

    def _draw_settings(self) -> None:
        random = self.random
        self.with_priorities = random.random() < 0.3
        self.settings: dict[str, int | bool] = {
            "election_ticks": random.choice((10, 20, 50)),
            "heartbeat_ticks": random.choice((2, 5)),
            "pre_vote": random.random() < 0.8,
            "check_quorum": random.random() < 0.8,
            "read_lease_ms": random.choice((0, 100, 300)),
            "lease_drift_ms": 15,
            "append_bytes_max": random.choice((0, 100, 2**20)),
            "inflight_messages_max": random.choice((1, 4, 256)),
            "committed_bytes_per_ready_max": random.choice((1, 100, 2**20)),
            "recent_bytes_max": random.choice((0, 200, 2**20)),
            "uncommitted_bytes_max": random.choice((0, 500)),
            "commit_eagerly": random.random() < 0.5,
            "snapshot_retry_ticks": 100,
            "promotion_lag_entries": random.choice((0, 8)),
        }

    def _brew_lease_storm(self) -> None:
        """Long leases, short election timeouts, leaders cut off again and again: what a broken promise would show in."""
        self.settings |= {"read_lease_ms": 300, "election_ticks": 10, "heartbeat_ticks": 2, "check_quorum": False}
        self.rates.partition = 0.02
        self.rates.suspicion = self.random.choice((0.0, 0.05))
        self.rates.transfer = self.random.choice((0.0, 0.02))
        self.rates.membership = 0.0
        self.rates.delay_ms = self.random.uniform(1, 10)
        self.rates.slow_disk = 0.9

    def _add(self, member: int, log: Log, state: State) -> None:
        config = RaftConfig(member_id=member, priority=member % 3 if self.with_priorities else 0, **self.settings)
        self.members[member] = Member(config, log, state, self.checks, self.random, self.send)
        self.members[member].start(0, self.rates.drift)

    # Network

    def send(self, message: Message, payload: State | None) -> None:
        if message.to not in self.members or (message.sender, message.to) in self.cut:
            return
        copies = 1
        delay_ms = self.rates.delay_ms
        if self.faulty:
            if self.random.random() < self.rates.loss:
                return
            copies += self.random.random() < self.rates.duplication
            if self.random.random() < self.rates.straggle:
                delay_ms *= 40
        for _ in range(copies):
            self.order += 1
            due_ms = self.time_ms + self.random.uniform(0.1, delay_ms)
            heapq.heappush(self.network, (due_ms, self.order, _copied(message), payload))

    def _deliver(self) -> None:
        while self.network and self.network[0][0] <= self.time_ms:
            _, _, message, payload = heapq.heappop(self.network)
            member = self.members[message.to]
            if member.alive and member.paused_until_ms <= self.time_ms and (message.sender, message.to) not in self.cut:
                member.receive(message, payload, self.time_ms)

    # Time

    def step(self) -> None:
        self.time_ms += STEP_MS
        self._deliver()
        for member in self.members.values():
            if not member.alive or member.paused_until_ms > self.time_ms:
                continue
            member.tick(self.time_ms)
            if member.writes and self.random.random() < self.rates.slow_disk:
                member.write_some(self.time_ms)

    def run(self, duration_ms: float) -> None:
        """Faults and clients for `duration_ms`, then all is well, and the cluster has to work again."""
        while self.time_ms < duration_ms:
            self.step()
            self._clients()
            self._mishaps()
        self._heal()
        self._must_recover()

    def _clients(self) -> None:
        random = self.random
        for _ in range(random.randint(0, 3)):
            member = self._any_alive()
            if member is None:
                return
            choice = random.random()
            if choice < 0.5:
                member.write(random.randbytes(random.randint(1, 60)))
            elif choice < 0.75:
                self.order += 1
                member.read(self.order.to_bytes(8, "big"))
            else:
                member.lease_read(self.time_ms)

    def _any_alive(self) -> Member | None:
        alive = [member for member in self.members.values() if member.alive and member.paused_until_ms <= self.time_ms]
        leaders = [member for member in alive if member.raft.role is Role.LEADER]
        if leaders and self.random.random() < 0.7:
            alive = leaders
        return self.random.choice(alive) if alive else None

    # Mishaps

    def _mishaps(self) -> None:
        random, rates = self.random, self.rates
        if random.random() < rates.partition:
            self._partition()
        for member in self.members.values():
            if not member.alive:
                if random.random() < 0.02:
                    member.start(self.time_ms, rates.drift)
                continue
            if random.random() < rates.crash:
                member.crash()
                continue
            if random.random() < rates.pause:
                member.paused_until_ms = self.time_ms + random.uniform(50, 1500)
            if random.random() < rates.compaction:
                member.flush_and_compact(random.randint(0, 3))
            if random.random() < rates.suspicion:
                member.raft.suspect_leader(random.randint(0, 5))
            if random.random() < rates.unreachable:
                member.raft.report_unreachable(random.choice(list(self.members)))
                member.raft.report_snapshot(random.choice(list(self.members)), random.random() < 0.3)
            if random.random() < rates.transfer:
                member.raft.transfer_leadership(random.choice(list(self.members)))
            if member.raft.role is Role.LEADER and random.random() < rates.membership:
                member.propose_change(self._change(member))
            member.pump()

    def _partition(self) -> None:
        self.cut.clear()
        if self.random.random() < 0.4:
            return
        leaders = {member.raft.id for member in self.members.values() if member.alive and member.raft.role is Role.LEADER}
        side = leaders if self.random.random() < 0.4 else {member for member in self.members if self.random.random() < 0.5}
        one_way = self.random.random() < self.rates.one_way
        for source in self.members:
            for target in self.members:
                if (source in side) != (target in side) and (source in side or not one_way):
                    self.cut.add((source, target))

    def _change(self, member: Member) -> MembershipChange:
        random = self.random
        kinds = [ChangeKind.ADD_VOTER, ChangeKind.ADD_LEARNER, ChangeKind.REMOVE, ChangeKind.ADD_WITNESS, ChangeKind.UPDATE]
        used = member.raft.configuration
        count = random.choice((1, 1, 1, 2, 3))
        changes = []
        for target in random.sample(sorted(self.members), min(count, len(self.members))):
            kind = random.choice(kinds)
            if kind is ChangeKind.ADD_WITNESS and self.members[target].state.index > 0:
                # A witness is a fresh member: this one holds data.
                kind = ChangeKind.ADD_LEARNER
            if kind is ChangeKind.REMOVE and len(used.voters) <= 2:
                kind = ChangeKind.ADD_VOTER
            changes.append(SingleChange(kind, target))
        return MembershipChange(tuple(changes), random.choice(list(Transition)))

    # The end

    def _heal(self) -> None:
        self.faulty = False
        self.rates.slow_disk = max(self.rates.slow_disk, 0.5)
        self.cut.clear()
        for member in self.members.values():
            member.paused_until_ms = 0
            if not member.alive:
                member.start(self.time_ms, self.rates.drift)

    def _must_recover(self) -> None:
        """Liveness: without faults there is soon a leader, a new write commits, and every member of its configuration has it."""
        deadline_ms = self.time_ms + LIVENESS_MS
        target = 0
        while self.time_ms < deadline_ms:
            self.step()
            leaders = [member for member in self.members.values() if member.raft.role is Role.LEADER]
            if not leaders:
                continue
            leader = max(leaders, key=lambda member: member.raft.term)
            if (target == 0 or self.random.random() < 0.01) and leader.write(b"last"):
                target = leader.raft.last_index
            used = leader.raft.configuration
            wanted = {*used.voters, *used.voters_outgoing, *used.learners}
            if target and not used.voters_outgoing and all(self.members[m].state.index >= target for m in wanted):
                self._compare(leader, wanted)
                return
        roles = {m: (x.raft.role.name, x.raft.term, x.raft.commit_index, x.raft.last_index) for m, x in self.members.items()}
        raise Broken(f"liveness: no new write reached all members within {LIVENESS_MS} ms: {roles}")

    def _compare(self, leader: Member, wanted: set[int]) -> None:
        for member in wanted:
            other = self.members[member]
            if other.state.index == leader.state.index and not other.is_witness():
                assert other.state == leader.state, f"members {member} and {leader.raft.id} differ at equal index"


def _copied(message: Message) -> Message:
    """What the wire does: the receiver's message is its own."""
    return Message(*(getattr(message, name) for name in message.__struct_fields__))
