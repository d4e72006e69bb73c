"""What a member takes on a connection that seals: what does not open ends the connection or is dropped, and nothing else happens."""

from __future__ import annotations

import random

import aiohttp
import msgspec
import pytest

from quorate_node.crypto.epochs.connection import Connection
from quorate_node.crypto.epochs.header import HEADER_BYTES, Header
from quorate_node.crypto.epochs.keyring import Cause, Keyring
from quorate_node.protocol.entry import Entry
from quorate_node.protocol.message import Message, MessageType
from quorate_node.transport.channel import ENVELOPE_BYTES
from quorate_node.transport.frames import FrameCodec, FrameKind, Request
from quorate_node.transport.handshake import CLOSE_FAULT, ConnectionClass, SealingOffer, decode_hello, encode_hello
from quorate_node.transport.interface import PeerFailure, RequestKind
from tests.unit.crypto.epochs.members import fresh_random, grant
from tests.unit.transport.keyed_members import append, exchange, install_on, keyed_trio, keyring_of, sealing_of, start_keyed
from tests.unit.transport.loopback_members import Member, StartMember, acquaint, eventually, identity
from tests.unit.transport.raw_peer import RawPeer

SEALED, ANNOUNCEMENT, RECOVERY = (bytes((kind,)) for kind in (FrameKind.SEALED, FrameKind.ANNOUNCEMENT, FrameKind.RECOVERY))
codec = FrameCodec(1 << 20)


def frame_of(*messages: Message) -> bytes:
    return b"\x01" + msgspec.msgpack.encode(list(messages))


def message(value: bytes = b"value") -> Message:
    return Message(MessageType.APPEND, 1, 2, 3, entries=[Entry(1, 3, 0, value)])


class KeyedPeer:
    """Member 2 as a bare client of member 1, with a keyring of its own: it says what it likes, sealed or not."""

    def __init__(self, member: Member) -> None:
        self.member = member
        self.keyring = Keyring(2, 1)
        self.keyring.install(grant(1, (1, 2)), index=1, cause=Cause.UPDATE, now_ms=0)
        self.raw: RawPeer
        self.connection: Connection

    async def dial(self, connection_class: ConnectionClass = ConnectionClass.BULK) -> KeyedPeer:
        self.raw = await RawPeer.dial(self.member, connection_class.name.lower())
        offer = SealingOffer(1, 1, fresh_random(), self.keyring.announcement(1).encode())
        await self.raw.web_socket.send_bytes(encode_hello(connection_class, "http://127.0.0.1:1", identity(2), offer))
        theirs = decode_hello((await self.raw.web_socket.receive(timeout=5)).data).sealing
        assert theirs is not None
        self.keyring.heard(1, keyring_of(self.member).announcement(2), 0)
        self.connection = self.keyring.connect(1, dialled=True, own_random=offer.random, peer_random=theirs.random)
        return self

    def seal(self, *inner: bytes) -> bytes:
        # By the member's clock: a chain that did not step would be left behind by its receiver.
        sealed = self.keyring.seal(self.connection, inner, sealing_of(self.member).now_ms())
        assert isinstance(sealed, bytearray)
        return SEALED + sealed

    async def say(self, frame: bytes) -> None:
        await self.raw.web_socket.send_bytes(frame)

    async def end(self) -> str:
        code, text = await self.raw.end()
        assert code == CLOSE_FAULT
        await self.raw.close()
        return text

    async def still_there(self) -> bool:
        """Whether all that was said before was taken without ending the connection."""
        try:
            await self.say(b"\x04")
            while (received := await self.raw.web_socket.receive(timeout=5)).type is aiohttp.WSMsgType.BINARY:
                if received.data == b"\x05":
                    return True
                assert received.data[0] == FrameKind.ANNOUNCEMENT
        except ConnectionError:
            return False
        return False


async def keyed_peer(start_member: StartMember) -> KeyedPeer:
    member = await start_keyed(start_member, 1)
    install_on(member, 1, (1, 2))
    return await KeyedPeer(member).dial()


async def test_what_is_sealed_arrives_and_what_is_asked_is_answered_sealed(start_member: StartMember) -> None:
    peer = await keyed_peer(start_member)

    async def echo(member_id: int, kind: int, payload: bytes) -> bytes:
        return payload

    peer.member.recorder.answer = echo
    await peer.say(peer.seal(frame_of(message(), message())))
    await peer.say(peer.seal(bytes(codec.request(Request(5, RequestKind.FORWARD, b"asked")))))
    answer = (await peer.raw.web_socket.receive(timeout=5)).data
    assert answer[:1] == SEALED and b"asked" not in answer
    with peer.keyring.open(peer.connection, [answer[1:]], 0) as opened:
        assert [bytes(inner)[:1] for inner in opened.messages] == [b"\x03"]
        assert msgspec.msgpack.decode(bytes(opened.messages[0])[1:]) == [5, "", "", b"asked"]
    assert peer.member.recorder.messages == [message(), message()]
    assert len(answer) == ENVELOPE_BYTES + len(codec.request(Request(5, RequestKind.FORWARD, b"asked"))) + 1
    await peer.raw.close()


HEADER = Header(grant(1, (1, 2)).id, 2, 0, 0)


@pytest.mark.parametrize(
    ("frame", "reason"),
    [
        (frame_of(message()), "a frame of kind 1, neither sealed nor marked as recovery"),
        (bytes(codec.request(Request(1, 1, b""))), "a frame of kind 2, neither sealed"),
        (b"\x81abc", "a frame of kind 129, neither sealed"),
        (b"", "a frame of kind 0, neither sealed"),
        (SEALED, "CodecError: frame has 0 bytes"),
        (SEALED + bytes(60), "CodecError: frame format is 0"),
        (SEALED + HEADER.encode() + bytes(15), "CodecError: frame has 53 bytes"),
        (SEALED + HEADER.encode() + bytes(40), "AuthenticationFailed"),
        (SEALED + HEADER._replace(sender=3).encode() + bytes(40), "SenderMismatch: sender is 3 on a connection"),
        (RECOVERY, "an empty frame"),
        (RECOVERY + b"\x01\xc1", "malformed messages"),
        (RECOVERY + RECOVERY + frame_of(message()), "a frame of kind 8 on a BULK connection"),
        (RECOVERY + b"\x06abc", "a frame of kind 6 on a BULK connection"),
        (ANNOUNCEMENT, "announcement has 0 bytes"),
        (ANNOUNCEMENT + b"\x01" + bytes(16) + b"\x11", "announcement names 17 epochs"),
    ],
)
async def test_what_is_neither_sealed_nor_marked_nor_whole_ends_the_connection(
    frame: bytes, reason: str, start_member: StartMember
) -> None:
    peer = await keyed_peer(start_member)
    await peer.say(frame)
    assert reason in await peer.end()
    assert peer.member.recorder.messages == []
    assert peer.member.transport.counters.faults == 1


@pytest.mark.parametrize(
    "inner",
    [b"", b"\x01plaintext", b"\x02plaintext", b"\x81plaintext", SEALED + b"plaintext", RECOVERY + frame_of(message(b"plaintext"))],
)
async def test_a_fault_inside_a_seal_is_not_quoted_to_the_peer(inner: bytes, start_member: StartMember) -> None:
    peer = await keyed_peer(start_member)
    await peer.say(peer.seal(inner))
    assert await peer.end() == "what was in a sealed frame breaks the protocol: the log of the member that closed says how"
    assert peer.member.transport.counters.faults == 1


async def test_a_sealed_frame_holds_one_frame(start_member: StartMember) -> None:
    peer = await keyed_peer(start_member)
    await peer.say(peer.seal(frame_of(message()), frame_of(message())))
    assert "1 sealed frames with other than one frame in each" in await peer.end()
    assert peer.member.recorder.messages == []


async def test_messages_of_another_sender_in_a_sealed_frame_are_a_fault(start_member: StartMember) -> None:
    peer = await keyed_peer(start_member)
    await peer.say(peer.seal(frame_of(Message(MessageType.APPEND, 1, 3, 3))))
    await peer.end()
    assert peer.member.recorder.messages == []


async def test_a_frame_that_comes_twice_is_taken_once(start_member: StartMember) -> None:
    peer = await keyed_peer(start_member)
    frames = [peer.seal(frame_of(message(b"%d" % number))) for number in range(3)]
    for frame in [*frames, frames[1], frames[0]]:
        await peer.say(frame)
    assert await peer.still_there()
    assert [one.entries[0].data for one in peer.member.recorder.messages] == [b"0", b"1", b"2"]
    assert sealing_of(peer.member).counters.refused == {"Replayed": 2}
    assert keyring_of(peer.member).counters.opens_refused_replay == 2
    await peer.raw.close()


async def test_a_frame_of_another_connection_does_not_open(start_member: StartMember) -> None:
    peer = await keyed_peer(start_member)
    stolen = peer.seal(frame_of(message()))
    first = peer.raw
    await peer.dial(ConnectionClass.HEARTBEAT)
    await peer.say(stolen)
    assert "AuthenticationFailed" in await peer.end()
    assert peer.member.recorder.messages == []
    await first.close()


async def test_an_epoch_that_is_not_held_is_dropped_and_announced_again(start_member: StartMember) -> None:
    peer = await keyed_peer(start_member)
    unknown = [HEADER._replace(epoch=HEADER.epoch._replace(number=number)).encode() + bytes(40) for number in (2, 9)]
    await peer.say(SEALED + unknown[0])
    told = (await peer.raw.web_socket.receive(timeout=5)).data
    assert told == ANNOUNCEMENT + keyring_of(peer.member).announcement(2).encode()
    for _ in range(50):
        await peer.say(SEALED + unknown[1])
    await peer.say(peer.seal(frame_of(message())))
    assert await peer.still_there()
    assert peer.member.recorder.messages == [message()]
    # It is told so a few times at most, however much it sends.
    assert sealing_of(peer.member).counters.announcements_sent < 20
    assert sealing_of(peer.member).counters.refused == {"FutureEpoch": 51}
    await peer.raw.close()


async def test_what_came_before_a_fault_is_taken_and_nothing_behind_it(start_member: StartMember) -> None:
    """All in one read of the socket, as far as the network lets them."""
    peer = await keyed_peer(start_member)
    frames = [peer.seal(frame_of(message(b"%d" % number))) for number in range(4)]
    broken = bytearray(frames[2])
    broken[-1] ^= 1
    for frame in (frames[0], frames[1], bytes(broken), frames[3]):
        await peer.say(frame)
    assert "AuthenticationFailed" in await peer.end()
    assert [one.entries[0].data for one in peer.member.recorder.messages] == [b"0", b"1"]


async def test_damaged_frames_by_the_thousand_end_connections_and_nothing_else(
    start_member: StartMember, caplog: pytest.LogCaptureFixture
) -> None:
    peer = await keyed_peer(start_member)
    numbers = random.Random(5)
    taken = reconnections = 0
    for number in range(700):
        sealed = peer.seal(frame_of(message(b"%d" % number)))
        frame = bytearray(sealed)
        match numbers.randrange(4):
            case 0:
                del frame[numbers.randrange(len(frame)) :]
            case 1:
                frame[numbers.randrange(len(frame))] ^= 1 << numbers.randrange(8)
            case 2:
                frame[numbers.randrange(1 + HEADER_BYTES)] = numbers.randrange(256)
            case _:
                frame += numbers.randbytes(numbers.randrange(2))
        # A byte that is drawn may be the one that was there.
        whole = frame == sealed
        await peer.say(bytes(frame))
        taken += whole
        if not whole and not await peer.still_there():
            reconnections += 1
            await peer.raw.close()
            peer.keyring.disconnect(peer.connection)
            await peer.dial()
    assert await peer.still_there()
    assert reconnections > 150 and taken > 50
    assert len(peer.member.recorder.messages) == taken
    assert [record for record in caplog.records if record.levelname == "ERROR"] == []
    await peer.raw.close()


async def test_frames_too_large_for_their_seal_are_divided_or_refused_as_ever(start_member: StartMember) -> None:
    one, two = await keyed_trio(start_member)
    for channel in sealing_of(one).channels:
        channel._frame_bytes_max = 1 << 16
    one.transport.send([append(two, one, 1, bytes(40_000)), append(two, one, 2, bytes(40_000)), append(two, one, 3, bytes(70_000))])
    await two.recorder.until(lambda: len(two.recorder.messages) == 2)
    assert one.transport.counters.dropped_oversize == 1
    with pytest.raises(PeerFailure, match="less its seal") as caught:
        await one.transport.request(2, RequestKind.SNAPSHOT_CHUNK, bytes(1 << 16), 5)
    assert not caught.value.sent


async def test_a_key_that_has_sealed_enough_drops_messages_and_not_the_connection(start_member: StartMember) -> None:
    one, two = [await start_keyed(start_member, number, frames_per_key_max=3, step_interval_ms=400) for number in (1, 2)]
    await acquaint(one, two)
    for member in (one, two):
        install_on(member, 1, (1, 2))
        member.transport.keys_changed()
    await eventually(lambda: keyring_of(one).status().links[0].epoch is not None)
    for index in range(1, 6):
        one.transport.send([append(two, one, index)])
    assert one.transport.counters.dropped_not_sealed == 2
    await one.recorder.until(lambda: one.recorder.unreachable == [2])
    await eventually(lambda: keyring_of(one).counters.steps == 1)
    await exchange(one, two)
    assert one.transport.counters.connections == 2
