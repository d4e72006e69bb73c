"""What members take from the network: garbage, forgeries and floods end one connection with an exact reason, and harm nothing else."""

from __future__ import annotations

import asyncio
import contextlib
import random

import aiohttp
import msgspec
import pytest
import zstandard

from quorate_node.protocol.entry import Entry
from quorate_node.protocol.message import Message, MessageType
from quorate_node.transport.errors import PeerFault
from quorate_node.transport.frames import FrameCodec, Request, Response, decode_messages, decode_request, decode_response
from quorate_node.transport.handshake import CLOSE_FAULT, ConnectionClass
from quorate_node.transport.interface import PeerFailure, RequestKind
from tests.unit.transport.loopback_members import Member, StartMember, acquaint
from tests.unit.transport.raw_peer import RawPeer

codec = FrameCodec(1 << 20)


def messages_frame(*messages: Message) -> bytes:
    return b"\x01" + msgspec.msgpack.encode(list(messages))


async def end_after(member: Member, frame: bytes, connection_class: ConnectionClass = ConnectionClass.BULK) -> str:
    """Why an admitted peer's connection is closed after it sent this frame."""
    peer = await RawPeer.admitted(member, 2, connection_class)
    try:
        await peer.web_socket.send_bytes(frame)
        code, text = await peer.end()
        assert code == CLOSE_FAULT
        return text
    finally:
        await peer.close()


@pytest.mark.parametrize(
    ("frame", "reason"),
    [
        (b"", "an empty frame"),
        (b"\x01", "malformed messages"),
        (b"\x01\xc1", "malformed messages"),
        (b"\x01\x93", "malformed messages"),
        (b"\x01\x91\x93\xa1x\x01\x02", "malformed messages: Expected `int`, got `str`"),
        (b"\x07", "a frame of kind 7"),
        (b"\x03" + msgspec.msgpack.encode((1, "", "", b"")), "a frame of kind 3"),
        (b"\x02" + msgspec.msgpack.encode(("x", 1, b"")), "a malformed request"),
        (b"\x81" + b"not zstd", "a body that is not one zstd frame"),
        (b"\x81" + zstandard.compress(bytes(2 << 20)), "a compressed body of 2097152 bytes"),
        (messages_frame(Message(MessageType.APPEND, 1, 3)), "a message of member 3 on the connection of member 2"),
        (messages_frame(Message(MessageType.APPEND, 3, 2)), "a message to member 3 sent to member 1"),
        (messages_frame(Message(MessageType.UNREACHABLE, 1, 2)), "message type 16 does not travel"),
        (messages_frame(Message(0, 1, 2)), "message type 0 does not travel"),
        (messages_frame(Message(MessageType.VOTE, 1, 2, -1)), "a message with an integer outside"),
        (messages_frame(Message(MessageType.VOTE, 1, 2, 2**63)), "a message with an integer outside"),
        (messages_frame(Message(MessageType.APPEND, 1, 2, entries=[Entry(5, 1), Entry(7, 1)])), "entry (index 7, term 1) where index 6"),
        (messages_frame(Message(MessageType.APPEND, 1, 2, entries=[Entry(0, 1)])), "entry (index 0, term 1)"),
    ],
)
async def test_a_malformed_frame_closes_its_connection_with_the_reason(frame: bytes, reason: str, start_member: StartMember) -> None:
    member = await start_member(1, frame_bytes_max=1 << 20, batch_bytes_max=1 << 18)
    text = await end_after(member, frame)
    assert reason in text
    assert member.recorder.messages == []
    assert member.transport.counters.faults == 1


async def test_a_compressed_body_of_unknown_size_is_never_opened(start_member: StartMember) -> None:
    member = await start_member(1)
    bomb = zstandard.ZstdCompressor(write_content_size=False).compress(bytes(256 << 20))
    assert len(bomb) < 100_000
    assert "a compressed body of unknown size" in await end_after(member, b"\x81" + bomb)


async def test_a_frame_over_the_limit_is_refused_before_it_is_whole(start_member: StartMember) -> None:
    member = await start_member(1, frame_bytes_max=1 << 16, batch_bytes_max=1 << 15)
    peer = await RawPeer.admitted(member, 2)
    await peer.web_socket.send_bytes(bytes(1 << 20))
    code, _ = await peer.end()
    assert code in (CLOSE_FAULT, aiohttp.WSCloseCode.MESSAGE_TOO_BIG)
    assert member.transport.counters.faults == 1
    await peer.close()


async def test_a_frame_of_exactly_the_limit_is_taken_both_ways(start_member: StartMember) -> None:
    one, two = [await start_member(number, frame_bytes_max=1 << 16, batch_bytes_max=1 << 15) for number in (1, 2)]

    async def echo(member_id: int, kind: int, payload: bytes) -> bytes:
        return payload

    two.recorder.answer = echo
    await acquaint(one, two)
    largest = (1 << 16) - len(FrameCodec(1 << 17).response(Response(1, "", "", bytes(1 << 15)))) + (1 << 15) - 2
    asked = [await one.transport.request(2, RequestKind.SNAPSHOT_CHUNK, bytes(size), 5) for size in (largest - 1, largest)]
    assert [len(answer) for answer in asked] == [largest - 1, largest]
    with pytest.raises(PeerFailure, match=r"over transport\.frame_bytes_max 65536") as caught:
        await one.transport.request(2, RequestKind.SNAPSHOT_CHUNK, bytes(1 << 16), 5)
    assert not caught.value.sent


async def test_a_message_that_fits_no_frame_is_dropped_and_the_others_travel(start_member: StartMember) -> None:
    one, two = [await start_member(number, frame_bytes_max=1 << 16, batch_bytes_max=1 << 15) for number in (1, 2)]
    await acquaint(one, two)
    sizes = [40_000, 40_000, 70_000, 10]
    one.transport.send([Message(MessageType.APPEND, 2, 1, entries=[Entry(1, 1, 0, bytes(size))]) for size in sizes])
    await two.recorder.until(lambda: len(two.recorder.messages) == 3)
    assert [len(m.entries[0].data) for m in two.recorder.messages] == [40_000, 40_000, 10]
    assert one.transport.counters.dropped_oversize == 1
    await one.recorder.until(lambda: one.recorder.unreachable == [2])


async def test_text_is_a_fault(start_member: StartMember) -> None:
    member = await start_member(1)
    peer = await RawPeer.admitted(member, 2)
    await peer.web_socket.send_str("hello")
    assert await peer.end() == (CLOSE_FAULT, f"a text message: frames are binary (began with {b'hello'.hex()})")
    await peer.close()


async def test_requests_do_not_ride_on_the_heartbeat_connection(start_member: StartMember) -> None:
    member = await start_member(1)
    frame = codec.request(Request(1, RequestKind.FORWARD, b""))
    assert "a frame of kind 2 on a HEARTBEAT connection" in await end_after(member, frame, ConnectionClass.HEARTBEAT)


async def test_messages_do_not_ride_on_a_call(start_member: StartMember) -> None:
    member = await start_member(1)
    frame = messages_frame(Message(MessageType.VOTE, 1, 2, 9))
    assert "a frame of kind 1 on a CALL connection" in await end_after(member, frame, ConnectionClass.CALL)


def take(frame: bytes) -> None:
    """What a member does with a frame: anything but a fault would end its connection without a reason."""
    with contextlib.suppress(PeerFault):
        kind, body = codec.open(frame)
        assert 0 <= kind < 128
        for decode in (decode_request, decode_response, lambda body: decode_messages(body, 2, 1)):
            with contextlib.suppress(PeerFault):
                decode(body)


async def test_damaged_websocket_data_ends_the_connection(start_member: StartMember) -> None:
    member = await start_member(1)
    upgrade = "GET /peer/v1/bulk HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    upgrade += "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    numbers = random.Random(3)
    for _ in range(50):
        reader, writer = await asyncio.open_connection("127.0.0.1", member.port)
        writer.write(upgrade.encode())
        assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 101")
        writer.write(numbers.randbytes(200))
        writer.write_eof()
        async with asyncio.timeout(30):
            while await reader.read(4096):
                pass
        writer.close()
    assert member.transport.counters.accepted == 0
    await (await RawPeer.admitted(member, 2)).close()


async def test_ten_thousand_damaged_frames_crash_nothing(start_member: StartMember) -> None:
    member = await start_member(1)
    numbers = random.Random(7)
    good = messages_frame(Message(MessageType.APPEND, 1, 2, 3, 3, 7, entries=[Entry(8, 3, 0, b"value" * 9)], context=b"c"))
    peer = await RawPeer.admitted(member, 2)
    reconnections = 0
    for _ in range(10_000):
        damaged = bytearray(good)
        for _ in range(numbers.randint(1, 4)):
            damaged[numbers.randrange(len(damaged))] = numbers.randrange(256)
        frame = bytes(damaged[: numbers.randint(1, len(damaged))]) if numbers.random() < 0.3 else bytes(damaged)
        take(frame)
        if numbers.random() < 0.02:
            await peer.web_socket.send_bytes(frame)
            if (await _closed_soon(peer)) is not None:
                await peer.close()
                peer = await RawPeer.admitted(member, 2)
                reconnections += 1
    await peer.close()
    assert reconnections > 50
    assert all(m.sender == 2 and m.to == 1 for m in member.recorder.messages)
    other = await start_member(3)
    await acquaint(member, other)


async def _closed_soon(peer: RawPeer) -> int | None:
    """A keepalive's reply says that the frame before it was taken."""
    try:
        await peer.web_socket.send_bytes(b"\x04")
        received = await peer.web_socket.receive(timeout=5)
    except ConnectionError:
        return 0
    return None if received.type is aiohttp.WSMsgType.BINARY else int(received.data or 0)


async def test_more_requests_than_are_served_at_once_are_refused(start_member: StartMember) -> None:
    member = await start_member(1, requests_served_max=4)

    async def never(member_id: int, kind: int, payload: bytes) -> bytes:
        await asyncio.Event().wait()
        return b""

    member.recorder.answer = never
    peer = await RawPeer.admitted(member, 2)
    for call_id in range(1, 7):
        await peer.web_socket.send_bytes(codec.request(Request(call_id, RequestKind.FORWARD, b"")))
    for call_id in (5, 6):
        received = await peer.web_socket.receive(timeout=5)
        answer = msgspec.msgpack.decode(received.data[1:])
        assert answer[:2] == [call_id, "TooManyRequests"]
    assert member.transport.counters.requests_over_limit == 2
    await peer.close()


async def test_who_never_finishes_the_handshake_is_closed(start_member: StartMember) -> None:
    member = await start_member(1, handshake_timeout_s=0.1)
    peer = await RawPeer.dial(member)
    code, text = await peer.end()
    assert (code, text) == (CLOSE_FAULT, "no handshake within 0.1 s")
    await peer.close()


async def test_connections_without_a_handshake_are_bounded(start_member: StartMember) -> None:
    member = await start_member(1, unauthenticated_max=3)
    peers = [await RawPeer.dial(member) for _ in range(3)]
    with pytest.raises(aiohttp.WSServerHandshakeError) as caught:
        await RawPeer.dial(member)
    assert caught.value.status == 503
    assert member.transport.counters.accepted_over_limit == 1
    for peer in peers:
        await peer.close()
    await (await RawPeer.admitted(member, 2)).close()


async def test_accepted_connections_are_bounded(start_member: StartMember) -> None:
    member = await start_member(1, accepted_max=3, unauthenticated_max=3)
    peers = [await RawPeer.admitted(member, member_id) for member_id in (2, 3, 4)]
    with pytest.raises(aiohttp.WSServerHandshakeError):
        await RawPeer.dial(member)
    for peer in peers:
        await peer.close()


async def test_an_accepted_connection_that_is_silent_is_given_up(start_member: StartMember) -> None:
    member = await start_member(1, idle_timeout_s=0.2, keepalive_interval_s=0.1)
    peer = await RawPeer.admitted(member, 2)
    received = await peer.web_socket.receive(timeout=5)
    assert received.type in (aiohttp.WSMsgType.CLOSED, aiohttp.WSMsgType.ERROR)
    assert member.transport.counters.idle_timeouts == 1
    await peer.close()


async def test_a_second_connection_of_the_same_process_takes_the_place_of_the_first(start_member: StartMember) -> None:
    member = await start_member(1)
    first = await RawPeer.admitted(member, 2)
    second = await RawPeer.admitted(member, 2)
    received = await first.web_socket.receive(timeout=5)
    assert received.type in (aiohttp.WSMsgType.CLOSED, aiohttp.WSMsgType.ERROR)
    await second.web_socket.send_bytes(b"\x04")
    assert (await second.web_socket.receive(timeout=5)).data == b"\x05"
    await first.close()
    await second.close()


async def test_a_peer_that_hangs_up_before_it_is_answered_is_no_error(
    start_member: StartMember, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A killed member's half-open dials end so, at every kill: a traceback for each would hide the tracebacks that matter."""
    member = await start_member(1)

    async def gone(*_: object) -> None:
        raise aiohttp.ClientConnectionResetError("Cannot write to closing transport")

    with monkeypatch.context() as patched:
        patched.setattr("quorate_node.transport.endpoint.accept_upgrade", gone)
        with pytest.raises(aiohttp.WSServerHandshakeError):
            await RawPeer.dial(member)
    assert [record for record in caplog.records if record.levelname == "ERROR"] == []
    peer = await RawPeer.admitted(member, 2)
    await peer.close()
