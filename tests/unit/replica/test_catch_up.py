"""Which pinned snapshot a follower is offered: one that the log still continues, and that is still open."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import cast

import msgspec
import pytest

from quorate_node.machine.interface import Machine, Refused
from quorate_node.protocol.membership import Configuration
from quorate_node.protocol.message import Message, MessageType, SnapshotMetadata
from quorate_node.replica.catch_up import ChunkRequest, SnapshotServer
from quorate_node.replica.settings import ReplicaSettings
from quorate_node.transport.interface import PeerRefused, Transport


class Source:
    def __init__(self, index: int, members: tuple[int, ...]) -> None:
        self.metadata = SnapshotMetadata(index, 1, Configuration(voters=members))
        self.closed = False

    def manifest(self) -> bytes | None:
        return None

    async def prepare(self) -> bytes:
        if self.closed:
            raise Refused("NotReady", "it closed itself")
        return b"manifest %d" % self.metadata.index

    async def chunk(self, number: int) -> bytes:
        return await self.prepare()

    def close(self) -> None:
        self.closed = True


class Leader:
    """A machine that moves on, and the offers that its member sends."""

    def __init__(self, **settings: int) -> None:
        self.applied_index = 10
        self.members: tuple[int, ...] = (1, 2, 3)
        self.sources: list[Source] = []
        self.offered: list[int] = []
        self.gave_up: list[int] = []
        self.server = SnapshotServer(
            ReplicaSettings(**settings),  # type: ignore[arg-type]
            lambda: cast(Machine, self),
            lambda _: asyncio.get_running_loop().create_future(),
            cast(Transport, self),
            self.gave_up.append,
        )

    def open_snapshot(self) -> Source:
        self.sources.append(Source(self.applied_index, self.members))
        return self.sources[-1]

    def send(self, messages: Sequence[Message]) -> None:
        self.offered += [message.snapshot.index for message in messages if message.snapshot is not None]

    def offer(self, to: int, log_begins_after: int) -> int:
        metadata = SnapshotMetadata(log_begins_after, 1, Configuration())
        self.server.offer(Message(MessageType.SNAPSHOT, to=to, sender=1, snapshot=metadata))
        return self.offered[-1]


async def test_a_follower_is_offered_the_same_snapshot_again_while_it_is_of_use() -> None:
    leader = Leader()
    assert leader.offer(2, log_begins_after=5) == 10
    leader.applied_index = 20
    assert leader.offer(2, log_begins_after=10) == 10


async def test_a_snapshot_that_the_log_does_not_continue_any_more_is_not_offered_again() -> None:
    """The follower has it already, and would be offered it for ever."""
    leader = Leader()
    assert leader.offer(2, log_begins_after=5) == 10
    leader.applied_index = 20
    assert leader.offer(2, log_begins_after=11) == 20


async def test_a_newcomer_makes_the_oldest_pin_go_when_none_is_of_use() -> None:
    leader = Leader(snapshot_sources_max=1)
    assert leader.offer(2, log_begins_after=5) == 10
    leader.applied_index = 30
    assert leader.offer(3, log_begins_after=25) == 30
    assert leader.sources[0].closed
    assert leader.gave_up == [2]


async def test_a_snapshot_from_before_a_member_came_is_not_offered_to_it() -> None:
    """It refuses what does not know it, and would be offered it for ever."""
    leader = Leader(snapshot_sources_max=1)
    assert leader.offer(2, log_begins_after=5) == 10
    leader.applied_index, leader.members = 12, (1, 2, 3, 4)
    assert leader.offer(4, log_begins_after=5) == 12


async def test_what_is_pinned_at_an_index_is_pinned_once() -> None:
    leader = Leader()
    assert leader.offer(2, log_begins_after=5) == leader.offer(3, log_begins_after=5) == 10
    assert len(leader.sources) == 1


async def test_a_source_that_closed_itself_is_replaced() -> None:
    leader = Leader()
    leader.offer(2, log_begins_after=5)
    leader.sources[0].close()
    with pytest.raises(Refused):
        await leader.server.manifest(msgspec.msgpack.encode(ChunkRequest(10)))
    assert leader.gave_up == [2], "the protocol asks again"
    leader.applied_index = 12
    assert leader.offer(2, log_begins_after=5) == 12


async def test_pins_that_nobody_uses_are_let_go() -> None:
    leader = Leader(snapshot_idle_timeout_ms=10)
    leader.offer(2, log_begins_after=5)
    await asyncio.sleep(0.02)
    leader.server.expire()
    assert leader.sources[0].closed
    with pytest.raises(PeerRefused):
        await leader.server.chunk(msgspec.msgpack.encode(ChunkRequest(10)))


async def test_a_damaged_member_that_asks_is_given_what_is_held_anyway_when_it_reaches_far_enough() -> None:
    leader = Leader()
    assert leader.offer(2, log_begins_after=5) == 10
    leader.applied_index = 20
    assert leader.server.pin(3, 7).index == 10
    assert leader.server.pin(3, 15).index == 20
    assert [source.closed for source in leader.sources] == [False, False]
    assert leader.offer(3, log_begins_after=5) == 20, "the protocol offers what it has"


async def test_a_damaged_member_that_asks_is_given_the_place_of_the_oldest_when_as_many_as_allowed_are_held() -> None:
    leader = Leader(snapshot_sources_max=1)
    assert leader.offer(2, log_begins_after=5) == 10
    leader.applied_index = 20
    assert leader.server.pin(3, 15).index == 20
    assert [source.closed for source in leader.sources] == [True, False]
    assert leader.gave_up == [2]


async def test_what_a_damaged_member_asked_for_is_let_go_when_it_does_not_come_for_it() -> None:
    leader = Leader(snapshot_idle_timeout_ms=20)
    leader.server.pin(3, 5)
    await asyncio.sleep(0.05)
    leader.server.expire()
    assert leader.sources[0].closed
