"""The presentation language: what is written can be read, in one form only, and nothing else can."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quorate_node.crypto.mls.codec import VECTOR_BYTES_MAX, Limits, Reader, Writer, decode, encode, header
from quorate_node.crypto.mls.errors import CodecError


@dataclass(frozen=True, slots=True)
class Pair:
    """A structure with one of each."""

    number: int
    name: bytes
    children: tuple[Pair, ...] = ()
    twin: Pair | None = None

    def write(self, writer: Writer) -> None:
        writer.uint16(self.number)
        writer.vector(self.name)
        writer.items(self.children)
        writer.optional(self.twin)

    @classmethod
    def read(cls, reader: Reader) -> Self:
        return cls(reader.uint16(), reader.vector(), reader.items(cls.read), reader.optional(cls.read))


pairs = st.recursive(
    st.builds(Pair, st.integers(0, 2**16 - 1), st.binary(max_size=70)),
    lambda inner: st.builds(
        Pair, st.integers(0, 2**16 - 1), st.binary(max_size=3), st.lists(inner, max_size=3).map(tuple), st.none() | inner
    ),
    max_leaves=6,
)


@given(pairs)
def test_what_is_written_can_be_read(pair: Pair) -> None:
    assert decode(Pair, encode(pair)) == pair


@given(pairs, st.data())
def test_truncated_and_overlong_bytes_are_refused(pair: Pair, data: st.DataObject) -> None:
    whole = encode(pair)
    with pytest.raises(CodecError):
        decode(Pair, whole[: data.draw(st.integers(0, len(whole) - 1))])
    with pytest.raises(CodecError, match="left behind"):
        decode(Pair, whole + b"\0")


@given(st.binary(max_size=40))
def test_bytes_that_can_be_read_are_the_only_form_of_their_value(data: bytes) -> None:
    try:
        pair = decode(Pair, data)
    except CodecError:
        return
    assert encode(pair) == data


@pytest.mark.parametrize("size", [0, 63, 64, 16_383, 16_384, VECTOR_BYTES_MAX])
def test_every_length_has_a_header(size: int) -> None:
    assert Reader(header(size)).length() == size


def test_integers_are_big_endian() -> None:
    writer = Writer()
    writer.uint8(1)
    writer.uint16(2)
    writer.uint32(3)
    writer.uint64(4)
    writer.opaque(b"end")
    assert writer.data() == bytes.fromhex("01 0002 00000003 0000000000000004") + b"end"
    reader = Reader(writer.data())
    assert (reader.uint8(), reader.uint16(), reader.uint32(), reader.uint64()) == (1, 2, 3, 4)
    assert reader.remaining() == 3
    assert reader.rest() == b"end"
    reader.end()


def test_a_sequence_of_integers_is_a_vector() -> None:
    writer = Writer()
    writer.sequence([1, 2], Writer.uint16)
    assert writer.data() == bytes.fromhex("04 0001 0002")
    assert Reader(writer.data()).items(Reader.uint16) == (1, 2)


@pytest.mark.parametrize(
    ("data", "why"),
    [
        ("c000000000000000", "header of 8 bytes"),
        ("4000", "a shorter one"),
        ("403f", "a shorter one"),
        ("80003fff", "a shorter one"),
        ("40", "are announced"),
        ("02aa", "are announced"),
        ("", "are announced"),
    ],
)
def test_a_header_is_of_the_shortest_form_and_tells_the_truth(data: str, why: str) -> None:
    with pytest.raises(CodecError, match=why):
        Reader(bytes.fromhex(data)).vector()


def test_presence_is_a_truth_value() -> None:
    with pytest.raises(CodecError, match="presence byte at 0 is 2"):
        Reader(b"\x02").optional(Reader.uint8)


def test_values_that_do_not_fit_are_refused() -> None:
    for value in (-1, 256):
        with pytest.raises(CodecError, match="unsigned integer of 8 bits"):
            Writer().uint8(value)
    with pytest.raises(CodecError, match="are the most"):
        header(VECTOR_BYTES_MAX + 1)


def test_limits_hold() -> None:
    with pytest.raises(CodecError, match="3 are the most"):
        Reader(b"\x04abcd", Limits(vector_bytes_max=3)).vector()
    with pytest.raises(CodecError, match="more than 2 items"):
        Reader(b"\x03abc", Limits(items_max=2)).items(Reader.uint8)
    deep = Pair(1, b"")
    for _ in range(4):
        deep = Pair(1, b"", (deep,))
    assert decode(Pair, encode(deep), Limits(nesting_max=5)) == deep
    with pytest.raises(CodecError, match="nested deeper than 4"):
        decode(Pair, encode(deep), Limits(nesting_max=4))


def test_an_item_may_not_reach_beyond_its_vector() -> None:
    """Two bytes of items, the second item wants two more: they are there, behind the vector."""
    with pytest.raises(CodecError, match="are announced"):
        Reader(b"\x03\0\x01\0\x02").items(Reader.uint16)
    with pytest.raises(CodecError, match="9 bytes are announced"):
        Reader(b"\x09\0").items(Reader.uint8)


def test_what_was_read_can_be_had_as_bytes() -> None:
    reader = Reader(b"\x01a\x02bcrest")
    reader.vector()
    start = reader.position()
    reader.vector()
    assert (start, reader.since(start)) == (2, b"\x02bc")
    with pytest.raises(CodecError, match="announced at byte 0, 0 are there"):
        Reader(b"").uint8()
