"""WebSocket frames: the same messages come out however the bytes were cut, and what RFC 6455 rules out is a fault."""

from __future__ import annotations

import random
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quorate_node.transport.errors import PeerFault
from quorate_node.transport.websocket_frames import (
    BINARY,
    CLOSE,
    CONTINUATION,
    NO_STATUS,
    PING,
    PONG,
    TEXT,
    Control,
    FrameReader,
    binary_header,
    close_frame,
    control_frame,
    read_close,
    unmask,
)

LIMIT = 1 << 20
SIZES = [0, 1, 125, 126, 127, 65_535, 65_536, 70_000]


def frame(opcode: int, payload: bytes, *, mask: bytes | None = None, final: bool = True, reserved: int = 0) -> bytes:
    """A frame as any other implementation may send it, put together a byte at a time."""
    size = len(payload)
    flag = 0x80 if mask is not None else 0
    head = bytes(((0x80 if final else 0) | reserved | opcode,))
    if size < 126:
        head += bytes((flag | size,))
    elif size < 1 << 16:
        head += bytes((flag | 126,)) + size.to_bytes(2)
    else:
        head += bytes((flag | 127,)) + size.to_bytes(8)
    if mask is None:
        return head + payload
    return head + mask + bytes(byte ^ mask[index % 4] for index, byte in enumerate(payload))


def read(data: bytes, *, masked: bool = False, limit: int = LIMIT, pieces: list[int] | None = None) -> tuple[FrameReader, list[bytes]]:
    """Feed `data` cut at `pieces`."""
    reader = FrameReader(masked=masked, message_bytes_max=limit)
    cuts = [0, *sorted(pieces or []), len(data)]
    messages: list[bytes] = []
    for begin, end in pairwise(cuts):
        messages += [bytes(message) for message in reader.feed(data[begin:end])]
    return reader, messages


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("size", SIZES)
def test_what_is_written_is_read(size: int, masked: bool) -> None:
    payload = random.Random(size).randbytes(size)
    reader, messages = read((binary_header(size, masked) + payload) * 2, masked=masked)
    assert messages == [payload, payload]
    assert reader.fault is None and reader.controls == []


@pytest.mark.parametrize("size", SIZES)
def test_headers_are_as_short_as_the_standard_asks(size: int) -> None:
    payload = bytes(size)
    assert binary_header(size, masked=False) + payload == frame(BINARY, payload)
    assert binary_header(size, masked=True) + payload == frame(BINARY, payload, mask=bytes(4))


@given(st.binary(max_size=300), st.binary(min_size=4, max_size=4))
def test_any_mask_is_undone(payload: bytes, mask: bytes) -> None:
    masked = frame(BINARY, payload, mask=mask)
    assert unmask(memoryview(masked)[len(masked) - len(payload) :], mask) == payload
    assert read(masked, masked=True)[1] == [payload]


MASKS = st.binary(min_size=4, max_size=4)


@st.composite
def streams(draw: st.DrawFn) -> tuple[bytes, bool, list[bytes], list[Control]]:
    """(bytes, masked, messages, controls): messages whole and in fragments, with control frames between them and between fragments."""
    masked = draw(st.booleans())
    data, messages, controls = b"", [], []

    def mask() -> bytes | None:
        return draw(MASKS) if masked else None

    def interlude() -> bytes:
        if not draw(st.booleans()):
            return b""
        control = Control(draw(st.sampled_from([PING, PONG])), draw(st.binary(max_size=125)))
        controls.append(control)
        return frame(control.opcode, control.payload, mask=mask())

    for _ in range(draw(st.integers(0, 5))):
        parts = draw(st.lists(st.binary(max_size=200), min_size=1, max_size=4))
        for index, part in enumerate(parts):
            data += frame(CONTINUATION if index else BINARY, part, mask=mask(), final=index == len(parts) - 1)
            data += interlude()
        messages.append(b"".join(parts))
    return data, masked, messages, controls


@given(streams(), st.data())
def test_any_cut_of_the_bytes_gives_the_same(stream: tuple[bytes, bool, list[bytes], list[Control]], data: st.DataObject) -> None:
    octets, masked, messages, controls = stream
    pieces = data.draw(st.lists(st.integers(0, len(octets)), max_size=20))
    reader, found = read(octets, masked=masked, pieces=pieces)
    assert found == messages
    assert reader.controls == controls
    assert reader.fault is None


@given(streams())
def test_a_byte_at_a_time_gives_the_same(stream: tuple[bytes, bool, list[bytes], list[Control]]) -> None:
    octets, masked, messages, controls = stream
    reader, found = read(octets, masked=masked, pieces=list(range(len(octets))))
    assert (found, reader.controls, reader.fault) == (messages, controls, None)


@given(st.binary(max_size=400), st.booleans(), st.lists(st.integers(0, 400), max_size=8))
def test_garbage_is_messages_or_a_fault_and_the_same_in_any_cut(octets: bytes, masked: bool, pieces: list[int]) -> None:
    whole, expected = read(octets, masked=masked, limit=100)
    cut, found = read(octets, masked=masked, limit=100, pieces=[min(piece, len(octets)) for piece in pieces])
    assert found == expected and cut.controls == whole.controls
    assert (cut.fault is None) == (whole.fault is None)
    assert all(len(message) <= 100 for message in found)


def test_a_whole_message_is_not_copied() -> None:
    data = frame(BINARY, bytes(1000))
    (message,) = FrameReader(masked=False, message_bytes_max=LIMIT).feed(data)
    assert message.obj is data


def test_an_incomplete_frame_waits_for_the_rest() -> None:
    data = frame(BINARY, b"x" * 70_000)
    reader = FrameReader(masked=False, message_bytes_max=LIMIT)
    for begin in range(0, len(data) - 1000, 1000):
        assert reader.feed(data[begin : begin + 1000]) == []
    (message,) = reader.feed(data[len(data) // 1000 * 1000 :])
    assert message == b"x" * 70_000


@pytest.mark.parametrize(
    ("octets", "masked", "reason"),
    [
        (frame(BINARY, b"x"), True, "a frame that is not masked"),
        (frame(BINARY, b"x", mask=bytes(4)), False, "a frame that is masked"),
        (frame(BINARY, b"x", reserved=0x40), False, "reserved bits are set"),
        (frame(3, b"x"), False, "opcode 3 is not defined"),
        (frame(11, b"x"), False, "opcode 11 is not defined"),
        (frame(CONTINUATION, b"x"), False, "a continuation of nothing"),
        (frame(BINARY, b"x", final=False) + frame(BINARY, b"y"), False, "in the middle of one in fragments"),
        (frame(BINARY, b"x", final=False) + frame(TEXT, b"y"), False, "in the middle of one in fragments"),
        (frame(PING, bytes(126)), False, "a control frame in fragments, or over 125 bytes"),
        (frame(CLOSE, b"", final=False), False, "a control frame in fragments, or over 125 bytes"),
        (frame(TEXT, b"hello"), False, f"a text message: frames are binary (began with {b'hello'.hex()})"),
        (frame(BINARY, bytes(101))[:4], False, "a message of 101 bytes is over the 100 that are taken"),
        (b"\x82\x7f" + b"\xff" * 8, False, "is over the 100 that are taken"),
        (frame(BINARY, bytes(60), final=False) + frame(CONTINUATION, bytes(41)), False, "in fragments over the 100 bytes"),
    ],
)
def test_what_the_standard_rules_out_is_a_fault(octets: bytes, masked: bool, reason: str) -> None:
    before = frame(BINARY, b"before", mask=bytes(4) if masked else None)
    reader, messages = read(before + octets, masked=masked, limit=100)
    assert messages == [b"before"], "what came whole before it is still delivered"
    assert isinstance(reader.fault, PeerFault)
    assert reason in str(reader.fault)
    assert reader.feed(before) == [], "nothing is read after a fault"


def test_the_limit_itself_is_taken_whole_and_in_fragments() -> None:
    data = frame(BINARY, bytes(100)) + frame(BINARY, bytes(40), final=False) + frame(CONTINUATION, bytes(60))
    reader, messages = read(data, limit=100)
    assert [len(message) for message in messages] == [100, 100]
    assert reader.fault is None


def test_the_limit_can_be_raised_for_what_follows() -> None:
    reader = FrameReader(masked=False, message_bytes_max=10)
    assert len(reader.feed(frame(BINARY, bytes(10)))) == 1
    reader.message_bytes_max = 1000
    assert len(reader.feed(frame(BINARY, bytes(1000)))) == 1


def test_nothing_is_read_after_a_close_frame() -> None:
    reader, messages = read(frame(BINARY, b"x") + close_frame(1001, b"bye", masked=False) + frame(BINARY, b"y"))
    assert messages == [b"x"]
    assert reader.controls == [Control(CLOSE, b"\x03\xe9bye")]
    assert reader.feed(frame(BINARY, b"z")) == [] and reader.fault is None


def test_control_frames_of_ours_can_be_read() -> None:
    for masked in (False, True):
        reader, _ = read(control_frame(PING, b"p", masked) + control_frame(PONG, b"q", masked), masked=masked)
        assert reader.controls == [Control(PING, b"p"), Control(PONG, b"q")]


@pytest.mark.parametrize("code", [1000, 1001, 1013, 3000, 4001, 4999])
def test_a_close_frame_has_code_and_reason(code: int) -> None:
    payload = close_frame(code, "schluß".encode(), masked=False)[2:]
    assert read_close(payload) == (code, "schluß")


def test_a_close_frame_without_a_code_is_no_fault() -> None:
    assert read_close(b"") == (NO_STATUS, "")


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        (b"\x03", "without a valid code"),
        ((999).to_bytes(2), "without a valid code"),
        ((1005).to_bytes(2), "without a valid code"),
        ((1006).to_bytes(2), "without a valid code"),
        ((5000).to_bytes(2), "without a valid code"),
        ((1000).to_bytes(2) + b"\xff", "is not UTF-8"),
    ],
)
def test_a_malformed_close_frame_is_a_fault(payload: bytes, reason: str) -> None:
    with pytest.raises(PeerFault, match=reason):
        read_close(payload)
