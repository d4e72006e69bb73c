"""Three members, a log of epochs, connections and a network that loses, delays, reorders, repeats and damages: driven by Hypothesis.

What every run must show: a frame opens exactly once with what was sealed, or is refused with a typed error; no key meets a nonce twice; a
link seals with the newest epoch that both ends have announced. In `World` the windows are wide enough for all delays, so that an undamaged
frame *must* open whenever its receiver still holds the epoch; in `NarrowWorld` they are as narrow as they may be.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from hashlib import sha256

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from quorate_node.crypto.epochs.announcement import Announcement
from quorate_node.crypto.epochs.connection import Connection
from quorate_node.crypto.epochs.epoch import Epoch
from quorate_node.crypto.epochs.errors import EpochsError, KeyExhausted, UnknownEpoch
from quorate_node.crypto.epochs.header import decode_header
from quorate_node.crypto.epochs.identity import EpochGrant
from quorate_node.crypto.epochs.keyring import Cause, Keyring
from quorate_node.crypto.epochs.opened import NoSharedEpoch
from quorate_node.crypto.epochs.settings import EpochSettings
from tests.unit.crypto.epochs.members import exporter
from tests.unit.crypto.epochs.recorder import recorded_nonces

IDS = (1, 2, 3)
ACTIONS = [
    action
    for action, weight in {
        "seal": 30,
        "deliver": 15,
        "deliver in order": 15,
        "deliver elsewhere": 4,
        "deliver damaged": 4,
        "pass time": 10,
        "announce": 5,
        "announce late": 2,
        "commit": 2,
        "apply": 5,
        "catch up": 2,
        "dial": 4,
        "answer": 4,
        "hang up": 1,
        "crash": 1,
    }.items()
    for _ in range(weight)
]
WIDE = EpochSettings(
    late_steps_max=10_000, skipped_steps_max=10_000, late_ms=10**9, replay_window=10_000, grace_ms=20_000, linger_ms=1_000, epochs_max=3
)
NARROW = EpochSettings(
    late_steps_max=0,
    skipped_steps_max=2,
    late_ms=1,
    replay_window=1,
    grace_ms=2_000,
    linger_ms=0,
    receive_settle_ms=200,
    epochs_max=1,
    frames_per_key_max=2,
    steps_max=4,
)


@dataclass
class LogEntry:
    """One commit: the group and the epoch that it makes."""

    index: int
    group_id: bytes
    number: int
    members: tuple[int, ...]

    def grant(self) -> EpochGrant:
        return EpochGrant(self.group_id, self.number, self.members, exporter(self.group_id, self.number))


@dataclass
class Member:
    keyring: Keyring
    applied: int = 0
    boot: int = 1
    heard: dict[int, Announcement] = field(default_factory=dict)
    """The last announcement of each peer, by its order and not by when it came."""
    restored: bool = False
    """It came back with an epoch that it should have lost."""


@dataclass
class Wire:
    """A connection's two ends; the acceptor's is there first."""

    dialler: int
    acceptor: int
    randoms: tuple[bytes, bytes]
    ends: dict[int, tuple[Keyring, Connection]] = field(default_factory=dict)
    answered: bool = False
    heard_dialler: bool = False

    def peer(self, member: int) -> int:
        return self.acceptor if member == self.dialler else self.dialler

    def may_seal(self, member: int) -> bool:
        return member in self.ends and (member == self.dialler or self.heard_dialler)


@dataclass
class Flight:
    wire: Wire
    sender: int
    frame: bytes
    messages: list[bytes]
    source: Keyring
    opened: bool = False


class World(RuleBasedStateMachine):
    settings_of_members = WIDE
    must_open = True

    def __init__(self) -> None:
        super().__init__()
        self._recording = recorded_nonces()
        self._recording.__enter__()
        self.now_ms = 0
        self.randoms = 0
        self.log: list[LogEntry] = []
        self.members = {member: Member(Keyring(member, 1, self.settings_of_members)) for member in IDS}
        self.wires: list[Wire] = []
        self.flights: list[Flight] = []
        self.said: list[tuple[int, int, Announcement]] = []

    def teardown(self) -> None:
        self._recording.__exit__(None, None, None)

    def random(self) -> bytes:
        self.randoms += 1
        return sha256(self.randoms.to_bytes(8, "big")).digest()

    # What is drawn

    @rule(data=st.data())
    def act(self, data: st.DataObject) -> None:
        """One rule for all: left to itself, Hypothesis draws as many crashes as frames, and hardly anything is ever sealed."""
        member, other = data.draw(st.sampled_from(IDS)), data.draw(st.sampled_from(IDS))
        number, yes = data.draw(st.integers(0, 10_000)), data.draw(st.booleans())
        action = data.draw(st.sampled_from(ACTIONS))
        if action == "seal":
            self.seal(number, yes)
        elif action == "deliver":
            self.deliver(number)
        elif action == "deliver in order":
            self.deliver_in_order(number % 5 + 1)
        elif action == "deliver elsewhere":
            self.deliver_elsewhere(number, number // 7, yes)
        elif action == "deliver damaged":
            self.deliver_damaged(number, data.draw(st.integers(0, 200)), yes)
        elif action == "pass time":
            self.pass_time(data.draw(st.sampled_from([1, 50, 100, 250, 1_000, 5_000])), {member, other})
        elif action == "announce":
            self.announce(member, other)
        elif action == "announce late":
            self.announce_late(number)
        elif action == "commit":
            self.commit(data.draw(st.sampled_from([IDS, IDS, (1, 2), (2, 3)])), number % 4 == 0)
        elif action == "apply":
            self.apply(member, yes, number % 2 == 0)
        elif action == "catch up":
            self.catch_up()
        elif action == "dial":
            self.dial(member, other)
        elif action == "answer":
            self.answer(number)
        elif action == "hang up":
            self.hang_up(number, yes)
        else:
            assert action == "crash"
            self.crash(member, number % 3 == 0)

    def catch_up(self) -> None:
        """All apply the whole log, hear of each other, and finish their handshakes."""
        for member in IDS:
            while self.members[member].applied < len(self.log):
                self.apply(member, prepared=False, rotation=False)
        for source in IDS:
            for listener in IDS:
                self.announce(source, listener)
        for number in range(len(self.wires)):
            self.answer(number)

    # The log

    @initialize()
    def begin(self) -> None:
        """All have the first epoch, have announced it, and are connected: what is drawn begins in the middle of things."""
        self.commit(IDS, fresh_group=True)
        for dialler, acceptor in ((1, 2), (2, 3), (3, 1)):
            self.dial(dialler, acceptor)
        self.catch_up()

    def commit(self, members: tuple[int, ...], fresh_group: bool) -> None:
        last = self.log[-1] if self.log else None
        index = len(self.log) + 1
        if last is None or fresh_group:
            self.log.append(LogEntry(index, b"group %d" % index, 0, members))
        else:
            self.log.append(LogEntry(index, last.group_id, last.number + 1, members))

    def apply(self, member: int, prepared: bool, rotation: bool) -> None:
        there = self.members[member]
        if there.applied == len(self.log):
            return
        entry = self.log[there.applied]
        there.applied += 1
        if member not in entry.members:
            return
        cause = Cause.ROTATION if rotation else Cause.UPDATE
        if prepared:
            epoch = there.keyring.prepare(entry.grant())
            there.keyring.install_prepared(epoch, index=entry.index, cause=cause, now_ms=self.now_ms)
        else:
            there.keyring.install(entry.grant(), index=entry.index, cause=cause, now_ms=self.now_ms)
        # What a member has said is forgotten with its removal.
        there.heard = {peer: said for peer, said in there.heard.items() if peer in there.keyring._table._heard}

    # What members tell each other

    def announce(self, source: int, listener: int) -> None:
        if source != listener:
            self.said.append((source, listener, self.members[source].keyring.announcement(listener)))
            self.tell(listener, source, self.said[-1][2])

    def announce_late(self, pick: int) -> None:
        """Something that was said before, overtaken by who knows what."""
        source, listener, announcement = self.said[pick % len(self.said)]
        self.tell(listener, source, announcement)

    def tell(self, listener: int, source: int, announcement: Announcement) -> None:
        there = self.members[listener]
        last = there.heard.get(source)
        fresh = last is None or announcement.order > last.order
        if fresh:
            there.heard[source] = announcement
        assert there.keyring.heard(source, announcement, self.now_ms) is (fresh or announcement == last)

    # Connections and crashes

    def dial(self, dialler: int, acceptor: int) -> None:
        if dialler == acceptor or len(self.wires) >= 8:
            return
        wire = Wire(dialler, acceptor, (self.random(), self.random()))
        keyring = self.members[acceptor].keyring
        wire.ends[acceptor] = keyring, keyring.connect(dialler, dialled=False, own_random=wire.randoms[1], peer_random=wire.randoms[0])
        self.wires.append(wire)

    def answer(self, pick: int) -> None:
        if not self.wires:
            return
        wire = self.wires[pick % len(self.wires)]
        if not wire.answered and wire.acceptor in wire.ends:
            wire.answered = True
            keyring = self.members[wire.dialler].keyring
            connection = keyring.connect(wire.acceptor, dialled=True, own_random=wire.randoms[0], peer_random=wire.randoms[1])
            wire.ends[wire.dialler] = keyring, connection

    def hang_up(self, pick: int, end: bool) -> None:
        if not self.wires:
            return
        wire = self.wires[pick % len(self.wires)]
        member = wire.dialler if end else wire.acceptor
        if member in wire.ends:
            keyring, connection = wire.ends.pop(member)
            keyring.disconnect(connection)
        if not wire.ends:
            self.wires.remove(wire)

    def crash(self, member: int, restored: bool) -> None:
        """All keys are lost. `restored`: as a machine that was rolled back would, it takes up its epochs from the log once more."""
        there = self.members[member]
        there.boot += 1
        there.keyring = Keyring(member, there.boot, self.settings_of_members)
        there.heard = {}
        there.restored = restored
        there.applied = 0 if restored else len(self.log)
        for wire in self.wires:
            wire.ends.pop(member, None)
        # A handshake that was under way is lost with either end.
        self.wires = [wire for wire in self.wires if wire.ends and (wire.answered or member != wire.dialler)]

    # Traffic

    def seal(self, pick: int, end: bool) -> None:
        possible = [(wire, member) for wire in self.wires for member in (wire.dialler, wire.acceptor) if wire.may_seal(member)]
        if not possible:
            return
        wire, member = possible[pick % len(possible)]
        keyring, connection = wire.ends[member]
        expected = self.expected_epoch(member, wire.peer(member))
        messages = [sha256(b"%d.%d" % (len(self.flights), place)).digest()[: pick % 33] for place in range(1 + end)]
        try:
            frame = keyring.seal(connection, messages, self.now_ms)
        except KeyExhausted:
            assert self.settings_of_members is NARROW
            return
        if isinstance(frame, NoSharedEpoch):
            assert expected is None or self.settings_of_members is NARROW
            return
        assert expected is not None and decode_header(memoryview(frame)).epoch == expected.id
        self.flights.append(Flight(wire, member, bytes(frame), messages, keyring))

    def expected_epoch(self, member: int, peer: int) -> Epoch | None:
        """The newest by the log, of those that this end holds and the other end has announced last."""
        there = self.members[member]
        announced = there.heard[peer].epochs if peer in there.heard else ()
        held = [epoch for epoch in there.keyring._table.epochs if epoch.id in announced and peer in epoch.links]
        return max(held, key=lambda epoch: epoch.index, default=None)

    def deliver(self, pick: int) -> None:
        if self.flights:
            self.arrive(self.flights[pick % len(self.flights)])

    def deliver_in_order(self, count: int) -> None:
        for flight in [flight for flight in self.flights if not flight.opened][:count]:
            self.arrive(flight)

    def arrive(self, flight: Flight) -> None:
        wire, receiver = flight.wire, flight.wire.peer(flight.sender)
        if receiver not in wire.ends:
            return
        keyring, connection = wire.ends[receiver]
        held = self.holds(keyring, flight)
        with keyring.open(connection, [flight.frame], self.now_ms) as batch:
            if batch.messages or not batch.refusals:
                assert not flight.opened, "a frame opened twice"
                assert [bytes(message) for message in batch.messages] == flight.messages
                flight.opened = True
                wire.heard_dialler |= flight.sender == wire.dialler
                return
            assert [isinstance(refusal.error, EpochsError) for refusal in batch.refusals] == [True]
        restored = any(there.restored for there in self.members.values())
        assert flight.opened or not held or restored or not self.must_open, f"refused: {batch.refusals[0].error}"

    def holds(self, keyring: Keyring, flight: Flight) -> bool:
        try:
            return flight.sender in keyring._table.find(decode_header(memoryview(flight.frame)).epoch).links
        except UnknownEpoch:
            return False

    def deliver_elsewhere(self, pick: int, wire: int, end: bool) -> None:
        if not self.flights or not self.wires:
            return
        flight, other = self.flights[pick % len(self.flights)], self.wires[wire % len(self.wires)]
        receiver = other.dialler if end else other.acceptor
        if receiver in other.ends and (other is not flight.wire or receiver == flight.sender):
            keyring, connection = other.ends[receiver]
            self.refused(keyring, connection, flight.frame)

    def deliver_damaged(self, pick: int, place: int, cut: bool) -> None:
        if not self.flights:
            return
        flight = self.flights[pick % len(self.flights)]
        receiver = flight.wire.peer(flight.sender)
        if receiver not in flight.wire.ends:
            return
        damaged = bytearray(flight.frame)
        if cut:
            del damaged[place % len(damaged) :]
        else:
            damaged[place % len(damaged)] ^= 1 << pick % 8
        self.refused(*flight.wire.ends[receiver], damaged)

    def refused(self, keyring: Keyring, connection: Connection, frame: bytes | bytearray) -> None:
        with keyring.open(connection, [frame], self.now_ms) as batch:
            assert not batch.messages
            assert [isinstance(refusal.error, EpochsError) for refusal in batch.refusals] == [True]

    # Time

    def pass_time(self, elapsed_ms: int, ticking: set[int]) -> None:
        self.now_ms += elapsed_ms
        for member in sorted(ticking):
            self.members[member].keyring.tick(self.now_ms)

    @invariant()
    def memory_is_bounded(self) -> None:
        for there in self.members.values():
            epochs = there.keyring._table.epochs
            assert len(epochs) <= self.settings_of_members.epochs_max
            for epoch in epochs:
                for link in epoch.links.values():
                    for keys in link.receiving._connections.values():
                        assert len(keys) <= self.settings_of_members.skipped_steps_max + 1


class NarrowWorld(World):
    settings_of_members = NARROW
    must_open = False
