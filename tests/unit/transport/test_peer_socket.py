"""The connection after the upgrade, byte by byte: what a peer of any implementation may send, and how each ending looks."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
from pathlib import Path

import pytest

from quorate_node.protocol.message import Message, MessageType
from quorate_node.transport.frames import FrameCodec, Request
from quorate_node.transport.handshake import CLOSE_FAULT, HELLO_BYTES_MAX, ConnectionClass, encode_hello
from quorate_node.transport.interface import LostReason, RequestKind
from quorate_node.transport.websocket_frames import BINARY, CLOSE, CONTINUATION, PING, PONG, TEXT
from tests.unit.transport.loopback_members import Member, StartMember, acquaint, eventually, identity
from tests.unit.transport.test_websocket_frames import frame

codec = FrameCodec(1 << 20)
MASK = b"\x11\x22\x33\x44"
HELLO = encode_hello(ConnectionClass.BULK, "http://127.0.0.1:1", identity(2))
UPGRADE = (
    b"GET /peer/v1/bulk HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: keep-alive, Upgrade\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)


def messages(*terms: int) -> bytes:
    return bytes(codec.messages([Message(MessageType.VOTE, 1, 2, term) for term in terms]))


def sent(opcode: int, payload: bytes, final: bool = True) -> bytes:
    return frame(opcode, payload, mask=MASK, final=final)


class Wire:
    """A TCP connection to a member, to say on it what one likes."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self.writer = writer

    @classmethod
    async def open(cls, member: Member, first: bytes = UPGRADE) -> Wire:
        """`first` holds the upgrade, and whatever is to leave together with it."""
        wire = cls(*await asyncio.open_connection("127.0.0.1", member.port))
        wire.writer.write(first)
        answer = await wire._reader.readuntil(b"\r\n\r\n")
        assert answer.startswith(b"HTTP/1.1 101 Switching Protocols\r\n")
        assert b"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n" in answer, "the example of RFC 6455 section 1.3"
        return wire

    @classmethod
    async def admitted(cls, member: Member) -> Wire:
        wire = await cls.open(member)
        wire.writer.write(sent(BINARY, HELLO))
        opcode, hello = await wire.read()
        assert opcode == BINARY and hello.startswith(b"QRTE")
        return wire

    async def read(self) -> tuple[int, bytes]:
        """Opcode and payload of the next frame, which must not be masked."""
        async with asyncio.timeout(30):
            first, size = await self._reader.readexactly(2)
            if size == 126:
                size = int.from_bytes(await self._reader.readexactly(2))
            assert first & 0x80 and size <= 0xFFFF
            return first & 0x0F, await self._reader.readexactly(size)

    async def end(self) -> tuple[int, str]:
        """The close frame that comes next, and nothing behind it."""
        opcode, payload = await self.read()
        assert opcode == CLOSE
        self.writer.write(sent(CLOSE, payload[:2]))
        assert await self._reader.read() == b""
        return int.from_bytes(payload[:2]), payload[2:].decode()

    def close(self) -> None:
        self.writer.close()


async def test_bytes_that_come_with_the_upgrade_are_not_lost(start_member: StartMember) -> None:
    member = await start_member(1)
    hello = sent(BINARY, HELLO)
    for cut in (1, 5, len(hello) - 1, len(hello)):
        wire = await Wire.open(member, UPGRADE + hello[:cut])
        wire.writer.write(hello[cut:] + sent(BINARY, b"\x04"))
        assert (await wire.read())[1].startswith(b"QRTE")
        assert await wire.read() == (BINARY, b"\x05"), "and what followed the handshake is read too"
        wire.close()


async def test_all_messages_of_one_read_go_to_the_replica_together(start_member: StartMember) -> None:
    member = await start_member(1)
    wire = await Wire.admitted(member)
    wire.writer.write(b"".join(sent(BINARY, messages(term, term + 1)) for term in (1, 3, 5)))
    await member.recorder.until(lambda: len(member.recorder.messages) == 6)
    assert [message.term for message in member.recorder.messages] == [1, 2, 3, 4, 5, 6]
    assert member.recorder.frames == [6]
    assert member.transport.counters.frames_received == 3
    wire.close()


async def test_small_messages_are_sent_at_once_both_ways(start_member: StartMember) -> None:
    one, two = await start_member(1), await start_member(2)
    await acquaint(one, two)
    ports = {one.port, two.port}
    options = []
    for path in list(Path("/proc/self/fd").iterdir()):
        if not (path.is_symlink() and str(path.readlink()).startswith("socket:")):
            continue
        # Those that are not connected, or have no port in their name, are none of ours.
        with contextlib.suppress(OSError, IndexError), socket.socket(fileno=os.dup(int(path.name))) as other:
            if {other.getsockname()[1], other.getpeername()[1]} & ports:
                options.append(other.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
    assert len(options) == 8, "two connections each way, and both ends of each are in this process"
    assert all(options)


async def test_a_message_in_fragments_with_a_ping_between_them_is_one(start_member: StartMember) -> None:
    member = await start_member(1)
    wire = await Wire.admitted(member)
    data = messages(7)
    wire.writer.write(sent(BINARY, data[:3], final=False) + sent(PING, b"are you there") + sent(CONTINUATION, data[3:]))
    assert await wire.read() == (PONG, b"are you there")
    await member.recorder.until(lambda: [message.term for message in member.recorder.messages] == [7])
    wire.close()


async def test_messages_before_a_fault_in_the_same_read_are_delivered(start_member: StartMember) -> None:
    member = await start_member(1)
    for bad in (sent(BINARY, b"\x07"), sent(TEXT, b"no")):
        wire = await Wire.admitted(member)
        member.recorder.messages.clear()
        wire.writer.write(sent(BINARY, messages(4)) + bad + sent(BINARY, messages(5)))
        assert (await wire.end())[0] == CLOSE_FAULT
        assert [message.term for message in member.recorder.messages] == [4]
        wire.close()


async def test_a_frame_without_a_mask_is_a_fault(start_member: StartMember) -> None:
    member = await start_member(1)
    wire = await Wire.admitted(member)
    wire.writer.write(frame(BINARY, messages(1)))
    code, reason = await wire.end()
    assert code == CLOSE_FAULT and "a frame that is not masked" in reason
    assert member.recorder.messages == []
    wire.close()


async def test_a_close_frame_is_answered_with_its_code_and_is_no_sudden_end(start_member: StartMember) -> None:
    member = await start_member(1)
    wire = await Wire.admitted(member)
    wire.writer.write(sent(BINARY, messages(1)) + sent(CLOSE, (1001).to_bytes(2) + b"bye") + sent(BINARY, messages(2)))
    assert await wire.end() == (1001, "")
    assert [message.term for message in member.recorder.messages] == [1]
    assert member.transport.counters.faults == 0
    wire.close()


async def test_a_malformed_close_frame_is_a_fault(start_member: StartMember) -> None:
    member = await start_member(1)
    wire = await Wire.admitted(member)
    wire.writer.write(sent(CLOSE, b"\x00"))
    assert "a close frame without a valid code" in (await wire.end())[1]
    wire.close()


async def test_nothing_large_is_read_before_the_handshake(start_member: StartMember) -> None:
    member = await start_member(1)
    wire = await Wire.open(member)
    wire.writer.write(sent(BINARY, bytes(HELLO_BYTES_MAX + 1))[:20])
    assert f"over the {HELLO_BYTES_MAX} that are taken" in (await wire.end())[1], "said before the rest of it came"
    wire.close()


async def test_one_that_asks_and_does_not_read_is_not_read_either(start_member: StartMember) -> None:
    member = await start_member(1, requests_served_max=1, idle_timeout_s=30, write_stall_timeout_s=30)

    async def never(member_id: int, kind: int, payload: bytes) -> bytes:
        await asyncio.Event().wait()
        return b""

    member.recorder.answer = never
    wire = await Wire.admitted(member)
    request = sent(BINARY, bytes(codec.request(Request(1, RequestKind.FORWARD, b""))))
    backlog = wire.writer.transport.get_write_buffer_size
    for _ in range(2000):
        # Each refusal is larger than its request: some megabytes of them fill the sockets both ways.
        wire.writer.write(request * 1000)
        await asyncio.sleep(0.002)
        if backlog() > 1 << 20:
            break
    await asyncio.sleep(0.2)
    refused = member.transport.counters.requests_over_limit
    await asyncio.sleep(0.2)
    assert member.transport.counters.requests_over_limit == refused > 1000
    assert backlog() > 0, "it was read to the end, so nothing is shown"
    for _ in range(refused):
        await wire.read()
    await eventually(lambda: member.transport.counters.requests_over_limit > refused)
    wire.writer.transport.abort()


async def test_members_say_goodbye_and_close_frames_are_no_faults(start_member: StartMember) -> None:
    one, two = await start_member(1), await start_member(2)
    await acquaint(one, two)
    await two.transport.close()
    await one.recorder.until(lambda: one.recorder.lost == [(2, LostReason.CLOSED)])
    assert one.transport.counters.faults == two.transport.counters.faults == 0


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        (b"Upgrade: websocket\r\n", b"Upgrade: other\r\n", b"Upgrade must be websocket"),
        (b"Connection: keep-alive, Upgrade\r\n", b"", b"header Connection must name Upgrade"),
        (b"Version: 13\r\n", b"Version: 8\r\n", b"Sec-WebSocket-Version must be 13"),
        (b"dGhlIHNhbXBsZSBub25jZQ==", b"dGhlIHNhbXBsZQ==", b"must be 16 bytes in base64"),
        (b"dGhlIHNhbXBsZSBub25jZQ==", b"***", b"must be 16 bytes in base64"),
    ],
)
async def test_what_is_no_upgrade_is_refused_with_the_reason(old: bytes, new: bytes, reason: bytes, start_member: StartMember) -> None:
    member = await start_member(1)
    reader, writer = await asyncio.open_connection("127.0.0.1", member.port)
    writer.write(UPGRADE.replace(old, new))
    async with asyncio.timeout(30):
        answer = await reader.readuntil(reason)
    assert answer.startswith(b"HTTP/1.1 400 Bad Request\r\n")
    writer.close()
