"""Whatever bytes come: a typed error, nothing changed, and the genuine frame still opens. `group_world.py` has more of it, in context."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from quorate_node.crypto.epochs.errors import (
    AuthenticationFailed,
    CodecError,
    EpochsError,
    FutureEpoch,
    Replayed,
    SenderMismatch,
    StepTooFar,
    UnknownEpoch,
)
from quorate_node.crypto.epochs.header import HEADER_BYTES
from quorate_node.crypto.epochs.settings import EpochSettings
from tests.unit.crypto.epochs.members import Pair

GENUINE = b"the genuine message"


def refusal(pair: Pair, frame: bytes | bytearray) -> EpochsError:
    with pair.b.open(pair.to_a, [frame], pair.now_ms) as batch:
        assert not batch.messages
        assert len(batch.refusals) == 1
        assert isinstance(batch.refusals[0].error, EpochsError)
        return batch.refusals[0].error


def test_every_single_bit_of_a_frame_matters() -> None:
    pair = Pair()
    frame = pair.seal(GENUINE)
    kinds = {}
    for bit in range(8 * len(frame)):
        damaged = bytearray(frame)
        damaged[bit // 8] ^= 1 << bit % 8
        kinds[bit // 8] = type(refusal(pair, damaged))
    assert pair.open(frame) == [GENUINE]
    by_field = [
        (0, 2, {CodecError}),
        (2, 10, {UnknownEpoch}),
        (10, 18, {FutureEpoch}),
        (18, 26, {SenderMismatch}),
        (26, 30, {StepTooFar, AuthenticationFailed}),
        (30, len(frame), {AuthenticationFailed}),
    ]
    for start, end, expected in by_field:
        assert {kinds[place] for place in range(start, end)} <= expected


def test_no_shorter_or_longer_frame_opens() -> None:
    pair = Pair()
    frame = pair.seal(GENUINE)
    for size in range(len(frame)):
        assert isinstance(refusal(pair, frame[:size]), CodecError if size < HEADER_BYTES + 16 else AuthenticationFailed)
    assert isinstance(refusal(pair, frame + b"\x00"), AuthenticationFailed)
    assert pair.open(frame) == [GENUINE]


def test_all_of_it_leaves_no_trace_but_counters() -> None:
    pair = Pair()
    before = pair.b.status()
    for data in (b"", b"\x01\x01", bytes(54), bytes(1_000), b"\xff" * 1_000):
        refusal(pair, data)
    assert pair.b.status() == before
    assert pair.b.counters.opens == 0


@given(st.binary(max_size=200))
def test_random_bytes_are_refused(data: bytes) -> None:
    refusal(Pair(), data)


@given(st.binary(max_size=100), st.integers(0, 2**32 - 1), st.integers(0, 2**64 - 1))
def test_a_right_header_with_anything_behind_it_is_refused(body: bytes, step: int, counter: int) -> None:
    """The header's step and counter are whoever forged it wants: no time is lost and nothing moves."""
    pair = Pair()
    frame = pair.seal(GENUINE)
    forged = frame[:26] + step.to_bytes(4, "big") + counter.to_bytes(8, "big") + body
    refusal(pair, forged)
    assert pair.b.status().links[0].opening_step == 0
    assert pair.open(frame) == [GENUINE]


@given(st.permutations(range(8)), st.integers(1, 150))
def test_reordered_frames_each_open_once(order: list[int], elapsed_ms: int) -> None:
    pair = Pair(EpochSettings(late_steps_max=10))
    frames = []
    for number in range(8):
        frames.append(pair.seal(b"%d" % number))
        pair.now_ms += elapsed_ms
    assert sorted(pair.open(*(frames[place] for place in order))) == [b"%d" % number for number in range(8)]
    for frame in frames:
        assert isinstance(refusal(pair, frame), Replayed)


@given(st.binary(min_size=1, max_size=60), st.integers(0, 200), st.booleans())
def test_spliced_frames_are_refused(noise: bytes, place: int, replace: bool) -> None:
    pair = Pair()
    first, second = pair.seal(GENUINE), pair.seal(GENUINE[::-1])
    place %= len(first)
    spliced = first[:place] + noise + first[place + (len(noise) if replace else 0) :]
    if spliced != first:
        refusal(pair, spliced)
    refusal(pair, first[:HEADER_BYTES] + second[HEADER_BYTES:])
    assert pair.open(first, second) == [GENUINE, GENUINE[::-1]]
