"""The header's bytes are pinned, and whatever is no header is a codec error."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quorate_node.crypto.epochs.errors import CodecError
from quorate_node.crypto.epochs.header import FRAME_BYTES_MIN, HEADER_BYTES, Header, decode_header
from quorate_node.crypto.epochs.identity import EpochId

TAIL = bytes(FRAME_BYTES_MIN - HEADER_BYTES)


def test_the_bytes_are_those_of_the_docstring() -> None:
    header = Header(EpochId(b"grouptag", 2), 3, 4, 5)
    assert header.encode().hex(" ") == (
        "01 01 67 72 6f 75 70 74 61 67 00 00 00 00 00 00 00 02 00 00 00 00 00 00 00 03 00 00 00 04 00 00 00 00 00 00 00 05"
    )
    assert len(header.encode()) == HEADER_BYTES == 38


@given(
    st.builds(
        Header,
        st.builds(EpochId, st.binary(min_size=8, max_size=8), st.integers(0, 2**64 - 1)),
        st.integers(0, 2**64 - 1),
        st.integers(0, 2**32 - 1),
        st.integers(0, 2**64 - 1),
    )
)
def test_what_is_encoded_is_decoded(header: Header) -> None:
    assert decode_header(memoryview(header.encode() + TAIL)) == header


@given(st.binary(max_size=80))
def test_any_bytes_are_a_header_or_a_codec_error(data: bytes) -> None:
    try:
        header = decode_header(memoryview(data))
    except CodecError:
        assert len(data) < FRAME_BYTES_MIN or data[:2] != b"\x01\x01"
    else:
        assert header.encode() == data[:HEADER_BYTES]


def test_errors_name_what_they_found() -> None:
    good = Header(EpochId(bytes(8), 2), 3, 4, 5).encode() + TAIL
    with pytest.raises(CodecError, match="frame has 53 bytes; a sealed one has at least 54"):
        decode_header(memoryview(good[:-1]))
    with pytest.raises(CodecError, match="frame format is 2; only 1"):
        decode_header(memoryview(b"\x02" + good[1:]))
    with pytest.raises(CodecError, match="suite is 9; only 1"):
        decode_header(memoryview(b"\x01\x09" + good[2:]))
