"""The presentation language of MLS (section 2.1): big-endian integers, opaque<V> and T<V> with minimal headers, optional<T>.

Reading is bounded before anything is copied: no header makes this side take more memory than the bytes that are really there, and
vectors, items and nesting have limits besides. A reader that has raised is not used again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from struct import Struct
from typing import Protocol, Self, TypeVar

from quorate_node.crypto.mls.errors import CodecError

VECTOR_BYTES_MAX = 2**30 - 1
"""The longest vector that a header can announce (section 2.1.2)."""

_U16, _U32, _U64 = Struct(">H"), Struct(">I"), Struct(">Q")
_TWO_BYTES_FROM, _FOUR_BYTES_FROM = 1 << 6, 1 << 14


@dataclass(frozen=True, slots=True)
class Limits:
    """What a peer may send. `vector_bytes_max`: bytes of one vector; `items_max`: items of one; `nesting_max`: vectors in vectors."""

    vector_bytes_max: int = 16 * 1024 * 1024
    items_max: int = 65_536
    nesting_max: int = 12


DEFAULT_LIMITS = Limits()


class Writable(Protocol):
    """A wire structure that can be written."""

    def write(self, writer: Writer) -> None: ...


class Structure(Writable, Protocol):
    """A wire structure that can be written and read."""

    @classmethod
    def read(cls, reader: Reader) -> Self: ...


T = TypeVar("T")
S = TypeVar("S", bound=Structure)


class Reader:
    """Reads structures from the front of `data`. Every method raises `CodecError` for bytes that are missing or not allowed."""

    __slots__ = ("_at", "_data", "_depth", "_end", "_limits")

    def __init__(self, data: bytes, limits: Limits = DEFAULT_LIMITS) -> None:
        self._data = bytes(data)
        self._at = 0
        self._end = len(data)
        self._depth = 0
        self._limits = limits

    def remaining(self) -> int:
        """Bytes that are left: within a vector's items, those of that vector."""
        return self._end - self._at

    def end(self) -> None:
        """Nothing may be left."""
        if self._at != self._end:
            raise CodecError(f"{self._end - self._at} bytes are left behind the structure at byte {self._at}")

    def opaque(self, length: int) -> bytes:
        """`opaque[length]`."""
        at = self._at
        after = at + length
        if after > self._end:
            raise CodecError(f"{length} bytes are announced at byte {at}, {self._end - at} are there")
        self._at = after
        return self._data[at:after]

    def rest(self) -> bytes:
        """All that is left."""
        return self.opaque(self.remaining())

    def position(self) -> int:
        """Where the next byte is read, from the front of the data: for `since`."""
        return self._at

    def since(self, position: int) -> bytes:
        """All bytes that were read from `position` on: what a structure was encoded as, as there is one form only."""
        return self._data[position : self._at]

    def uint8(self) -> int:
        at = self._at
        if at >= self._end:
            raise CodecError(f"1 bytes are announced at byte {at}, 0 are there")
        self._at = at + 1
        return self._data[at]

    def uint16(self) -> int:
        return int(_U16.unpack(self.opaque(2))[0])

    def uint32(self) -> int:
        return int(_U32.unpack(self.opaque(4))[0])

    def uint64(self) -> int:
        return int(_U64.unpack(self.opaque(8))[0])

    def length(self) -> int:
        """The header of a vector: 1, 2 or 4 bytes, the shortest form that holds the length; the 8-byte form does not exist."""
        at = self._at
        first = self.uint8()
        prefix = first >> 6
        if prefix == 0:
            return first
        if prefix == 3:
            raise CodecError(f"the vector at byte {at} has a header of 8 bytes: 4 are the most")
        following = self.opaque(1 if prefix == 1 else 3)
        size = int.from_bytes(bytes((first & 0x3F,)) + following, "big")
        if size < (_TWO_BYTES_FROM if prefix == 1 else _FOUR_BYTES_FROM):
            raise CodecError(f"the vector at byte {at} announces {size} bytes in a header of {1 + len(following)}: a shorter one holds it")
        return size

    def vector(self) -> bytes:
        """`opaque<V>`."""
        at = self._at
        if at < self._end and (size := self._data[at]) < _TWO_BYTES_FROM and size <= self._limits.vector_bytes_max:
            # Most vectors are keys and hashes with a header of one byte: one look instead of four calls.
            self._at = at + 1
            return self.opaque(size)
        return self.opaque(self._bounded_length())

    def items(self, read: Callable[[Reader], T]) -> tuple[T, ...]:
        """`T<V>`, each item by `read`, which is handed this reader: `reader.items(Extension.read)`, `reader.items(Reader.uint16)`."""
        size = self._bounded_length()
        outer, self._end = self._end, self._at + size
        if self._end > outer:
            raise CodecError(f"{size} bytes are announced at byte {self._at}, {outer - self._at} are there")
        self._depth += 1
        if self._depth > self._limits.nesting_max:
            raise CodecError(f"the vector at byte {self._at} is nested deeper than {self._limits.nesting_max}")
        found: list[T] = []
        while self._at < self._end:
            if len(found) >= self._limits.items_max:
                raise CodecError(f"the vector before byte {self._at} has more than {self._limits.items_max} items")
            before = self._at
            found.append(read(self))
            assert self._at > before, "an item takes a byte at least"
        self._end = outer
        self._depth -= 1
        return tuple(found)

    def optional(self, read: Callable[[Reader], T]) -> T | None:
        """`optional<T>`: None for an absent value."""
        present = self.uint8()
        if present > 1:
            raise CodecError(f"the presence byte at {self._at - 1} is {present}: 0 and 1 are allowed")
        return read(self) if present else None

    def _bounded_length(self) -> int:
        size = self.length()
        if size > self._limits.vector_bytes_max:
            raise CodecError(f"the vector at byte {self._at} has {size} bytes: {self._limits.vector_bytes_max} are the most")
        return size


class Writer:
    """Appends structures to a buffer. Raises `CodecError` for a value that its field cannot hold."""

    __slots__ = ("_data",)

    def __init__(self) -> None:
        self._data = bytearray()

    def data(self) -> bytes:
        """All that was written."""
        return bytes(self._data)

    def opaque(self, data: bytes | bytearray) -> None:
        """Bytes as they are, without a header: `opaque[n]`, or a structure that was encoded before."""
        self._data += data

    def uint8(self, value: int) -> None:
        self._integer(value, 1)

    def uint16(self, value: int) -> None:
        self._integer(value, 2)

    def uint32(self, value: int) -> None:
        self._integer(value, 4)

    def uint64(self, value: int) -> None:
        self._integer(value, 8)

    def vector(self, data: bytes | bytearray) -> None:
        """`opaque<V>`."""
        self._data += header(len(data))
        self._data += data

    def items(self, values: Iterable[Writable]) -> None:
        """`T<V>` of structures."""
        inner = Writer()
        for value in values:
            value.write(inner)
        self.vector(inner._data)

    def sequence(self, values: Iterable[T], put: Callable[[Writer, T], None]) -> None:
        """`T<V>` of whatever `put` writes: `writer.sequence(suites, Writer.uint16)`."""
        inner = Writer()
        for value in values:
            put(inner, value)
        self.vector(inner._data)

    def optional(self, value: Writable | None) -> None:
        """`optional<T>`."""
        self.uint8(value is not None)
        if value is not None:
            value.write(self)

    def _integer(self, value: int, length: int) -> None:
        try:
            self._data += value.to_bytes(length, "big")
        except OverflowError as error:
            raise CodecError(f"{value} does not fit an unsigned integer of {8 * length} bits") from error


def header(size: int) -> bytes:
    """The header of a vector of `size` bytes, in its shortest form. Raises `CodecError` above 2^30 - 1."""
    if size < _TWO_BYTES_FROM:
        return bytes((size,))
    if size < _FOUR_BYTES_FROM:
        return _U16.pack(size | 0x4000)
    if size <= VECTOR_BYTES_MAX:
        return _U32.pack(size | 0x8000_0000)
    raise CodecError(f"a vector of {size} bytes: {VECTOR_BYTES_MAX} are the most")


def encode(value: Writable) -> bytes:
    """The bytes of a structure."""
    writer = Writer()
    value.write(writer)
    return writer.data()


def decode(kind: type[S], data: bytes, limits: Limits = DEFAULT_LIMITS) -> S:
    """The structure that `data` is, whole. Raises `CodecError`, also when bytes are left over."""
    reader = Reader(data, limits)
    value = kind.read(reader)
    reader.end()
    return value
