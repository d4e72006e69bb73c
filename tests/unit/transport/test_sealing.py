"""Members that hold the group's keys: what is sealed, with which epoch, and what happens while they hold different ones."""

from __future__ import annotations

import asyncio

import pytest

from quorate_node.protocol.entry import Entry
from quorate_node.protocol.message import Message, MessageType
from quorate_node.transport.channel import Channel
from quorate_node.transport.counters import UnsealedReason
from quorate_node.transport.frames import FrameKind
from quorate_node.transport.handshake import CLOSE_FAULT, ConnectionClass, Hello, SealingOffer, decode_hello, encode_hello
from quorate_node.transport.interface import RequestKind
from tests.unit.transport.keyed_members import (
    SECRET,
    Relay,
    agree,
    append,
    exchange,
    install,
    install_on,
    keyed_trio,
    keyring_of,
    sealing_of,
    seals_with,
    start_keyed,
)
from tests.unit.transport.loopback_members import Member, StartMember, acquaint, eventually, identity
from tests.unit.transport.raw_peer import RawPeer


async def echo(member_id: int, kind: int, payload: bytes) -> bytes:
    return payload


def unsealed(member: Member) -> int:
    return sealing_of(member).counters.unsealed.total()


async def test_messages_requests_and_answers_are_sealed(start_member: StartMember) -> None:
    one, two = await keyed_trio(start_member)
    two.recorder.answer = echo
    before = unsealed(one), unsealed(two)
    await exchange(one, two)
    assert await one.transport.request(2, RequestKind.FORWARD, SECRET, 5) == SECRET
    assert two.recorder.messages == [append(two, one)]
    assert (unsealed(one), unsealed(two)) == before
    assert [keyring_of(member).counters.seals for member in (one, two)] == [2, 1]
    assert [keyring_of(member).counters.opens for member in (one, two)] == [1, 2]


async def test_nothing_of_a_message_is_on_the_wire_once_it_is_sealed(start_member: StartMember) -> None:
    one, two = [await start_keyed(start_member, number) for number in (1, 2)]
    relay = await Relay(two).start()
    one.transport.set_peers({2: relay.url})
    two.knows(one)
    two.recorder.answer = echo
    for member in (one, two):
        await member.recorder.until(lambda member=member: bool(member.recorder.connected))
    await exchange(one, two)
    assert bytes((FrameKind.RECOVERY, FrameKind.MESSAGES)) in relay.captured and SECRET in relay.captured
    install(1, [one, two])
    await agree(1, one, two)
    relay.captured.clear()
    await exchange(one, two)
    assert await one.transport.request(2, RequestKind.FORWARD, SECRET, 5) == SECRET
    # What is malformed inside a seal is not quoted in the close frame.
    one.transport.send([Message(MessageType.APPEND, 2, 1, entries=[Entry(1, 3, 0, SECRET), Entry(7, 3, 0, SECRET)])])
    await eventually(lambda: two.transport.counters.faults == 1)
    await relay.stop()
    assert relay.captured
    assert SECRET not in relay.captured and SECRET[:4] not in relay.captured and SECRET[:4].hex().encode() not in relay.captured


async def test_epochs_change_under_traffic_and_every_message_arrives_once_and_in_order(start_member: StartMember) -> None:
    one, two = await keyed_trio(start_member)
    sent = 0

    async def send_some() -> None:
        nonlocal sent
        for _ in range(20):
            sent += 1
            one.transport.send([append(two, one, sent)])
            await asyncio.sleep(0)

    for number in range(2, 12):
        await send_some()
        install(number, [one if number % 2 else two], ids=(1, 2))
        await send_some()
        install(number, [two if number % 2 else one], ids=(1, 2))
    await agree(11, one, two)
    await send_some()
    await two.recorder.until(lambda: len(two.recorder.messages) == sent)
    assert [message.entries[0].index for message in two.recorder.messages] == list(range(1, sent + 1))
    assert sealing_of(two).counters.refused.total() == 0
    assert keyring_of(two).counters.opens == sent - sealing_of(one).counters.unsealed.total()
    assert one.transport.counters.connections == 2


async def test_a_member_that_restarts_is_in_the_recovery_class_until_it_has_an_epoch_again(start_member: StartMember) -> None:
    one, two = await keyed_trio(start_member)
    await exchange(one, two)
    await two.stop()
    await one.recorder.until(lambda: bool(one.recorder.lost))
    one.recorder.connected.clear()
    again = await start_keyed(start_member, 2, boot=2, port=two.port)
    await acquaint(one, again)
    assert seals_with(one, again) is None
    await exchange(one, again)
    await exchange(again, one)
    assert sealing_of(one).counters.unsealed[UnsealedReason.NOT_ANNOUNCED] == 1
    assert sealing_of(again).counters.unsealed[UnsealedReason.NO_EPOCH] == 1
    assert keyring_of(one).counters.recovery_messages_received == keyring_of(again).counters.recovery_messages_received == 1
    install(2, [one, again])
    await agree(2, one, again)
    await exchange(one, again)
    assert keyring_of(again).counters.opens == 1


async def test_an_announcement_that_is_lost_delays_an_epoch_and_no_message(
    start_member: StartMember, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, two = await keyed_trio(start_member)
    with monkeypatch.context() as patched:
        patched.setattr(Channel, "announce", lambda *_: None)
        install(2, [one, two])
        await exchange(one, two)
        assert seals_with(one, two) == 1
    # No one has to do anything: the next check tells what was not told.
    await agree(2, one, two)
    await exchange(one, two)
    assert keyring_of(two).counters.opens == 2


async def test_a_peer_that_seals_with_what_is_gone_is_told_so_again_and_keeps_its_connection(
    start_member: StartMember, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, two = await keyed_trio(start_member, grace_ms=1, linger_ms=0)
    connections = one.transport.counters.connections
    with monkeypatch.context() as patched:
        patched.setattr("quorate_node.transport.sealing.Sealing.announce", lambda _: None)
        keyring_of(two).suspend(sealing_of(two).now_ms())
        await eventually(lambda: not keyring_of(two).status().epochs)
        one.transport.send([append(two, one)])
        await eventually(lambda: seals_with(one, two) is None)
        await exchange(one, two)
    assert sealing_of(two).counters.refused == {"PastEpoch": 1}
    assert one.transport.counters.connections == connections


async def test_a_removed_members_frames_are_refused_and_the_others_are_sealed_without_it(start_member: StartMember) -> None:
    one, two, three = await keyed_trio(start_member, 3)
    await exchange(three, one)
    install(2, [one, two], ids=(1, 2))
    await agree(2, one, two)
    heard = len(one.recorder.messages)
    # As if it had never heard that nothing of it is opened any more, and whatever it hears after.
    believed = keyring_of(three).announcement(1)._replace(sequence=10**6)
    keyring_of(three).heard(1, believed._replace(boot_counter=keyring_of(three)._table._heard[1].boot_counter), sealing_of(three).now_ms())
    three.transport.send([append(one, three)])
    await eventually(lambda: sealing_of(one).counters.refused["NotAMember"] == 1)
    await exchange(two, one)
    assert len(one.recorder.messages) == heard + 1
    assert keyring_of(one).counters.opens_refused_epoch == 1


@pytest.mark.parametrize("keyed", [1, 2])
async def test_a_release_that_knows_no_sealing_is_spoken_to_as_ever(keyed: int, start_member: StartMember) -> None:
    members = [await (start_keyed(start_member, number) if number == keyed else start_member(number)) for number in (1, 2)]
    one, two = members
    await acquaint(one, two)
    install(1, [members[keyed - 1]], ids=(1, 2))
    two.recorder.answer = echo
    await exchange(one, two)
    await exchange(two, one)
    assert await one.transport.request(2, RequestKind.FORWARD, SECRET, 5) == SECRET
    counters = sealing_of(members[keyed - 1]).counters
    assert counters.unsealed == {UnsealedReason.NOT_OFFERED: 2}
    assert (counters.connections_sealing, counters.connections_unsealed) == (0, 4)
    assert counters.received_unsealed >= 2


def test_without_a_keyring_a_handshake_is_what_it_was() -> None:
    plain = encode_hello(ConnectionClass.BULK, "http://a:1", identity(2))
    assert plain[6] == 0x90 | 10
    offered = encode_hello(ConnectionClass.BULK, "http://a:1", identity(2), SealingOffer(1, 1, bytes(32), b"x"))
    assert offered[7 : len(plain)] == plain[7:]
    assert decode_hello(plain).sealing is None and decode_hello(offered).sealing == SealingOffer(1, 1, bytes(32), b"x")


async def offering(member: Member, offer: SealingOffer) -> RawPeer:
    peer = await RawPeer.dial(member)
    await peer.web_socket.send_bytes(encode_hello(ConnectionClass.BULK, "http://127.0.0.1:1", identity(2), offer))
    return peer


NOTHING = bytes((1,)) + bytes(17)


@pytest.mark.parametrize(
    ("offer", "reason"),
    [
        (SealingOffer(1, 1, bytes(31), NOTHING), "handshake random has 31 bytes; it must have 32"),
        (SealingOffer(1, 1, bytes(32), b""), "handshake: announcement has 0 bytes"),
        (SealingOffer(1, 1, bytes(32), NOTHING + b"x"), "handshake: announcement of 0 epochs has 19 bytes"),
    ],
)
async def test_an_offer_that_is_none_closes_the_connection_with_the_reason(
    offer: SealingOffer, reason: str, start_member: StartMember
) -> None:
    member = await start_keyed(start_member, 1)
    peer = await offering(member, offer)
    code, text = await peer.end()
    assert code == CLOSE_FAULT and reason in text
    assert keyring_of(member).status().connections == 0
    await peer.close()


async def test_an_offer_of_another_format_is_answered_by_none(start_member: StartMember) -> None:
    member = await start_keyed(start_member, 1)
    peer = await offering(member, SealingOffer(2, 3, b"", b""))
    hello: Hello = decode_hello((await peer.web_socket.receive(timeout=5)).data)
    assert hello.sealing is None
    await peer.web_socket.send_bytes(b"\x04")
    assert (await peer.web_socket.receive(timeout=5)).data == b"\x05"
    await peer.close()


async def test_a_broken_source_of_randomness_seals_nothing_and_stops_nobody(start_member: StartMember) -> None:
    """The same random bytes twice: the connection is taken, and says nothing of sealing."""
    member = await start_keyed(start_member, 1)
    sealing_of(member)._random_bytes = bytes
    offer = SealingOffer(1, 1, bytes(range(32)), NOTHING)
    first, second = await offering(member, offer), await offering(member, offer)
    answers = [decode_hello((await peer.web_socket.receive(timeout=5)).data) for peer in (first, second)]
    assert [answer.sealing is None for answer in answers] == [False, True]
    assert sealing_of(member).counters.connections_refused == 1
    for peer in (first, second):
        await peer.close()


async def test_a_member_that_left_its_group_closes_what_was_sealed(start_member: StartMember) -> None:
    one, two = await keyed_trio(start_member)
    keyring_of(two).destroy()
    await eventually(lambda: one.transport.counters.connections >= 4)
    await exchange(one, two)
    assert sealing_of(one).counters.unsealed[UnsealedReason.NOT_OFFERED] == 1
    assert keyring_of(one).status().connections == 0


async def test_keys_of_connections_that_ended_are_gone(start_member: StartMember) -> None:
    one, two = await keyed_trio(start_member)
    assert [keyring_of(member).status().connections for member in (one, two)] == [4, 4]
    for member in (one, two):
        member.transport.set_peers({})
    await eventually(lambda: [keyring_of(member).status().connections for member in (one, two)] == [0, 0])
    await eventually(lambda: not sealing_of(one).channels and not sealing_of(two).channels)


async def test_time_passes_for_the_keys_by_the_transports_own_checks(start_member: StartMember) -> None:
    one, two = await keyed_trio(start_member, step_interval_ms=20, grace_ms=200, linger_ms=10)
    await exchange(one, two)
    await eventually(lambda: keyring_of(one).counters.steps == 1)
    install_on(one, 2, (1, 2))
    install_on(two, 2, (1, 2))
    await agree(2, one, two)
    await eventually(lambda: [len(keyring_of(member).status().epochs) for member in (one, two)] == [1, 1])
