"""Bytes of the log: an entry's record, the marker that ends each batch, and the anchor before the first entry."""

from __future__ import annotations

import zlib
from struct import Struct
from typing import NamedTuple

import msgspec

from quorate_node.protocol.entry import CHAIN_START, Entry
from quorate_node.protocol.membership import Configuration
from quorate_node.protocol.message import SnapshotMetadata

RECORD_FORMAT = 1
_RECORD = Struct(">BBQ32s")
"""Format u8, type u8, term u64, chain hash after the entry; then the data; then a CRC-32 over index and all of it."""
_INDEX = Struct(">Q")
_CHECKSUM = Struct(">I")

MARKER_MAGIC = bytes.fromhex("9ad1f7c2e8b04d63a15c7e92f038bb64")
"""Random: found in the raw bytes of a log file, it is a marker and not somebody's data (the checksum decides)."""
_MARKER = Struct(">16sQQ32sQQQ")
MARKER_BYTES = _MARKER.size + _CHECKSUM.size

_ANCHOR_ENCODER = msgspec.msgpack.Encoder()
_ANCHOR_DECODER = msgspec.msgpack.Decoder(SnapshotMetadata)


class Marker(NamedTuple):
    """The last record of every batch. A batch whose marker is whole was written to its end: what is missing of it is damage."""

    sequence: int = 0
    """Counts batches, one by one: the highest whole one that can be found anywhere is the newest that was written."""
    last_index: int = 0
    chain: bytes = CHAIN_START
    """Chain hash at `last_index`."""
    commit: int = 0
    anchor_index: int = 0
    hard_state_sequence: int = 0
    """Saves of term and vote before this batch: a hard state with fewer was lost, not torn."""


def encode_record(entry: Entry, chain: bytes) -> bytes:
    """One entry with the chain hash after it."""
    body = _RECORD.pack(RECORD_FORMAT, entry.type, entry.term, chain) + entry.data
    return body + _CHECKSUM.pack(zlib.crc32(body, zlib.crc32(_INDEX.pack(entry.index))))


def decode_record(index: int, record: bytes | None) -> tuple[Entry, bytes] | None:
    """(entry, chain hash), or None for a record that is missing, damaged, or was written for another index."""
    if record is None or len(record) < _RECORD.size + _CHECKSUM.size:
        return None
    body = record[: -_CHECKSUM.size]
    if zlib.crc32(body, zlib.crc32(_INDEX.pack(index))) != _CHECKSUM.unpack_from(record, len(body))[0]:
        return None
    record_format, entry_type, term, chain = _RECORD.unpack_from(body)
    if record_format != RECORD_FORMAT:
        return None
    return Entry(index, term, entry_type, body[_RECORD.size :]), chain


def encode_marker(marker: Marker) -> bytes:
    body = _MARKER.pack(MARKER_MAGIC, *marker)
    return body + _CHECKSUM.pack(zlib.crc32(body))


def decode_marker(content: bytes | None) -> Marker | None:
    """None when it is missing, torn or damaged."""
    if content is None or len(content) < MARKER_BYTES:
        return None
    body = content[: _MARKER.size]
    magic, *values = _MARKER.unpack(body)
    if magic != MARKER_MAGIC or zlib.crc32(body) != _CHECKSUM.unpack_from(content, _MARKER.size)[0]:
        return None
    return Marker(*values)


def encode_anchor(anchor: SnapshotMetadata) -> bytes:
    body = _ANCHOR_ENCODER.encode(anchor)
    return body + _CHECKSUM.pack(zlib.crc32(body))


def decode_anchor(content: bytes | None) -> SnapshotMetadata | None:
    """None when it is missing or damaged."""
    if content is None or len(content) < _CHECKSUM.size:
        return None
    body = content[: -_CHECKSUM.size]
    if zlib.crc32(body) != _CHECKSUM.unpack_from(content, len(body))[0]:
        return None
    return _ANCHOR_DECODER.decode(body)


EMPTY_ANCHOR = SnapshotMetadata(0, 0, Configuration(), CHAIN_START)
