"""Frames: what goes in comes out, within bounds, compressed or not."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quorate_node.protocol.entry import Entry
from quorate_node.protocol.membership import Configuration
from quorate_node.protocol.message import Message, MessageType, SnapshotMetadata
from quorate_node.transport.errors import OversizeFrame, PeerFault
from quorate_node.transport.frames import (
    COMPRESSED,
    WIRE_TYPES,
    FrameCodec,
    FrameKind,
    Request,
    Response,
    decode_messages,
    decode_request,
    decode_response,
)

numbers = st.integers(0, 2**63 - 1)
plain = FrameCodec(1 << 20)
packing = FrameCodec(1 << 20, compression_bytes_min=64)


@st.composite
def messages(draw: st.DrawFn) -> Message:
    first = draw(st.integers(1, 2**62))
    count = draw(st.integers(0, 4))
    entries = [Entry(first + i, draw(numbers), draw(st.integers(0, 3)), draw(st.binary(max_size=200))) for i in range(count)]
    snapshot = SnapshotMetadata(draw(numbers), draw(numbers), Configuration(voters=(1, 2, 3)), draw(st.binary(max_size=32)))
    return Message(
        draw(st.sampled_from(sorted(WIRE_TYPES))),
        2,
        1,
        *(draw(numbers) for _ in range(4)),
        entries,
        draw(st.booleans()),
        draw(numbers),
        draw(st.binary(max_size=64)),
        draw(st.none() | st.just(snapshot)),
        priority=draw(st.integers(-5, 5)),
    )


@given(st.lists(messages(), max_size=8))
def test_messages_survive_the_way_through_a_frame(batch: list[Message]) -> None:
    for codec in (plain, packing):
        kind, body = codec.open(codec.messages(batch))
        assert kind == FrameKind.MESSAGES
        assert decode_messages(body, 1, 2) == batch


@given(numbers, st.integers(0, 255), st.binary(max_size=500))
def test_requests_and_responses_survive(call_id: int, kind: int, payload: bytes) -> None:
    for codec in (plain, packing):
        assert decode_request(codec.open(codec.request(Request(call_id, kind, payload)))[1]) == Request(call_id, kind, payload)
        response = Response(call_id, "NotLeader", "ask another", payload)
        assert decode_response(codec.open(codec.response(response))[1]) == response


@given(st.binary(max_size=300))
def test_arbitrary_bytes_are_a_frame_or_a_fault(data: bytes) -> None:
    with contextlib.suppress(PeerFault):
        _, body = plain.open(data)
        for decode in (decode_request, decode_response, lambda body: decode_messages(body, 1, 2)):
            with contextlib.suppress(PeerFault):
                decode(body)


def test_a_fault_shows_the_beginning_of_what_was_sent() -> None:
    with pytest.raises(PeerFault) as caught:
        decode_messages(memoryview(b"\xc1" * 1000), 1, 2)
    assert caught.value.evidence == b"\xc1" * 64
    assert str(caught.value).endswith(f"(began with {'c1' * 64})")


def test_a_batch_that_shrinks_leaves_compressed_and_one_that_does_not_leaves_as_it_is() -> None:
    zeros = [Message(MessageType.APPEND, 2, 1, entries=[Entry(1, 1, 0, bytes(10_000))])]
    assert packing.messages(zeros)[0] == FrameKind.MESSAGES | COMPRESSED
    assert len(packing.messages(zeros)) < 200 < len(plain.messages(zeros))
    small = [Message(MessageType.HEARTBEAT, 2, 1)]
    assert packing.messages(small) == plain.messages(small)


def test_a_frame_over_the_limit_is_never_made() -> None:
    with pytest.raises(OversizeFrame, match=r"a REQUEST frame of 20\d\d bytes is over transport.frame_bytes_max 1000"):
        FrameCodec(1000).request(Request(1, 1, bytes(2000)))


def test_a_compressed_body_that_grows_past_the_limit_is_refused_unopened() -> None:
    frame = FrameCodec(1 << 20, compression_bytes_min=64).request(Request(1, 1, bytes(100_000)))
    with pytest.raises(PeerFault, match=r"a compressed body of 1000\d\d bytes: transport.frame_bytes_max is 1000"):
        FrameCodec(1000).open(frame)
