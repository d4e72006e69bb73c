"""What is sealed at once: any messages come back as they were, any other bytes are a codec error, within the limits."""

from __future__ import annotations

from dataclasses import replace
from struct import pack

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quorate_node.crypto.epochs.batch import decode_batch, encode_batch
from quorate_node.crypto.epochs.errors import CodecError, ValidationError
from quorate_node.crypto.epochs.settings import DEFAULT

SMALL = replace(DEFAULT, batch_messages_max=3, batch_bytes_max=40)


@given(st.lists(st.binary(max_size=40), min_size=1, max_size=20))
def test_what_is_encoded_is_decoded(messages: list[bytes]) -> None:
    views = decode_batch(memoryview(encode_batch(messages, DEFAULT)), DEFAULT)
    assert [bytes(view) for view in views] == messages


def test_every_kind_of_bytes_is_taken() -> None:
    encoded = encode_batch([b"a", bytearray(b"b"), memoryview(b"xcx")[1:2]], DEFAULT)
    assert encoded == pack(">4I", 3, 1, 1, 1) + b"abc"


@given(st.binary(max_size=60))
def test_any_bytes_are_a_batch_or_a_codec_error(data: bytes) -> None:
    try:
        messages = decode_batch(memoryview(data), DEFAULT)
    except CodecError:
        return
    assert encode_batch(messages, DEFAULT) == data


@given(st.lists(st.binary(max_size=9), min_size=1, max_size=5), st.data())
def test_a_truncated_or_longer_batch_is_refused(messages: list[bytes], data: st.DataObject) -> None:
    encoded = encode_batch(messages, DEFAULT)
    for wrong in (encoded[: data.draw(st.integers(0, len(encoded) - 1))], encoded + b"x"):
        with pytest.raises(CodecError):
            decode_batch(memoryview(wrong), DEFAULT)


def test_what_leaves_is_within_the_limits() -> None:
    assert encode_batch([b"x" * 24, b""], SMALL)
    with pytest.raises(ValidationError, match="batch has 0 messages; it must have 1 to 3"):
        encode_batch([], SMALL)
    with pytest.raises(ValidationError, match="batch has 4 messages; it must have 1 to 3"):
        encode_batch([b""] * 4, SMALL)
    with pytest.raises(ValidationError, match=r"batch has 41 bytes with its lengths; epochs.batch_bytes_max is 40"):
        encode_batch([b"x" * 33], SMALL)


def test_what_comes_is_within_the_limits() -> None:
    with pytest.raises(CodecError, match="batch has 3 bytes; its count alone has 4"):
        decode_batch(memoryview(b"abc"), SMALL)
    with pytest.raises(CodecError, match="batch claims 4294967295 messages; it must have 1 to 3"):
        decode_batch(memoryview(b"\xff" * 8), SMALL)
    with pytest.raises(CodecError, match="batch claims 0 messages"):
        decode_batch(memoryview(bytes(4)), SMALL)
    with pytest.raises(CodecError, match="batch of 8 bytes claims 2 messages, whose lengths alone have 8"):
        decode_batch(memoryview(pack(">2I", 2, 0)), SMALL)
    with pytest.raises(CodecError, match="batch has 9 bytes; its 1 lengths add up to 4294967303"):
        decode_batch(memoryview(pack(">2I", 1, 2**32 - 1) + b"x"), SMALL)
