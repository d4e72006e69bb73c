"""What passes through a member's connections: whole batches, who may send what, and what is counted."""

from __future__ import annotations

from dataclasses import replace

import pytest

from quorate_node.crypto.epochs.counters import EpochCounters
from quorate_node.crypto.epochs.errors import (
    AuthenticationFailed,
    CodecError,
    ConnectionEnded,
    FutureEpoch,
    PastEpoch,
    Replayed,
    SenderMismatch,
    ValidationError,
)
from quorate_node.crypto.epochs.keyring import Keyring
from quorate_node.crypto.epochs.opened import NoSharedEpoch, RecoveryReason
from quorate_node.crypto.epochs.settings import DEFAULT
from quorate_node.crypto.epochs.traffic import RANDOMS_REMEMBERED
from tests.unit.crypto.epochs.members import Pair, announce, connect, fresh_random, install


def refusals_of(pair: Pair, *frames: bytes | bytearray) -> list[tuple[int, type[Exception]]]:
    with pair.b.open(pair.to_a, frames, pair.now_ms) as batch:
        return [(refusal.position, type(refusal.error)) for refusal in batch.refusals]


def test_one_frame_carries_a_batch_and_one_pass_opens_many_frames() -> None:
    pair = Pair()
    frames = [pair.seal(*(b"%d.%d" % (frame, message) for message in range(64))) for frame in range(3)]
    assert pair.open(*frames) == [b"%d.%d" % (frame, message) for frame in range(3) for message in range(64)]
    assert (pair.a.counters.seals, pair.a.counters.seal_messages) == (3, 192)
    assert (pair.b.counters.opens, pair.b.counters.open_messages) == (3, 192)
    assert pair.b.counters.open_bytes == pair.a.counters.seal_bytes


def test_a_frame_that_does_not_open_takes_no_other_with_it() -> None:
    pair = Pair()
    good = [pair.seal(b"%d" % number) for number in range(4)]
    bad = bytearray(good[1])
    bad[50] ^= 1
    with pair.b.open(pair.to_a, [good[0], bad, good[2], b"", good[2], good[3]], 0) as batch:
        assert [bytes(message) for message in batch.messages] == [b"0", b"2", b"3"]
        assert [(refusal.position, type(refusal.error)) for refusal in batch.refusals] == [
            (1, AuthenticationFailed),
            (3, CodecError),
            (4, Replayed),
        ]


def test_nothing_at_all_is_an_empty_batch() -> None:
    pair = Pair()
    assert pair.open() == []


def test_the_sender_is_whom_the_transport_has_authenticated() -> None:
    """Member 3 holds the same group's keys, and still cannot speak as member 1."""
    pair = Pair(members=(1, 2, 3))
    third = Keyring(3, 1)
    install(third, 1, (1, 2, 3))
    announce(pair.b, third)
    announce(third, pair.b)
    to_b, from_third = connect(third, pair.b)
    assert pair.open(pair.seal(b"of 1")) == [b"of 1"]
    with pytest.raises(SenderMismatch, match="sender is 1 on a connection that was authenticated as member 3"):
        pair.open(pair.seal(b"of 1"), connection=from_third)
    third.seal(to_b, [b"the first counter, which member 1 has used"], 0)
    forged = third.seal(to_b, [b"of 3"], 0)
    assert isinstance(forged, bytearray)
    forged[18:26] = (1).to_bytes(8, "big")
    with pytest.raises(AuthenticationFailed):
        pair.open(forged)


def test_a_frame_does_not_open_at_its_own_sender() -> None:
    pair = Pair()
    with pair.a.open(pair.to_b, [pair.seal(b"x")], 0) as batch:
        assert isinstance(batch.refusals[0].error, SenderMismatch)


def test_past_and_future_epochs_are_told_apart_and_counted() -> None:
    pair = Pair()
    past = pair.seal(b"past")
    pair.next_epoch()
    pair.pass_ms(DEFAULT.linger_ms)
    assert refusals_of(pair, past) == [(0, PastEpoch)]
    install(pair.a, 3, (1, 2), pair.now_ms)
    ahead = Keyring(2, 2)
    install(ahead, 3, (1, 2))
    announce(ahead, pair.a)
    assert refusals_of(pair, pair.seal(b"future")) == [(0, FutureEpoch)]
    assert pair.b.counters.opens_refused_epoch == 2


def test_a_link_changes_over_when_both_ends_have_announced_and_what_is_under_way_still_opens() -> None:
    pair = Pair()
    under_way = pair.seal(b"old")
    install(pair.a, 2, (1, 2))
    still_old = pair.seal(b"old too")
    install(pair.b, 2, (1, 2))
    announce(pair.b, pair.a)
    new = pair.seal(b"new")
    assert [frame[17] for frame in (under_way, still_old, new)] == [1, 1, 2]
    assert pair.open(new, still_old, under_way) == [b"new", b"old too", b"old"]


def test_what_no_key_protects_is_a_value_and_counted() -> None:
    one, other = Keyring(1, 1), Keyring(2, 1)
    connection, _ = connect(one, other)
    assert one.seal(connection, [b"a", b"b"], 0) == NoSharedEpoch(2, RecoveryReason.NO_EPOCH)
    install(one, 1, (1, 3))
    assert one.seal(connection, [b"a"], 0) == NoSharedEpoch(2, RecoveryReason.NOT_A_MEMBER)
    install(one, 2, (1, 2, 3))
    assert one.seal(connection, [b"a"], 0) == NoSharedEpoch(2, RecoveryReason.NOT_ANNOUNCED)
    assert (one.counters.recovery_batches_sent, one.counters.recovery_messages_sent) == (3, 4)
    assert one.counters.seals == 0


def test_a_peer_that_does_not_use_the_keys_it_has_is_counted_apart() -> None:
    pair = Pair()
    pair.b.received_in_recovery(pair.to_a, 5)
    stranger, _ = connect(pair.b, Keyring(9, 1))
    pair.b.received_in_recovery(stranger, 2)
    counters = pair.b.counters
    assert (counters.recovery_batches_received, counters.recovery_messages_received, counters.recovery_although_shared) == (2, 7, 5)


def test_a_batch_over_a_limit_is_refused_and_counted() -> None:
    pair = Pair(replace(DEFAULT, batch_messages_max=2, batch_bytes_max=40))
    with pytest.raises(ValidationError, match="batch has 3 messages"):
        pair.seal(b"", b"", b"")
    assert pair.a.counters.seals_refused == 1
    assert refusals_of(pair, bytes(40 + 54 + 1)) == [(0, CodecError)]
    assert pair.b.counters == replace(EpochCounters(), epochs_installed=1, announcements=1, opens_refused_codec=1)


def test_an_authentic_frame_with_a_malformed_batch_is_a_codec_error() -> None:
    """Only a member of the group can make one: here one whose limits are wider than ours."""
    pair = Pair()
    narrow = Keyring(2, 2, replace(DEFAULT, batch_messages_max=1))
    install(narrow, 1, (1, 2))
    announce(narrow, pair.a)
    to_narrow, at_narrow = connect(pair.a, narrow)
    frame = pair.seal(b"", b"", connection=to_narrow)
    with narrow.open(at_narrow, [frame, pair.seal(b"x", connection=to_narrow)], 0) as batch:
        assert [type(refusal.error) for refusal in batch.refusals] == [CodecError]
        assert [bytes(message) for message in batch.messages] == [b"x"]


def test_randoms_have_32_bytes_and_come_once() -> None:
    keyring = Keyring(1, 1)
    used, short = fresh_random(), bytes(31)
    with pytest.raises(ValidationError, match="own_random has 31 bytes; it must have 32"):
        keyring.connect(2, dialled=True, own_random=short, peer_random=used)
    with pytest.raises(ValidationError, match="peer_random has 31 bytes; it must have 32"):
        keyring.connect(2, dialled=True, own_random=used, peer_random=short)
    keyring.disconnect(keyring.connect(2, dialled=True, own_random=used, peer_random=fresh_random()))
    with pytest.raises(ValidationError, match="own_random was used before"):
        keyring.connect(2, dialled=True, own_random=used, peer_random=fresh_random())
    for _ in range(RANDOMS_REMEMBERED):
        keyring.disconnect(keyring.connect(2, dialled=True, own_random=fresh_random(), peer_random=used))
    keyring.connect(2, dialled=True, own_random=used, peer_random=fresh_random())


def test_connections_of_one_peer_are_bounded_and_make_room_when_they_close() -> None:
    keyring = Keyring(1, 1, replace(DEFAULT, connections_per_member_max=2))
    first = keyring.connect(2, dialled=True, own_random=fresh_random(), peer_random=fresh_random())
    keyring.connect(2, dialled=True, own_random=fresh_random(), peer_random=fresh_random())
    keyring.connect(3, dialled=True, own_random=fresh_random(), peer_random=fresh_random())
    with pytest.raises(ValidationError, match=r"connections of member 2 are 2, epochs.connections_per_member_max"):
        keyring.connect(2, dialled=True, own_random=fresh_random(), peer_random=fresh_random())
    keyring.disconnect(first)
    keyring.disconnect(first)
    keyring.connect(2, dialled=True, own_random=fresh_random(), peer_random=fresh_random())
    assert keyring.status().connections == 3


def test_a_closed_connection_carries_nothing() -> None:
    pair = Pair()
    frame = pair.seal(b"x")
    pair.a.disconnect(pair.to_b)
    pair.b.disconnect(pair.to_a)
    with pytest.raises(ConnectionEnded, match=r"Connection\(1, peer 2, closed\) is not open here"):
        pair.seal(b"y")
    with pytest.raises(ConnectionEnded):
        pair.open(frame)
    with pytest.raises(ConnectionEnded):
        pair.b.received_in_recovery(pair.to_a, 1)


def test_a_connection_of_another_keyring_is_refused() -> None:
    pair = Pair()
    with pytest.raises(ConnectionEnded):
        pair.a.seal(pair.to_a, [b"x"], 0)


def test_a_reconnect_does_not_repeat_a_key() -> None:
    pair = Pair()
    before = pair.seal(b"same")
    pair.a.disconnect(pair.to_b)
    pair.b.disconnect(pair.to_a)
    pair.to_b, pair.to_a = connect(pair.a, pair.b)
    after = pair.seal(b"same")
    assert before[:38] == after[:38], "the same epoch, step and counter"
    assert before[38:] != after[38:]
    with pytest.raises(AuthenticationFailed):
        pair.open(before)
    assert pair.open(after) == [b"same"]


def test_status_has_a_line_for_each_link() -> None:
    pair = Pair(members=(1, 2, 3))
    pair.seal(b"x")
    pair.pass_ms(100)
    links = pair.a.status().links
    assert [(link.peer, link.epoch and link.epoch.number, link.sealing_step, link.opening_step) for link in links] == [
        (2, 1, 1, 0),
        (3, None, 0, 0),
    ]
