"""How connections come and go: peers that change, links that break in odd ways, limits that are reached."""

from __future__ import annotations

import asyncio

import aiohttp
import pytest
from aiohttp import web

from quorate_node.protocol.message import Message, MessageType
from quorate_node.transport.handshake import CLOSE_FAULT, ConnectionClass, encode_hello
from quorate_node.transport.interface import Identity, LostReason, PeerFailure, PeerRefused, RequestKind
from tests.unit.transport.loopback_members import StartMember, acquaint, eventually, identity


async def odd_peer(frame_after_hello: bytes | str | None, runners: list[web.AppRunner]) -> str:
    """The URL of a member 2 that shakes hands as it should, and then sends something."""

    async def handle(request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        await socket.receive()
        connection_class = ConnectionClass[request.match_info["class"].upper()]
        await socket.send_bytes(encode_hello(connection_class, "http://127.0.0.1:1", identity(2)))
        if isinstance(frame_after_hello, bytes):
            await socket.send_bytes(frame_after_hello)
        elif frame_after_hello is not None:
            await socket.send_str(frame_after_hello)
        async for _ in socket:
            if frame_after_hello is None and request.transport is not None:
                request.transport.abort()
        return socket

    application = web.Application()
    application.add_routes([web.get("/peer/v1/{class}", handle)])
    runner = web.AppRunner(application, shutdown_timeout=0.1)
    await runner.setup()
    runners.append(runner)
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    return f"http://127.0.0.1:{runner.addresses[0][1]}"


@pytest.mark.parametrize(
    ("frame", "reason"),
    [
        (b"\x01\x90", "a frame of kind 1 on a connection that this member dialled"),
        (b"\x03\xc1", "a malformed response"),
        (b"", "an empty frame"),
        ("text", "a text message: frames are binary"),
    ],
)
async def test_the_accepting_side_can_break_the_protocol_too(frame: bytes | str, reason: str, start_member: StartMember) -> None:
    runners: list[web.AppRunner] = []
    member = await start_member(1)
    member.transport.set_peers({2: await odd_peer(frame, runners)})
    await eventually(lambda: all(reason in link.last_error for link in member.transport.links()))
    assert member.transport.counters.faults >= 2
    await runners[0].cleanup()


@pytest.mark.parametrize(
    ("frame", "reason"),
    [
        (None, "within the dial and handshake timeouts"),
        (b"QRTE\x00\x09", "frame format 9 is not spoken here"),
        (b"garbage", "the first frame is no handshake"),
    ],
)
async def test_an_accepting_side_that_shakes_no_hands_is_left_alone(frame: bytes | None, reason: str, start_member: StartMember) -> None:
    async def handle(request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        if frame is not None:
            await socket.send_bytes(frame)
        async for _ in socket:
            continue
        return socket

    application = web.Application()
    application.add_routes([web.get("/peer/v1/{class}", handle)])
    runner = web.AppRunner(application, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    member = await start_member(1, handshake_timeout_s=0.1)
    member.transport.set_peers({2: f"http://127.0.0.1:{runner.addresses[0][1]}"})
    await eventually(lambda: all(reason in link.last_error for link in member.transport.links()))
    assert member.recorder.connected == []
    await runner.cleanup()


async def test_a_connection_that_breaks_while_the_process_lives_is_no_death(start_member: StartMember) -> None:
    runners: list[web.AppRunner] = []
    member = await start_member(1)
    member.transport.set_peers({2: await odd_peer(None, runners)})
    await member.recorder.until(lambda: bool(member.recorder.connected))
    member.transport.send([Message(MessageType.HEARTBEAT, 2, 1)])
    await eventually(lambda: any("without a close frame" in link.last_error for link in member.transport.links()))
    await asyncio.sleep(0.1)
    assert (2, LostReason.DIED) not in member.recorder.lost
    assert member.transport.connected() == {2}, "it was dialled again at once"
    await runners[0].cleanup()


async def test_a_connection_that_breaks_and_does_not_come_back_is_a_timeout(start_member: StartMember) -> None:
    runners: list[web.AppRunner] = []
    member = await start_member(1, backoff_base_s=5, backoff_max_s=5, random=lambda: 0.99)
    member.transport.set_peers({2: await odd_peer(None, runners)})
    await member.recorder.until(lambda: bool(member.recorder.connected))
    member.transport.send([Message(MessageType.HEARTBEAT, 2, 1)])
    await member.recorder.until(lambda: member.recorder.lost == [(2, LostReason.TIMEOUT)])
    await runners[0].cleanup()


async def test_a_peer_that_is_removed_is_closed_both_ways(start_member: StartMember) -> None:
    one, two = await start_member(1), await start_member(2)
    await acquaint(one, two)
    one.transport.set_peers({})
    await two.recorder.until(lambda: two.recorder.lost == [(1, LostReason.CLOSED)])
    assert one.transport.links() == []
    assert one.recorder.lost == [], "it was our own decision"


async def test_a_peer_that_moved_is_dialled_at_its_new_address(start_member: StartMember) -> None:
    one, two = await start_member(1), await start_member(2)
    one.transport.set_peers({1: one.url, 2: "http://127.0.0.1:1"})
    assert [link.member_id for link in one.transport.links()] == [2, 2], "never itself"
    one.knows(two)
    await one.recorder.until(lambda: one.recorder.connected == [2])
    assert {link.url for link in one.transport.links()} == {two.url}


async def test_a_peer_that_comes_back_is_dialled_without_waiting_out_the_back_off(start_member: StartMember) -> None:
    one, two = await start_member(1, backoff_base_s=30, backoff_max_s=30, random=lambda: 0.99), await start_member(2)
    port = two.port
    await two.stop()
    one.transport.set_peers({2: two.url})
    await eventually(lambda: all(link.last_error for link in one.transport.links()))
    again = await start_member(2, port=port)
    again.knows(one)
    await one.recorder.until(lambda: one.recorder.connected == [2])


async def test_requests_that_wait_are_bounded(start_member: StartMember) -> None:
    one, two = await start_member(1, requests_outstanding_max=2), await start_member(2)
    release = asyncio.Event()

    async def answer(member_id: int, kind: int, payload: bytes) -> bytes:
        await release.wait()
        return payload

    two.recorder.answer = answer
    await acquaint(one, two)
    waiting = [asyncio.create_task(one.transport.request(2, RequestKind.FORWARD, b"x", 5)) for _ in range(2)]
    await asyncio.sleep(0)
    with pytest.raises(PeerFailure, match="2 requests to this peer wait") as caught:
        await one.transport.request(2, RequestKind.FORWARD, b"x", 5)
    assert not caught.value.sent
    release.set()
    assert await asyncio.gather(*waiting) == [b"x", b"x"]


async def test_a_late_answer_is_nobodys(start_member: StartMember) -> None:
    one, two = await start_member(1), await start_member(2)

    async def answer(member_id: int, kind: int, payload: bytes) -> bytes:
        await asyncio.sleep(0.05 if payload == b"late" else 0.1)
        return payload

    two.recorder.answer = answer
    await acquaint(one, two)
    with pytest.raises(PeerFailure, match="no answer within"):
        await one.transport.request(2, RequestKind.FORWARD, b"late", 0.01)
    assert await one.transport.request(2, RequestKind.FORWARD, b"next", 5) == b"next"


async def test_a_call_to_an_address_fails_clearly(start_member: StartMember) -> None:
    one, two = await start_member(1), await start_member(2)

    async def answer(member_id: int, kind: int, payload: bytes) -> bytes:
        if payload == b"refuse":
            raise PeerRefused("NotReady", "still starting")
        await asyncio.sleep(5)
        return b""

    two.recorder.answer = answer
    with pytest.raises(PeerFailure, match=r"no connection to http://127\.0\.0\.1:1:") as caught:
        await one.transport.request_url("http://127.0.0.1:1", RequestKind.PROBE, b"", 2)
    assert not caught.value.sent
    with pytest.raises(PeerRefused, match="still starting"):
        await one.transport.request_url(two.url, RequestKind.PROBE, b"refuse", 2)
    with pytest.raises(PeerFailure, match=r"no answer from .* within 0\.1 s") as caught:
        await one.transport.request_url(two.url, RequestKind.PROBE, b"sleep", 0.1)
    assert caught.value.sent
    two.recorder.current = identity(2, version_low=5, version_high=6)
    with pytest.raises(PeerFailure, match="versions 1 to 1 do not meet 5 to 6") as caught:
        await one.transport.request_url(two.url, RequestKind.PROBE, b"", 2)
    assert not caught.value.sent


async def test_a_transport_that_is_not_started_or_is_closed_takes_nobody(start_member: StartMember) -> None:
    one = await start_member(1)
    await one.transport.close()
    async with aiohttp.ClientSession() as session:
        with pytest.raises(aiohttp.WSServerHandshakeError) as caught:
            await session.ws_connect(f"{one.url}/peer/v1/bulk")
    assert caught.value.status == 503
    with pytest.raises(PeerFailure, match="not started"):
        await one.transport.request_url(one.url, RequestKind.PROBE, b"", 1)


async def test_a_member_that_itself_stood_still_does_not_blame_its_peers(start_member: StartMember) -> None:
    now_s = [1000.0]
    one = await start_member(1, idle_timeout_s=0.5, keepalive_interval_s=0.02, clock=lambda: now_s[0])
    two = await start_member(2, keepalive_interval_s=0.02)
    await acquaint(one, two)
    now_s[0] += 60
    await asyncio.sleep(0.1)
    assert one.transport.counters.idle_timeouts == 0
    assert one.recorder.lost == []
    for _ in range(40):
        now_s[0] += 0.02
        await asyncio.sleep(0.01)
    assert one.transport.counters.idle_timeouts == 0, "and its keepalives go on"


async def test_answers_too_large_for_a_frame_are_an_error_for_the_asker(start_member: StartMember) -> None:
    one, two = await start_member(1), await start_member(2, frame_bytes_max=1 << 16, batch_bytes_max=1 << 15)

    async def answer(member_id: int, kind: int, payload: bytes) -> bytes:
        return bytes(1 << 17)

    two.recorder.answer = answer
    await acquaint(one, two)
    with pytest.raises(PeerRefused, match=r"over transport\.frame_bytes_max 65536"):
        await one.transport.request(2, RequestKind.SNAPSHOT_CHUNK, b"", 2)


async def test_a_peer_that_does_not_take_its_answers_is_given_up(start_member: StartMember) -> None:
    member = await start_member(1, write_stall_timeout_s=0.2, keepalive_interval_s=0.1)

    async def answer(member_id: int, kind: int, payload: bytes) -> bytes:
        return bytes(8 << 20)

    member.recorder.answer = answer
    session = aiohttp.ClientSession()
    socket = await session.ws_connect(f"{member.url}/peer/v1/bulk", max_msg_size=0)
    await socket.send_bytes(encode_hello(ConnectionClass.BULK, "http://127.0.0.1:1", identity(2)))
    assert (await socket.receive()).type is aiohttp.WSMsgType.BINARY
    for call_id in range(1, 7):
        await socket.send_bytes(b"\x02\x93" + bytes((call_id,)) + b"\x03\xc4\x00")
    await eventually(lambda: member.transport.counters.write_stalls > 0)
    await session.close()


def test_codes_of_ours_are_in_the_range_for_applications() -> None:
    assert 4000 <= CLOSE_FAULT <= 4999


async def test_a_handshake_that_breaks_at_our_end_is_tried_again(start_member: StartMember) -> None:
    """Such as a disk that does not take what is to be announced: the link must not end with it, for nobody would hear of that."""
    one, other = await start_member(1), await start_member(2)
    tells, broken = one.recorder.identity, 6

    def breaks_at_first() -> Identity:
        nonlocal broken
        if broken:
            broken -= 1
            raise RuntimeError("the disk does not take it")
        return tells()

    one.knows(other)
    one.recorder.identity = breaks_at_first  # type: ignore[method-assign]
    await eventually(lambda: broken == 0 and 2 in one.recorder.connected)
