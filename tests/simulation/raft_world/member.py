"""One member with its driver: persists later, applies, answers clients, crashes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from random import Random

from quorate_node.protocol.entry import Entry, EntryType
from quorate_node.protocol.membership import ChangeKind, MembershipChange, SingleChange
from quorate_node.protocol.message import Message
from quorate_node.protocol.raft import ProposalDropped, Raft, RaftConfig, ReadDropped, decode_change
from quorate_node.protocol.ready import EventKind, Persist, Ready, Role
from tests.simulation.raft_world.checks import Checks
from tests.simulation.raft_world.disk import Log, State, durable_prefix

Send = Callable[[Message, "State | None"], None]


@dataclass
class Clock:
    """A member's own clock: another origin after each start, and a rate a little off."""

    origin_ms: float
    rate: float

    def read(self, time_ms: float) -> int:
        return int(self.origin_ms + self.rate * time_ms)


class Member:
    def __init__(self, config: RaftConfig, log: Log, state: State, checks: Checks, random: Random, send: Send) -> None:
        self.config = config
        self.disk = log
        self.flushed = state
        self.checks = checks
        self.random = random
        self.send = send
        self.alive = False
        self.paused_until_ms = 0.0
        self.promote = 0.5
        self.snapshots: dict[int, State] = {}

    def start(self, time_ms: float, drift: float) -> None:
        self.clock = Clock(self.random.uniform(0, 1e6), 1 + self.random.uniform(-drift, drift))
        if self.flushed.index > self.disk.last_index():
            # The crash came between the installation of a snapshot and the reset of the log.
            self.disk.compact(self.flushed.metadata())
        self.view = self.disk.copy()
        self.view.configuration = self.flushed.configuration
        self.state = self.flushed
        self.writes: list[tuple[Persist, list[Message]]] = []
        self.own_writes: dict[int, tuple[int, int]] = {}
        self.own_reads: dict[bytes, int] = {}
        self.confirmed: list[tuple[int, int]] = []
        self.next_tick_ms = self.clock.read(time_ms)
        self.was_leader_of = -1
        self.raft = Raft(
            self.config,
            self.view,
            random_ticks=self.random.randint,
            applied=self.flushed.index,
            now_ms=self.clock.read(time_ms),
        )
        self.raft.set_priorities({member: member % 3 for member in range(1, 10)} if self.config.priority else {})
        self.alive = True

    def crash(self) -> None:
        """Lose everything that was not written, except for a part of the queue that just made it."""
        durable_prefix(self.disk, [persist for persist, _ in self.writes], self.random.randint(0, len(self.writes)))
        self.alive = False

    # Inputs

    def tick(self, time_ms: float) -> None:
        now_ms = self.clock.read(time_ms)
        while self.next_tick_ms <= now_ms:
            self.next_tick_ms += self.config.tick_ms
            self.raft.tick(now_ms)
            self.pump()

    def receive(self, message: Message, payload: State | None, time_ms: float) -> None:
        if payload is not None:
            self.snapshots[payload.index] = payload
        self.raft.step(message, self.clock.read(time_ms))
        self.pump()

    def write_some(self, time_ms: float) -> None:
        """One sync: the oldest writes become durable, then visible, then known to Raft, and their messages leave."""
        count = self.random.randint(1, len(self.writes))
        done, self.writes = self.writes[:count], self.writes[count:]
        for persist, _ in done:
            self.disk.write(persist)
            for entry in persist.entries:
                self.checks.stored(entry)
        now_ms = self.clock.read(time_ms)
        for persist, messages in done:
            self.view.write(persist)
            self.raft.persisted(persist, now_ms)
            self._release(messages, now_ms)
        self.pump()

    def _release(self, messages: list[Message], now_ms: int) -> None:
        for message in messages:
            if message.to == self.raft.id:
                self.raft.step(message, now_ms)
            else:
                self._send(message)

    def _send(self, message: Message) -> None:
        self.checks.sent(message)
        payload = None
        if message.snapshot is not None:
            # A snapshot of now, not of the last compaction: that one may be older than the membership of who needs it.
            payload = self.state
            message.snapshot = payload.metadata()
        self.send(message, payload)

    # Output

    def pump(self) -> None:
        while self.raft.has_ready():
            self._handle(self.raft.ready())
        if self.raft.role is Role.LEADER and self.was_leader_of != self.raft.term:
            self.was_leader_of = self.raft.term
            self.checks.leader(self.raft)

    def _handle(self, ready: Ready) -> None:
        for message in ready.send_now:
            self._send(message)
        if ready.install is not None:
            self.state = self.flushed = self.snapshots[ready.install.index]
        if ready.persist is not None:
            self.writes.append((ready.persist, ready.send_after_persist))
        else:
            self._release(ready.send_after_persist, 0)
        if ready.committed:
            assert ready.committed[-1].index <= self.view.last_index(), "committed entries that are not durable here"
            for entry in ready.committed:
                self._apply(entry)
            self.raft.applied(ready.committed[-1].index)
        for read in ready.reads:
            if read.context in self.own_reads:
                self.confirmed.append((read.index, self.own_reads.pop(read.context)))
        self._answer_reads()
        for event in ready.events:
            if event.kind is EventKind.PROMOTION_DUE and self.random.random() < self.promote:
                self.propose_change(MembershipChange((SingleChange(ChangeKind.ADD_VOTER, event.member_id),)))
            elif event.kind is EventKind.LEAVE_JOINT_DUE:
                self.propose_change(MembershipChange())
            elif event.kind is EventKind.READS_DROPPED:
                self.own_reads.clear()

    def _apply(self, entry: Entry) -> None:
        assert entry.index == self.state.index + 1, f"entry {entry.index} applied after {self.state.index}"
        self.checks.apply(self.raft, entry)
        value, configuration = self.state.value, self.state.configuration
        if entry.type in (EntryType.MEMBERSHIP, EntryType.MEMBERSHIP_SIMPLE):
            configuration = self.raft.apply_membership(decode_change(entry.data))
        elif entry.data:
            value = entry.index
        self.state = State(entry.index, entry.term, value, configuration)
        term, floor = self.own_writes.pop(entry.index, (0, 0))
        if term == entry.term:
            self.checks.complete(f"write at {self.raft.id}", floor, entry.index)

    def _answer_reads(self) -> None:
        waiting = []
        for index, floor in self.confirmed:
            if index <= self.state.index:
                self.checks.complete(f"read at {self.raft.id}", floor, self.state.value)
            else:
                waiting.append((index, floor))
        self.confirmed = waiting

    # Clients and administration

    def is_witness(self) -> bool:
        return self.raft.id in self.raft.core.tracker.members.witnesses

    def write(self, data: bytes) -> bool:
        floor = self.checks.begin()
        try:
            index = self.raft.propose(data)
        except ProposalDropped:
            return False
        self.own_writes[index] = (self.raft.term, floor)
        self.pump()
        return True

    def read(self, context: bytes) -> None:
        if self.is_witness():
            return
        self.own_reads[context] = self.checks.begin()
        try:
            self.raft.read_index(context)
        except ReadDropped:
            del self.own_reads[context]
        self.pump()

    def lease_read(self, time_ms: float) -> bool:
        floor = self.checks.begin()
        value, index = self.state.value, self.state.index
        if not self.raft.lease_valid(self.clock.read(time_ms)) or index < self.raft.lease_read_index():
            return False
        self.checks.complete(f"lease read at {self.raft.id}", floor, value)
        return True

    def propose_change(self, change: MembershipChange) -> None:
        try:
            self.raft.propose_membership(change)
        except ProposalDropped:
            return
        self.pump()

    def flush_and_compact(self, keep: int) -> None:
        """Flush the machine; forget the log up to a little before that."""
        if self.is_witness() or self.state.index - keep <= self.view.first_index():
            return
        self.flushed = self.state
        for log in (self.disk, self.view):
            log.compact(self.state.metadata())
