"""The low-level stream: messages, callbacks, and who is told what when it ends."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import aiohttp
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from quorate import StreamConnection
from quorate.stream_connection import MESSAGE_BYTES_TARGET, MESSAGE_REQUESTS_MAX, ConnectionLost, Outcome, pack_messages
from quorate.wire.commands import CommandKind, Put, Range
from quorate.wire.results import PutResult, RangeResult
from tests.unit.client.fake_member import FakeMember


@given(st.lists(st.integers(0, 2**40), max_size=200))
def test_messages_hold_all_requests_in_order(numbers: list[int]) -> None:
    parts = [msgspec.msgpack.encode([number, "x"]) for number in numbers] or [msgspec.msgpack.encode(1)]
    decoded = [each for message in pack_messages(parts) for each in msgspec.msgpack.decode(message)]
    assert [msgspec.msgpack.encode(each) for each in decoded] == parts


def test_messages_are_bounded() -> None:
    many = pack_messages([b"\x01"] * (2 * MESSAGE_REQUESTS_MAX + 5))
    assert [len(msgspec.msgpack.decode(each)) for each in many] == [MESSAGE_REQUESTS_MAX, MESSAGE_REQUESTS_MAX, 5]
    part = msgspec.msgpack.encode(b"x" * (MESSAGE_BYTES_TARGET // 2 + 1))
    assert [len(msgspec.msgpack.decode(each)) for each in pack_messages([part] * 5)] == [2, 2, 1]


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


async def settle(outcomes: list[Outcome], count: int) -> None:
    async with asyncio.timeout(2):
        while len(outcomes) < count:
            await asyncio.sleep(0.005)


async def test_callbacks_get_their_answers(http: aiohttp.ClientSession, member: FakeMember) -> None:
    outcomes: list[Outcome] = []
    connection = await StreamConnection.open(http, member.url)
    connection.submit(CommandKind.PUT, Put(b"a", b"1"), outcomes.append)
    connection.submit(CommandKind.RANGE, Range(b"a"), outcomes.append)
    assert outcomes == []
    assert connection.inflight == 2
    await settle(outcomes, 2)
    assert isinstance(outcomes[0], PutResult)
    assert isinstance(outcomes[1], RangeResult)
    assert member.messages == 1
    await connection.close()
    with pytest.raises(ConnectionResetError):
        connection.submit(CommandKind.PUT, Put(b"a"), outcomes.append)


async def test_the_end_tells_sent_from_unsent(http: aiohttp.ClientSession, member: FakeMember) -> None:
    member.silent = True
    ended: list[StreamConnection] = []
    outcomes: list[Outcome] = []
    connection = await StreamConnection.open(http, member.url, on_closed=ended.append)
    connection.submit(CommandKind.PUT, Put(b"a"), outcomes.append)
    await asyncio.sleep(0.05)
    number = connection.submit(CommandKind.PUT, Put(b"b"), outcomes.append)
    assert not connection.was_sent(number)
    assert connection.was_sent(number - 1)
    await connection.close()
    await settle(outcomes, 2)
    assert [each.sent for each in outcomes if isinstance(each, ConnectionLost)] == [True, False]
    assert ended == [connection]


async def test_a_forgotten_request_calls_nobody(http: aiohttp.ClientSession, member: FakeMember) -> None:
    outcomes: list[Outcome] = []
    connection = await StreamConnection.open(http, member.url)
    connection.forget(connection.submit(CommandKind.PUT, Put(b"a"), outcomes.append))
    connection.submit(CommandKind.PUT, Put(b"b"), outcomes.append)
    await settle(outcomes, 1)
    await connection.close()
    assert len(outcomes) == 1


async def test_a_retired_connection_ends_with_its_last_answer(http: aiohttp.ClientSession, member: FakeMember) -> None:
    outcomes: list[Outcome] = []
    connection = await StreamConnection.open(http, member.url)
    connection.submit(CommandKind.PUT, Put(b"a"), outcomes.append)
    connection.retire()
    assert not connection.closed
    await settle(outcomes, 1)
    await asyncio.sleep(0)
    assert isinstance(outcomes[0], PutResult)
    assert connection.closed
    idle = await StreamConnection.open(http, member.url)
    idle.retire()
    assert idle.closed


async def test_nonsense_ends_the_connection(http: aiohttp.ClientSession, member: FakeMember) -> None:
    outcomes: list[Outcome] = []
    member.silent = True
    connection = await StreamConnection.open(http, member.url)
    connection.submit(CommandKind.PUT, Put(b"a"), outcomes.append)
    await asyncio.sleep(0.05)
    for socket in member.sockets:
        await socket.send_bytes(b"\xc1")
    await settle(outcomes, 1)
    lost = outcomes[0]
    assert isinstance(lost, ConnectionLost)
    assert "not of this API" in lost.reason
