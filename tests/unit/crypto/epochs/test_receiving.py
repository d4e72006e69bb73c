"""How the opening end follows a chain: in order, out of order, ahead, late, twice, and with frames that are no frames."""

from __future__ import annotations

import pytest

from quorate_node.crypto.epochs.errors import AuthenticationFailed, Replayed, StepConsumed, StepTooFar
from quorate_node.crypto.epochs.settings import EpochSettings
from tests.unit.crypto.epochs.members import Pair, connect, fresh_random


def at_steps(pair: Pair, count: int) -> list[bytearray]:
    """One frame of each of the next `count` steps, whose message is the step."""
    frames = []
    for step in range(count):
        frames.append(pair.seal(b"%d" % step))
        pair.now_ms += 100
    return frames


def test_a_frame_opens_once() -> None:
    pair = Pair()
    frame = pair.seal(b"one", b"two")
    assert pair.open(frame) == [b"one", b"two"]
    with pytest.raises(Replayed):
        pair.open(frame)


def test_frames_of_one_step_may_come_in_any_order() -> None:
    pair = Pair()
    frames = [pair.seal(b"%d" % number) for number in range(5)]
    assert pair.open(*frames[::-1]) == [b"4", b"3", b"2", b"1", b"0"]


def test_frames_of_other_steps_may_come_late_within_the_bound() -> None:
    pair = Pair(EpochSettings(late_steps_max=2))
    frames = at_steps(pair, 4)
    assert pair.open(frames[3]) == [b"3"]
    assert pair.open(frames[1]) == [b"1"]
    with pytest.raises(StepConsumed, match="step is 0, whose key this connection does not have any more; the link is at 3"):
        pair.open(frames[0])
    with pytest.raises(Replayed):
        pair.open(frames[1])
    assert pair.open(frames[2]) == [b"2"]


def test_an_ordered_transport_needs_no_key_of_an_earlier_step() -> None:
    pair = Pair(EpochSettings(late_steps_max=0))
    first, second = at_steps(pair, 2)
    assert pair.open(first, second) == [b"0", b"1"]
    with pytest.raises(StepConsumed):
        pair.open(first)


def test_the_chain_may_be_skipped_so_far_and_no_further() -> None:
    pair = Pair(EpochSettings(skipped_steps_max=3))
    frames = at_steps(pair, 5)
    with pytest.raises(StepTooFar, match=r"step is 4, 4 ahead of 0; epochs.skipped_steps_max is 3"):
        pair.open(frames[4])
    assert pair.open(frames[3], frames[4]) == [b"3", b"4"]


def test_a_forged_step_moves_nothing() -> None:
    pair = Pair()
    first, second = at_steps(pair, 2)
    forged = bytearray(second)
    forged[-1] ^= 1
    with pytest.raises(AuthenticationFailed):
        pair.open(forged)
    assert pair.b.status().links[0].opening_step == 0
    assert pair.open(first, second) == [b"0", b"1"]


def test_a_forged_frame_does_not_use_up_the_genuine_ones_counter() -> None:
    pair = Pair()
    frame = pair.seal(b"x")
    forged = bytearray(frame)
    forged[-1] ^= 1
    with pytest.raises(AuthenticationFailed):
        pair.open(forged)
    assert pair.open(frame) == [b"x"]


def test_a_connection_that_was_overtaken_still_opens_its_frames() -> None:
    """A large frame on one connection, heartbeats on the other: the chain runs ahead on the second."""
    pair = Pair()
    other, other_end = connect(pair.a, pair.b)
    slow = [pair.seal(b"bulk", connection=other)]
    pair.now_ms += 100
    slow.append(pair.seal(b"bulk2", connection=other))
    fast = at_steps(pair, 50)
    assert len(pair.open(*fast)) == 50
    assert pair.open(*slow, connection=other_end) == [b"bulk", b"bulk2"]


def test_what_waits_on_an_overtaken_connection_is_bounded() -> None:
    pair = Pair(EpochSettings(skipped_steps_max=4))
    other, other_end = connect(pair.a, pair.b)
    early, late = pair.seal(b"early", connection=other), bytearray()
    for step in range(6):
        if step == 3:
            late = pair.seal(b"late", connection=other)
        assert pair.open(pair.seal(b"beat")) == [b"beat"]
        pair.now_ms += 100
    with pytest.raises(StepConsumed):
        pair.open(early, connection=other_end)
    assert pair.open(late, connection=other_end) == [b"late"]


def test_a_new_connection_begins_where_the_link_is() -> None:
    pair = Pair()
    pair.open(*at_steps(pair, 5))
    other, other_end = connect(pair.a, pair.b)
    assert pair.open(pair.seal(b"x", connection=other), connection=other_end) == [b"x"]


def test_two_connections_of_a_link_do_not_open_each_others_frames() -> None:
    pair = Pair()
    other, other_end = connect(pair.a, pair.b)
    with pytest.raises(AuthenticationFailed):
        pair.open(pair.seal(b"x", connection=other))
    pair.open(pair.seal(b"x"))
    with pytest.raises(AuthenticationFailed):
        pair.open(pair.seal(b"y"), connection=other_end)


def test_a_used_key_is_left_after_its_time_although_nothing_more_comes() -> None:
    pair = Pair(EpochSettings(receive_settle_ms=1_000, late_ms=5_000))
    frames = [pair.seal(b"1"), pair.seal(b"2"), pair.seal(b"3")]
    assert pair.open(frames[0]) == [b"1"]
    pair.pass_ms(999)
    assert pair.b.status().links[0].opening_step == 0
    pair.pass_ms(1)
    assert pair.b.status().links[0].opening_step == 1
    assert pair.open(frames[1]) == [b"2"], "it still opens what comes late"
    pair.pass_ms(5_000)
    with pytest.raises(StepConsumed):
        pair.open(frames[2])
    assert pair.open(pair.seal(b"4")) == [b"4"], "the sender has stepped as well"


def test_a_key_that_was_never_used_waits_for_its_frame() -> None:
    pair = Pair(EpochSettings(late_ms=1))
    other, other_end = connect(pair.a, pair.b)
    slow = pair.seal(b"slow", connection=other)
    pair.now_ms += 100
    pair.open(pair.seal(b"fast"))
    pair.pass_ms(20_000)
    assert pair.open(slow, connection=other_end) == [b"slow"]


def test_both_directions_are_apart() -> None:
    pair = Pair()
    frame = pair.seal(b"x")
    back = pair.b.seal(pair.to_a, [b"y"], 0)
    assert isinstance(back, bytearray)
    assert frame[-16:] != back[-16:]
    assert pair.open(frame) == [b"x"]
    with pair.a.open(pair.to_b, [back], 0) as batch:
        assert [bytes(message) for message in batch.messages] == [b"y"]


def test_a_connection_that_is_made_at_a_step_in_use_can_still_open_it() -> None:
    """The receiver keeps the chain at a step that was used for long enough: the sender may not have stepped yet."""
    pair = Pair()
    pair.open(pair.seal(b"x"))
    pair.pass_ms(99)
    other, other_end = connect(pair.a, pair.b)
    assert pair.open(pair.seal(b"y", connection=other), connection=other_end) == [b"y"]


def test_why_the_accepting_end_waits_for_the_dialler() -> None:
    """Member 2 accepts, and seals before member 1 has its answer; meanwhile the link moves on over another connection."""
    pair = Pair()
    one, other = fresh_random(), fresh_random()
    accepted = pair.b.connect(1, dialled=False, own_random=other, peer_random=one)
    too_early = pair.b.seal(accepted, [b"too early"], 0)
    beat = pair.b.seal(pair.to_a, [b"beat"], 100)
    assert isinstance(too_early, bytearray) and isinstance(beat, bytearray)
    pair.a.open(pair.to_b, [beat], 100).release()
    dialled = pair.a.connect(2, dialled=True, own_random=one, peer_random=other)
    with pair.a.open(dialled, [too_early], 100) as batch:
        assert isinstance(batch.refusals[0].error, StepConsumed)
