"""Many members of one cluster in virtual time: the protocol core and the wire's real frames, without stores, machines or transports.

A whole replica costs megabytes and joins through the log one after the other; a thousand of them do not fit into a test. What grows
with the number of members is the protocol, so that is what runs here, driven as `replica.engine` drives it.
"""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Callable
from functools import partial
from random import Random
from time import process_time_ns
from typing import Any

from quorate_node.protocol.membership import Configuration
from quorate_node.protocol.message import Message, MessageType
from quorate_node.protocol.ready import Role
from quorate_node.replica.settings import ReplicaSettings
from quorate_node.simulator.scale_member import ScaleMember
from quorate_node.transport.frames import FrameCodec, decode_messages

MEMBERS_MIN = 2
MEMBERS_MAX = 5_000
"""Every member knows every other: twenty-five million records of progress are what a large machine's memory holds."""
LATENCY_US_MIN = 200
LATENCY_US_MAX = 2_000
FRAME_BYTES_MAX = 64 << 20

_codec = FrameCodec(FRAME_BYTES_MAX)


class NoProgress(Exception):
    """What a scenario waits for does not come about."""


class Traffic:
    """What has crossed the wire, by kind and by member. Bytes are frames: without the headers of WebSocket, TLS and TCP."""

    def __init__(self, members: int) -> None:
        self.messages: Counter[int] = Counter()
        self.bytes = 0
        self.with_context = 0
        self.with_context_bytes = 0
        """Heartbeats and answers that confirm reads."""
        self.sent_messages = [0] * (members + 1)
        self.sent_bytes = [0] * (members + 1)
        self.received_messages = [0] * (members + 1)
        self.received_bytes = [0] * (members + 1)

    @property
    def count(self) -> int:
        return self.messages.total()


class ScaleWorld:
    """Members 1 to `size`. Times are microseconds from the start. The same `size` and `seed` give the same run."""

    def __init__(self, size: int, seed: int) -> None:
        if not MEMBERS_MIN <= size <= MEMBERS_MAX:
            raise ValueError(f"members is {size}: it must be {MEMBERS_MIN} to {MEMBERS_MAX}")
        self.size = size
        self.random = Random(f"scale {size} {seed}")
        self.settings = ReplicaSettings()
        self.now_us = 0
        self.traffic = Traffic(size)
        self.side = [0] * (size + 1)
        """Members hear each other when they are on the same side."""
        self.watched: ScaleMember | None = None
        self.watched_ns = 0
        """Processor time that the watched member took of this machine: the only thing here that differs from run to run."""
        self.voted_terms: dict[int, int] = {}
        """Term -> candidates that asked for real votes in it."""
        self.led_terms: dict[int, int] = {}
        """Term -> its leader."""
        self._queue: list[tuple[int, int, Callable[[Any], None], Any]] = []
        self._order = 0
        configuration = Configuration(voters=tuple(range(1, size + 1)))
        self.members = {number: ScaleMember(number, self, configuration) for number in range(1, size + 1)}
        tick_us = self.settings.tick_ms * 1_000
        for member in self.members.values():
            self.after(self.random.randrange(tick_us), self._tick, member)

    # -- time ------------------------------------------------------------------------------------------------------------

    def after(self, delay_us: int, call: Callable[[Any], None], argument: object) -> None:
        self._order += 1
        heapq.heappush(self._queue, (self.now_us + delay_us, self._order, call, argument))

    def run_for(self, duration_us: int) -> None:
        end_us = self.now_us + duration_us
        while self._queue[0][0] <= end_us:
            self._next()
        self.now_us = end_us

    def run_until(self, done: Callable[[], bool], limit_us: int, what: str) -> int:
        """How long it took until `done`, in microseconds. Raises `NoProgress` after `limit_us`."""
        begin_us = self.now_us
        while not done():
            if self.now_us - begin_us > limit_us:
                raise NoProgress(f"{self.size} members: no {what} within {limit_us / 1e6:.0f} s of virtual time")
            self._next()
        return self.now_us - begin_us

    def _next(self) -> None:
        self.now_us, _, call, argument = heapq.heappop(self._queue)
        call(argument)

    def _tick(self, member: ScaleMember) -> None:
        if not member.alive:
            return
        self.on(member, member.tick)
        self.after(self.settings.tick_ms * 1_000, self._tick, member)

    def synced(self, member: ScaleMember) -> None:
        if member.alive:
            self.on(member, member.synced)

    def on(self, member: ScaleMember, work: Callable[[], None]) -> None:
        """Have `member` do its work, under the eye of a stopwatch where it is watched."""
        if member is not self.watched:
            work()
            return
        began_ns = process_time_ns()
        work()
        self.watched_ns += process_time_ns() - began_ns

    # -- network ---------------------------------------------------------------------------------------------------------

    def send(self, message: Message) -> None:
        """One message, one frame: as in production, where a turn seldom has two for the same peer."""
        sender, to = message.sender, message.to
        frame = _codec.messages((message,))
        traffic = self.traffic
        traffic.messages[message.type] += 1
        traffic.bytes += len(frame)
        if message.context:
            traffic.with_context += 1
            traffic.with_context_bytes += len(frame)
        traffic.sent_messages[sender] += 1
        traffic.sent_bytes[sender] += len(frame)
        if self.side[sender] == self.side[to]:
            self.after(self.random.randint(LATENCY_US_MIN, LATENCY_US_MAX), self._deliver, (sender, to, frame))

    def _deliver(self, parcel: tuple[int, int, bytes]) -> None:
        sender, to, frame = parcel
        member = self.members[to]
        if self.side[sender] != self.side[to] or not member.alive:
            return
        self.traffic.received_messages[to] += 1
        self.traffic.received_bytes[to] += len(frame)
        self.on(member, partial(self._receive, member, sender, frame))

    def _receive(self, member: ScaleMember, sender: int, frame: bytes) -> None:
        for message in decode_messages(_codec.open(frame)[1], sender, member.number):
            member.receive(message)

    # -- what is to be seen ----------------------------------------------------------------------------------------------

    def role_changed(self, member: ScaleMember, role: Role) -> None:
        """Told by a member. Raises `AssertionError` for two leaders of one term."""
        term = member.raft.term
        if role is Role.CANDIDATE:
            self.voted_terms[term] = self.voted_terms.get(term, 0) + 1
        elif role is Role.LEADER:
            assert self.led_terms.setdefault(term, member.number) == member.number, f"term {term} has two leaders"

    def leader(self) -> ScaleMember | None:
        """The one of the newest term, if it still leads."""
        if not self.led_terms:
            return None
        member = self.members[self.led_terms[max(self.led_terms)]]
        return member if member.alive and member.raft.role is Role.LEADER else None

    def campaigns(self) -> int:
        """Rounds of pre-votes so far, whatever came of them."""
        return self.traffic.messages[MessageType.PRE_VOTE] // (self.size - 1)

    def split_votes(self) -> int:
        """Terms in which real votes were asked for, and nobody won."""
        return len(self.voted_terms.keys() - self.led_terms.keys())
