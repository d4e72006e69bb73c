"""Raft members whose writes are durable at once and whose messages arrive when the test says so."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from quorate_node.protocol.entry import Entry, EntryType
from quorate_node.protocol.membership import ChangeKind, Configuration, MembershipChange, SingleChange
from quorate_node.protocol.message import Message, MessageType, SnapshotMetadata
from quorate_node.protocol.raft import Raft, RaftConfig, TraceLevel, decode_change
from quorate_node.protocol.ready import Event, EventKind, HardState, ReadState, Role
from tests.simulation.raft_world.disk import Log

START = 1
"""Index at which every log of a group begins."""


def change(kind: ChangeKind, member_id: int, *more: SingleChange) -> MembershipChange:
    return MembershipChange((SingleChange(kind, member_id), *more))


class Group:
    def __init__(
        self, voters: int, *, spares: int = 0, configuration: Configuration | None = None, silent: bool = False, **settings: Any
    ) -> None:
        self._silent = silent
        self.now_ms = 1_000
        self.settings = {"election_ticks": 10, "heartbeat_ticks": 2} | settings
        self.rafts: dict[int, Raft] = {}
        self.logs: dict[int, Log] = {}
        self.flights: list[Message] = []
        self.lost: Callable[[Message], bool] = lambda message: False
        self.events: dict[int, list[Event]] = {}
        self.reads: dict[int, list[ReadState]] = {}
        self.applied: dict[int, list[Entry]] = {}
        self.traced: list[str] = []
        self.sent: list[Message] = []
        known = configuration or Configuration(voters=tuple(range(1, voters + 1)))
        for member in range(1, voters + spares + 1):
            if member <= voters:
                log = Log(SnapshotMetadata(START, 1, known), HardState(1, 0, START), configuration=known)
            else:
                log = Log(SnapshotMetadata(0, 0, Configuration()))
            self.start(member, log)

    def start(self, member: int, log: Log, *, applied: int = 0, **settings: Any) -> Raft:
        self.logs[member] = log
        self.rafts[member] = Raft(
            RaftConfig(member_id=member, **(self.settings | settings)),
            log,
            random_ticks=lambda low, high: low,
            applied=applied,
            trace=None if self._silent else self._trace,
            now_ms=self.now_ms,
        )
        self.events[member] = []
        self.reads[member] = []
        self.applied[member] = []
        return self.rafts[member]

    def _trace(self, level: TraceLevel, text: str) -> None:
        self.traced.append(f"{level.name} {text}")

    def __getitem__(self, member: int) -> Raft:
        return self.rafts[member]

    # Driving

    def pump(self, member: int) -> None:
        """Carry out everything that a member wants done; its messages take flight."""
        raft = self.rafts[member]
        while raft.has_ready():
            ready = raft.ready()
            self._fly(ready.send_now)
            if ready.persist is not None:
                self.logs[member].write(ready.persist)
                raft.persisted(ready.persist, self.now_ms)
            for message in ready.send_after_persist:
                if message.to == member:
                    raft.step(message, self.now_ms)
                else:
                    self._fly([message])
            for entry in ready.committed:
                self.applied[member].append(entry)
                if entry.type in (EntryType.MEMBERSHIP, EntryType.MEMBERSHIP_SIMPLE):
                    raft.apply_membership(decode_change(entry.data))
            if ready.committed:
                raft.applied(ready.committed[-1].index)
            self.events[member] += ready.events
            self.reads[member] += ready.reads

    def _fly(self, messages: list[Message]) -> None:
        self.sent += messages
        self.flights += [message for message in messages if not self.lost(message)]

    def settle(self, *only: int) -> None:
        """Until nothing moves among the given members (all, if none is given). Messages to others stay in flight."""
        among = set(only or self.rafts)
        for _ in range(10_000):
            for member in among:
                self.pump(member)
            due = [message for message in self.flights if message.to in among]
            if not due:
                return
            self.flights = [message for message in self.flights if message.to not in among]
            for message in due:
                self.rafts[message.to].step(message, self.now_ms)
        raise AssertionError("the group does not come to rest")

    def tick(self, member: int, ticks: int = 1) -> None:
        """Time passes for everybody, but only `member` notices."""
        for _ in range(ticks):
            self.now_ms += 10
            self.rafts[member].tick(self.now_ms)
            self.pump(member)

    def wait(self, duration_ms: int) -> None:
        self.now_ms += duration_ms

    def elect(self, member: int) -> Raft:
        """Make `member` the leader and let everything settle."""
        self.wait(10_000)
        for raft in self.rafts.values():
            raft.forget_leader()
        self.rafts[member].core.now_ms = self.now_ms
        self.rafts[member].campaign()
        self.settle()
        assert self.rafts[member].role is Role.LEADER
        return self.rafts[member]

    def isolate(self, *members: int) -> None:
        self.lost = lambda message: (message.to in members) != (message.sender in members) or (
            message.to in members and message.to != message.sender
        )

    def connect(self) -> None:
        self.lost = lambda message: False

    # Looking

    def has_event(self, member: int, kind: EventKind) -> bool:
        return any(event.kind is kind for event in self.events[member])

    def last_sent(self, kind: MessageType, to: int | None = None) -> Message:
        return next(m for m in reversed(self.sent) if m.type == kind and to in (None, m.to))

    def data(self, member: int) -> list[bytes]:
        return [entry.data for entry in self.applied[member] if entry.data and entry.type == EntryType.NORMAL]
