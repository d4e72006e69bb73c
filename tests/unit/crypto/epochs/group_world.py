"""Three members, a log of epochs, connections and a network that loses, delays, reorders, repeats and damages: driven by Hypothesis.

What every run must show: a frame opens exactly once with what was sealed, or is refused with a typed error; no key meets a nonce twice; a
link seals with the newest epoch that both ends have announced. In `World` the windows are wide enough for all delays, so that an undamaged
frame *must* open whenever its receiver still holds the epoch; in `NarrowWorld` they are as narrow as they may be.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from hashlib import sha256

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

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
PICK = st.integers(0, 1_000)
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
        self.said: list[tuple[int, Announcement]] = []

    def teardown(self) -> None:
        self._recording.__exit__(None, None, None)

    def random(self) -> bytes:
        self.randoms += 1
        return sha256(self.randoms.to_bytes(8, "big")).digest()

    # The log

    @initialize()
    def begin(self) -> None:
        """All have the first epoch, have announced it, and are connected: what is drawn begins in the middle of things."""
        self.commit(IDS, fresh_group=True)
        for member in IDS:
            self.apply(member, prepared=False, rotation=False)
        for source in IDS:
            for target in IDS:
                self.announce(source, target)
        for dialler, acceptor in ((1, 2), (2, 3), (3, 1)):
            self.dial(dialler, acceptor)
            self.answer(len(self.wires) - 1)

    @rule(members=st.sampled_from([IDS, IDS, (1, 2), (2, 3)]), fresh_group=st.sampled_from([False, False, False, True]))
    def commit(self, members: tuple[int, ...], fresh_group: bool) -> None:
        last = self.log[-1] if self.log else None
        index = len(self.log) + 1
        if last is None or fresh_group:
            self.log.append(LogEntry(index, b"group %d" % index, 0, members))
        else:
            self.log.append(LogEntry(index, last.group_id, last.number + 1, members))

    @rule(member=st.sampled_from(IDS), prepared=st.booleans(), rotation=st.booleans())
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

    # What members tell each other

    @rule(source=st.sampled_from(IDS), listener=st.sampled_from(IDS))
    def announce(self, source: int, listener: int) -> None:
        if source != listener:
            self.said.append((source, self.members[source].keyring.announcement()))
            self.members[listener].keyring.heard(source, self.said[-1][1], self.now_ms)

    @precondition(lambda self: self.said)
    @rule(pick=PICK, listener=st.sampled_from(IDS))
    def announce_late(self, pick: int, listener: int) -> None:
        """Something that was said before, overtaken by who knows what."""
        source, announcement = self.said[pick % len(self.said)]
        if source != listener:
            self.members[listener].keyring.heard(source, announcement, self.now_ms)

    # Connections and crashes

    @rule(dialler=st.sampled_from(IDS), acceptor=st.sampled_from(IDS))
    def dial(self, dialler: int, acceptor: int) -> None:
        if dialler == acceptor or len(self.wires) >= 8:
            return
        wire = Wire(dialler, acceptor, (self.random(), self.random()))
        keyring = self.members[acceptor].keyring
        wire.ends[acceptor] = keyring, keyring.connect(dialler, dialled=False, own_random=wire.randoms[1], peer_random=wire.randoms[0])
        self.wires.append(wire)

    @precondition(lambda self: self.wires)
    @rule(pick=PICK)
    def answer(self, pick: int) -> None:
        wire = self.wires[pick % len(self.wires)]
        if not wire.answered and wire.acceptor in wire.ends:
            wire.answered = True
            keyring = self.members[wire.dialler].keyring
            connection = keyring.connect(wire.acceptor, dialled=True, own_random=wire.randoms[0], peer_random=wire.randoms[1])
            wire.ends[wire.dialler] = keyring, connection

    @precondition(lambda self: self.wires)
    @rule(pick=PICK, end=st.booleans())
    def hang_up(self, pick: int, end: bool) -> None:
        wire = self.wires[pick % len(self.wires)]
        member = wire.dialler if end else wire.acceptor
        if member in wire.ends:
            keyring, connection = wire.ends.pop(member)
            keyring.disconnect(connection)
        if not wire.ends:
            self.wires.remove(wire)

    @rule(member=st.sampled_from(IDS), restored=st.sampled_from([False, False, False, True]))
    def crash(self, member: int, restored: bool) -> None:
        """All keys are lost. `restored`: as a machine that was rolled back would, it takes up its epochs from the log once more."""
        there = self.members[member]
        there.boot += 1
        there.keyring = Keyring(member, there.boot, self.settings_of_members)
        there.restored = restored
        there.applied = 0 if restored else len(self.log)
        for wire in self.wires:
            wire.ends.pop(member, None)
        # A handshake that was under way is lost with either end.
        self.wires = [wire for wire in self.wires if wire.ends and (wire.answered or member != wire.dialler)]

    # Traffic

    @precondition(lambda self: self.wires)
    @rule(pick=PICK, end=st.booleans(), sizes=st.lists(st.integers(0, 40), min_size=1, max_size=3))
    def seal(self, pick: int, end: bool, sizes: list[int]) -> None:
        wire = self.wires[pick % len(self.wires)]
        member = wire.dialler if end else wire.acceptor
        if not wire.may_seal(member):
            return
        keyring, connection = wire.ends[member]
        expected = self.expected_epoch(keyring, wire.peer(member))
        messages = [sha256(b"%d.%d" % (len(self.flights), place)).digest()[:size] for place, size in enumerate(sizes)]
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

    def expected_epoch(self, keyring: Keyring, peer: int) -> Epoch | None:
        """The newest by the log, of those that this end holds and the other end has announced last."""
        table = keyring._table
        announced = table._heard[peer].epochs if peer in table._heard else ()
        held = [epoch for epoch in table.epochs if epoch.id in announced and peer in epoch.links]
        return max(held, key=lambda epoch: epoch.index, default=None)

    @precondition(lambda self: self.flights)
    @rule(pick=PICK)
    def deliver(self, pick: int) -> None:
        self.arrive(self.flights[pick % len(self.flights)])

    @precondition(lambda self: self.flights)
    @rule(count=st.integers(1, 5))
    def deliver_all_in_order(self, count: int) -> None:
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

    @precondition(lambda self: self.flights and self.wires)
    @rule(pick=PICK, wire=PICK, end=st.booleans())
    def deliver_elsewhere(self, pick: int, wire: int, end: bool) -> None:
        flight, other = self.flights[pick % len(self.flights)], self.wires[wire % len(self.wires)]
        receiver = other.dialler if end else other.acceptor
        if receiver in other.ends and (other is not flight.wire or receiver == flight.sender):
            keyring, connection = other.ends[receiver]
            self.refused(keyring, connection, flight.frame)

    @precondition(lambda self: self.flights)
    @rule(pick=PICK, place=PICK, bit=st.integers(0, 7), cut=st.booleans())
    def deliver_damaged(self, pick: int, place: int, bit: int, cut: bool) -> None:
        flight = self.flights[pick % len(self.flights)]
        receiver = flight.wire.peer(flight.sender)
        if receiver not in flight.wire.ends:
            return
        damaged = bytearray(flight.frame)
        if cut:
            del damaged[place % len(damaged) :]
        else:
            damaged[place % len(damaged)] ^= 1 << bit
        self.refused(*flight.wire.ends[receiver], damaged)

    def refused(self, keyring: Keyring, connection: Connection, frame: bytes | bytearray) -> None:
        with keyring.open(connection, [frame], self.now_ms) as batch:
            assert not batch.messages
            assert [isinstance(refusal.error, EpochsError) for refusal in batch.refusals] == [True]

    # Time

    @rule(elapsed_ms=st.sampled_from([1, 50, 100, 250, 1_000, 5_000, 30_000]), ticking=st.sets(st.sampled_from(IDS)))
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
