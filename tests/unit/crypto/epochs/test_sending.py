"""When a link's chain steps, what the header says of it, and when a key has sealed enough."""

from __future__ import annotations

import pytest

from quorate_node.crypto.epochs.errors import KeyExhausted
from quorate_node.crypto.epochs.header import Header, decode_header
from quorate_node.crypto.epochs.opened import NoSharedEpoch, RecoveryReason
from quorate_node.crypto.epochs.settings import EpochSettings
from tests.unit.crypto.epochs.members import GROUP, Pair, connect, grant


def header_of(frame: bytearray) -> Header:
    return decode_header(memoryview(frame))


def test_the_header_says_epoch_sender_step_and_counter() -> None:
    pair = Pair()
    assert header_of(pair.seal(b"x")) == Header(grant(1, ()).id, 1, 0, 0)
    assert header_of(pair.seal(b"x")) == Header(grant(1, (), GROUP).id, 1, 0, 1)


def test_the_chain_steps_at_most_once_in_an_interval_and_counts_from_zero_again() -> None:
    pair = Pair()
    seen = []
    for _ in range(60):
        pair.now_ms += 10
        header = header_of(pair.seal(b"x"))
        seen.append((header.step, header.counter))
    # 600 ms: the first frame is sealed at 10, so that the steps are at 110, 210, ...
    assert [step for step, _ in seen] == [place // 10 for place in range(60)]
    assert [counter for _, counter in seen] == [place % 10 for place in range(60)]
    assert pair.a.counters.steps == 5


def test_it_does_not_step_while_nothing_is_sealed() -> None:
    pair = Pair()
    for _ in range(10):
        pair.pass_ms(1_000)
    assert header_of(pair.seal(b"x")).step == 0
    for _ in range(10):
        pair.pass_ms(1_000)
    assert header_of(pair.seal(b"x")).step == 1
    assert pair.a.counters.steps == 1


def test_an_idle_link_leaves_the_key_it_has_used_one_interval_later() -> None:
    pair = Pair()
    pair.seal(b"x")
    pair.pass_ms(99)
    assert pair.a.status().links[0].sealing_step == 0
    pair.pass_ms(1)
    assert pair.a.status().links[0].sealing_step == 1


def test_a_clock_that_goes_back_moves_nothing() -> None:
    pair = Pair()
    pair.now_ms = 1_000
    pair.seal(b"x")
    pair.now_ms = 0
    assert header_of(pair.seal(b"x")) == Header(grant(1, ()).id, 1, 0, 1)


def test_connections_of_a_link_step_together_and_count_for_themselves() -> None:
    pair = Pair()
    other, _ = connect(pair.a, pair.b)
    pair.seal(b"x")
    assert header_of(pair.seal(b"x", connection=other))[2:] == (0, 0)
    pair.now_ms = 100
    assert header_of(pair.seal(b"x", connection=other))[2:] == (1, 0)
    assert header_of(pair.seal(b"x"))[2:] == (1, 0)


def test_the_interval_is_a_setting() -> None:
    pair = Pair(EpochSettings(step_interval_ms=7))
    pair.seal(b"x")
    pair.now_ms = 7
    assert header_of(pair.seal(b"x")).step == 1


def test_a_key_seals_so_many_frames_and_the_next_step_brings_another() -> None:
    pair = Pair(EpochSettings(frames_per_key_max=2))
    pair.seal(b"x")
    pair.seal(b"x")
    with pytest.raises(KeyExhausted, match=r"key has sealed 2 frames; epochs.frames_per_key_max is 2: the next step brings another"):
        pair.seal(b"x")
    assert pair.a.counters.seals_refused == 1
    pair.now_ms = 100
    assert header_of(pair.seal(b"x"))[2:] == (1, 0)


def test_a_key_seals_so_many_bytes_and_a_refused_frame_uses_nothing_up() -> None:
    pair = Pair(EpochSettings(bytes_per_key_max=100, batch_bytes_max=100))
    pair.seal(b"x" * 42)
    with pytest.raises(KeyExhausted, match=r"key has sealed 50 bytes, 59 more pass epochs.bytes_per_key_max 100: .* within 100 ms"):
        pair.seal(b"x" * 51)
    assert header_of(pair.seal(b"x" * 42)).counter == 1


def test_a_link_that_has_made_all_its_steps_goes_on_in_the_recovery_class() -> None:
    pair = Pair(EpochSettings(steps_max=2))
    steps = []
    for _ in range(2):
        steps.append(header_of(pair.seal(b"x")).step)
        pair.now_ms += 100
    assert steps == [0, 1]
    assert pair.a.seal(pair.to_b, [b"x"], pair.now_ms) == NoSharedEpoch(2, RecoveryReason.STEPS_SPENT)
    pair.pass_ms(10_000)
    assert pair.a.status().links[0].sealing_step == 2
    pair.next_epoch()
    assert header_of(pair.seal(b"x")).epoch.number == 2
