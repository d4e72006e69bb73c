"""Bytes of a segment of the log file: a header of its own, then batches back to back, then zeros that were written ahead.

    segment   header twice (each: magic, version, sequence, nonce, CRC-32), padded to `DATA_START`; batches; zeros to its end
    batch     header | lengths of the records, u32 each | anchor | records | marker | trailer

The *nonce* is random and drawn anew each time a file is used: bytes of an earlier use, or of a client's value that looks like
a batch, never pass for one. A batch's header has a checksum of its own, so that damage in the body costs only the records it hit.
The *trailer* is the last thing written: where its last byte is still zero, the write was torn.
"""

from __future__ import annotations

import sys
import zlib
from array import array
from struct import Struct
from typing import NamedTuple

from quorate_node.store.errors import FormatTooNew
from quorate_node.store.log_backend import LogBatch
from quorate_node.store.log_record import MARKER_BYTES

SEGMENT_VERSION = 1
SEGMENT_MAGIC = bytes.fromhex("51524c53e4a97b16")
DATA_START = 4096
_COPY_OFFSETS = (0, DATA_START // 2)
_SEGMENT = Struct("<8sIQQ")
_CHECKSUM = Struct("<I")

BATCH_MAGIC = bytes.fromhex("d35be1907c2af864")
TRAILER = bytes.fromhex("c5a96e3b")
_BATCH = Struct("<8sQIIIIQQQI")
HEADER_BYTES = _BATCH.size + _CHECKSUM.size
BATCH_BYTES_MAX = 1 << 30
"""Far above any batch that the limits of proposals allow: beyond it a length is a mistake."""


class SegmentHeader(NamedTuple):
    sequence: int
    nonce: int


class BatchHeader(NamedTuple):
    length: int
    """Of the whole batch, header and trailer included."""
    records: int
    anchor_length: int
    previous_end: int
    """Of a segment's first batch: where the segment before ended. 0: not known, or not the first one."""
    first_index: int
    drop_low: int
    drop_high: int
    body_checksum: int

    @property
    def records_offset(self) -> int:
        """From the batch's start."""
        return HEADER_BYTES + 4 * self.records + self.anchor_length

    @property
    def marker_offset(self) -> int:
        return self.length - len(TRAILER) - MARKER_BYTES


def encode_segment_header(header: SegmentHeader) -> bytes:
    fields = _SEGMENT.pack(SEGMENT_MAGIC, SEGMENT_VERSION, *header)
    copy = (fields + _CHECKSUM.pack(zlib.crc32(fields))).ljust(_COPY_OFFSETS[1], b"\0")
    return copy * len(_COPY_OFFSETS)


def decode_segment_header(content: bytes) -> SegmentHeader | None:
    """From either copy; None when both are damaged. Raises `FormatTooNew`."""
    for offset in _COPY_OFFSETS:
        fields = content[offset : offset + _SEGMENT.size]
        if len(content) < offset + _SEGMENT.size + _CHECKSUM.size or fields[:8] != SEGMENT_MAGIC:
            continue
        if zlib.crc32(fields) != _CHECKSUM.unpack_from(content, offset + _SEGMENT.size)[0]:
            continue
        _, version, sequence, nonce = _SEGMENT.unpack(fields)
        if version > SEGMENT_VERSION:
            raise FormatTooNew(f"a log segment has format {version}, this release reads up to {SEGMENT_VERSION}: start the newer one again")
        return SegmentHeader(sequence, nonce)
    return None


def batch_bytes(batch: LogBatch) -> int:
    """What `encode_batch` will need."""
    anchor = len(batch.anchor) if batch.anchor is not None else 0
    records = sum([len(record) for _, record in batch.records])
    return HEADER_BYTES + 4 * len(batch.records) + anchor + records + len(batch.marker) + len(TRAILER)


def encode_batch(batch: LogBatch, nonce: int, previous_end: int) -> tuple[BatchHeader, bytes, bytes, list[int]]:
    """(header, its bytes, body, lengths of the records). The records' indexes must follow one another."""
    records = [record for _, record in batch.records]
    lengths = [len(record) for record in records]
    count = len(records)
    first_index = batch.records[0][0] if count else 0
    assert not count or batch.records[-1][0] - first_index == count - 1, "a batch holds one run of indexes"
    assert len(batch.marker) == MARKER_BYTES, "a batch ends with a marker"
    anchor = batch.anchor or b""
    body = b"".join([_table_bytes(lengths), anchor, *records, batch.marker, TRAILER])
    length = HEADER_BYTES + len(body)
    assert length <= BATCH_BYTES_MAX, f"a batch of {length} bytes; at most {BATCH_BYTES_MAX} can be written at once"
    low, high = batch.drop or (0, 0)
    checksum = zlib.crc32(memoryview(body)[: -len(TRAILER)])
    header = BatchHeader(length, count, len(anchor), previous_end, first_index, low, high, checksum)
    fields = _BATCH.pack(BATCH_MAGIC, nonce, *header)
    return header, fields + _CHECKSUM.pack(zlib.crc32(fields)), body, lengths


def decode_batch_header(content: bytes, offset: int, nonce: int, bytes_max: int | None = None) -> BatchHeader | None:
    """None when no whole header of this use of the segment begins at `offset`, or it says more than there can be: `bytes_max` from
    there on, else what is left of `content`."""
    end = offset + HEADER_BYTES
    if end > len(content):
        return None
    magic, found, *values = _BATCH.unpack_from(content, offset)
    if magic != BATCH_MAGIC or found != nonce:
        return None
    if zlib.crc32(content[offset : end - _CHECKSUM.size]) != _CHECKSUM.unpack_from(content, end - _CHECKSUM.size)[0]:
        return None
    header = BatchHeader(*values)
    if header.marker_offset < header.records_offset or header.length > (len(content) - offset if bytes_max is None else bytes_max):
        return None
    return header


def body_is_whole(content: bytes, offset: int, header: BatchHeader) -> bool:
    body = memoryview(content)[offset + HEADER_BYTES : offset + header.length - len(TRAILER)]
    return zlib.crc32(body) == header.body_checksum


def record_lengths(content: bytes, offset: int, header: BatchHeader) -> list[int] | None:
    """None when the table is damaged: the records then cannot be told from one another."""
    table = array("I")
    table.frombytes(content[offset + HEADER_BYTES : offset + HEADER_BYTES + 4 * header.records])
    if sys.byteorder == "big":
        table.byteswap()
    return table.tolist() if sum(table) == header.marker_offset - header.records_offset else None


def _table_bytes(lengths: list[int]) -> bytes:
    table = array("I", lengths)
    assert table.itemsize == 4, "the table's entries are four bytes"
    if sys.byteorder == "big":
        table.byteswap()
    return table.tobytes()
