"""Two and three members on loopback: what is sent arrives, in order, at the right place."""

from __future__ import annotations

import asyncio

import pytest

from quorate_node.protocol.entry import Entry
from quorate_node.protocol.message import Message, MessageType
from quorate_node.transport.interface import LostReason, PeerFailure, PeerRefused, RequestKind
from tests.unit.transport.loopback_members import StartMember, acquaint


def heartbeat(sender: int, to: int, term: int = 3, **fields: object) -> Message:
    return Message(MessageType.HEARTBEAT, to, sender, term, **fields)  # type: ignore[arg-type]


def append(sender: int, to: int, index: int = 0, size_bytes: int = 16, term: int = 3) -> Message:
    return Message(MessageType.APPEND, to, sender, term, term, index, entries=[Entry(index + 1, term, 0, b"x" * size_bytes)])


async def test_members_connect_and_exchange_messages(start_member: StartMember) -> None:
    one, two = await start_member(1), await start_member(2)
    await acquaint(one, two)
    one.transport.send([heartbeat(1, 2, context=b"hello"), append(1, 2, 5)])
    await two.recorder.until(lambda: len(two.recorder.messages) == 2)
    assert {(m.type, m.sender, m.to) for m in two.recorder.messages} == {(7, 1, 2), (1, 1, 2)}
    two.transport.send([Message(MessageType.APPEND_RESPONSE, 1, 2, 3, index=6)])
    await one.recorder.until(lambda: len(one.recorder.messages) == 1)
    assert one.recorder.messages[0].index == 6


async def test_messages_of_one_class_keep_their_order_and_a_ready_is_one_frame(start_member: StartMember) -> None:
    one, two = await start_member(1), await start_member(2)
    await acquaint(one, two)
    for start in range(0, 1000, 10):
        one.transport.send([append(1, 2, index) for index in range(start, start + 10)])
    await two.recorder.until(lambda: len(two.recorder.messages) == 1000)
    assert [m.index for m in two.recorder.messages] == list(range(1000))
    assert one.transport.counters.frames_sent - two.transport.counters.frames_received <= 4, "all but keepalives and their replies"
    assert one.transport.counters.messages_sent == two.transport.counters.messages_received == 1000


async def test_each_message_goes_to_its_member_only(start_member: StartMember) -> None:
    members = [await start_member(member_id) for member_id in (1, 2, 3)]
    await acquaint(*members)
    members[0].transport.send([heartbeat(1, 2), heartbeat(1, 3), append(1, 3)])
    await members[2].recorder.until(lambda: len(members[2].recorder.messages) == 2)
    await members[1].recorder.until(lambda: len(members[1].recorder.messages) == 1)
    assert all(m.to == member.member_id for member in members for m in member.recorder.messages)


async def test_a_message_to_a_stranger_is_dropped_and_counted(start_member: StartMember) -> None:
    one = await start_member(1)
    one.transport.send([heartbeat(1, 99)])
    assert one.transport.counters.dropped_unknown_peer == 1


async def test_a_message_to_a_peer_that_is_not_connected_is_dropped_and_reported_later(start_member: StartMember) -> None:
    one = await start_member(1)
    one.transport.set_peers({2: "http://127.0.0.1:1"})
    one.transport.send([heartbeat(1, 2), heartbeat(1, 2)])
    assert one.recorder.unreachable == [], "never inside send: the replica may be in the middle of a Ready"
    await one.recorder.until(lambda: one.recorder.unreachable == [2])
    assert one.transport.counters.dropped_disconnected == 2


async def test_requests_are_answered_out_of_order_on_one_connection(start_member: StartMember) -> None:
    one, two = await start_member(1), await start_member(2)

    async def answer(member_id: int, kind: int, payload: bytes) -> bytes:
        await asyncio.sleep(0.05 if payload == b"slow" else 0)
        return b"%d %d %b" % (member_id, kind, payload)

    two.recorder.answer = answer
    await acquaint(one, two)
    slow = asyncio.create_task(one.transport.request(2, RequestKind.STATUS, b"slow", 2))
    assert await one.transport.request(2, RequestKind.FORWARD, b"quick", 2) == b"1 1 quick"
    assert not slow.done()
    assert await slow == b"1 8 slow"


async def test_a_refused_request_carries_the_peers_error(start_member: StartMember) -> None:
    one, two = await start_member(1), await start_member(2)

    async def refuse(member_id: int, kind: int, payload: bytes) -> bytes:
        raise PeerRefused("NotLeader", "ask member 3")

    two.recorder.answer = refuse
    await acquaint(one, two)
    with pytest.raises(PeerRefused, match="ask member 3") as caught:
        await one.transport.request(2, RequestKind.FORWARD, b"", 2)
    assert caught.value.error == "NotLeader"


async def test_a_request_without_an_answer_times_out_and_says_that_it_was_sent(start_member: StartMember) -> None:
    one, two = await start_member(1), await start_member(2)

    async def never(member_id: int, kind: int, payload: bytes) -> bytes:
        await asyncio.Event().wait()
        return b""

    two.recorder.answer = never
    await acquaint(one, two)
    with pytest.raises(PeerFailure, match=r"within 0\.05 s") as caught:
        await one.transport.request(2, RequestKind.FORWARD, b"", 0.05)
    assert caught.value.sent


async def test_a_request_to_a_peer_that_is_away_fails_at_once_and_was_not_sent(start_member: StartMember) -> None:
    one = await start_member(1)
    one.transport.set_peers({2: "http://127.0.0.1:1"})
    with pytest.raises(PeerFailure, match="member 2 is not connected") as caught:
        await one.transport.request(2, RequestKind.FORWARD, b"", 5)
    assert not caught.value.sent


async def test_an_unexpected_error_while_answering_is_an_internal_error_for_the_asker(start_member: StartMember) -> None:
    one, two = await start_member(1), await start_member(2)

    async def broken(member_id: int, kind: int, payload: bytes) -> bytes:
        raise KeyError("no such thing")

    two.recorder.answer = broken
    await acquaint(one, two)
    with pytest.raises(PeerRefused, match="KeyError while answering"):
        await one.transport.request(2, RequestKind.STATUS, b"", 2)


async def test_an_address_can_be_asked_before_anybody_belongs_to_a_cluster(start_member: StartMember) -> None:
    empty = {"cluster_id": 0, "boot_counter": 0, "term": 0, "last_index": 0}
    one, two = await start_member(0, identity=empty), await start_member(0, identity=empty)

    async def answer(member_id: int, kind: int, payload: bytes) -> bytes:
        return b"nobody"

    two.recorder.answer = answer
    assert await one.transport.request_url(two.url, RequestKind.PROBE, b"", 2) == b"nobody"
    with pytest.raises(PeerFailure, match="needs a connection of an admitted member"):
        await one.transport.request_url(two.url, RequestKind.FORWARD, b"", 2)


async def test_goodbye_is_an_orderly_loss_and_the_peer_is_found_again(start_member: StartMember) -> None:
    one, two = await start_member(1), await start_member(2)
    await acquaint(one, two)
    port = two.port
    await two.stop()
    await one.recorder.until(lambda: one.recorder.lost == [(2, LostReason.CLOSED)])
    again = await start_member(2, identity={"boot_counter": 2}, port=port)
    again.knows(one)
    await one.recorder.until(lambda: one.recorder.connected == [2, 2])
    one.transport.send([heartbeat(1, 2)])
    await again.recorder.until(lambda: len(again.recorder.messages) == 1)
    assert one.recorder.lost == [(2, LostReason.CLOSED)], "a port that is closed after a goodbye is no death"
