"""The canonical stream: pairs of all families in the order of `STATE_FAMILIES`, keys in byte order, without what only one member holds.

A pair is `family u8, key length u32, value length u32, key, value`, big-endian. It says its own length, so a chunk (whole pairs)
can be read without the chunks before it.
"""

from __future__ import annotations

from collections.abc import Iterator
from struct import Struct
from typing import NamedTuple

from quorate_node.machine.events import REVISION_KEY_BYTES, events
from quorate_node.machine.records import LOCAL_PREFIX, is_canonical
from quorate_node.store.interface import STATE_FAMILIES, StateReader

_FILTERED = frozenset({"meta", "history", "revisions"})
"""Families in which a member may hold pairs that are not canonical (`records.is_canonical`); the others are passed whole."""

_META = STATE_FAMILIES.index("meta")
_PAIR = Struct(">BII")
PAIR_HEADER_BYTES = _PAIR.size


class Position(NamedTuple):
    """Where in the stream to read on: the first pair of family number `family` whose key is >= `key`."""

    family: int = 0
    key: bytes = b""


START = Position()
END = Position(len(STATE_FAMILIES), b"")


class MalformedPairs(Exception):
    """Bytes that are no canonical stream; the text says what is wrong and at which byte of the chunk."""


def read_pairs(reader: StateReader, compacted_revision: int, position: Position, bytes_max: int, pairs_max: int) -> tuple[bytes, Position]:
    """Encode pairs from `position` on until `bytes_max` is reached or passed, or `pairs_max` were looked at.

    Returns the bytes and where to go on, `END` at the end. Where it stops by bytes depends on the content alone.
    """
    assert bytes_max > 0 and pairs_max > 0
    parts: list[bytes] = []
    size = count = 0
    family, start = position
    pack = _PAIR.pack
    while family < len(STATE_FAMILIES):
        name = STATE_FAMILIES[family]
        filtered = name in _FILTERED
        for key, value in _events(reader, start) if name == "revisions" else reader.items(name, start):
            count += 1
            if not filtered or is_canonical(name, key, value, compacted_revision):
                parts += (pack(family, len(key), len(value)), key, value)
                size += PAIR_HEADER_BYTES + len(key) + len(value)
            if size >= bytes_max or count >= pairs_max:
                # The smallest key after this one: the stream goes on there, whatever lies between.
                return b"".join(parts), Position(family, bytes(key) + b"\x00")
        family, start = family + 1, b""
    return b"".join(parts), END


def _events(reader: StateReader, start: bytes) -> Iterator[tuple[bytes, bytes]]:
    """One pair an event: how a member packed them is its own affair."""
    return ((event[:REVISION_KEY_BYTES], event[REVISION_KEY_BYTES:]) for event in events(reader, start))


def decode_pairs(chunk: bytes) -> Iterator[tuple[int, bytes, bytes]]:
    """(family number, key, value) of whole pairs. Raises `MalformedPairs`."""
    at, end = 0, len(chunk)
    while at < end:
        if end - at < PAIR_HEADER_BYTES:
            raise MalformedPairs(f"a pair's header is cut at byte {at}")
        family, key_bytes, value_bytes = _PAIR.unpack_from(chunk, at)
        key_at = at + PAIR_HEADER_BYTES
        value_at = key_at + key_bytes
        if value_at + value_bytes > end:
            raise MalformedPairs(f"the pair at byte {at} needs {value_at + value_bytes - end} bytes more than the chunk has")
        if family >= len(STATE_FAMILIES):
            raise MalformedPairs(f"the pair at byte {at} is of family {family}; this release knows {len(STATE_FAMILIES)}")
        key = chunk[key_at:value_at]
        if family == _META and key.startswith(LOCAL_PREFIX):
            raise MalformedPairs(f"the pair at byte {at} is a member's own ({key!r}): it must not be in a snapshot")
        at = value_at + value_bytes
        yield family, key, chunk[value_at:at]
