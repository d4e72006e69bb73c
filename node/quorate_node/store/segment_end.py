"""What follows the last batch of a log: a write that power loss cut short, or damage of one that was whole?

It decides who starts after a power cut. Torn, it was never acknowledged and is cut off. Damaged, it may have been: then the member
neither votes nor acknowledges until a leader's log covers it, and if all members took their torn ends for damage nobody would lead.

A batch is one write, and a disk keeps any of its sectors and loses any other. The space was zeros before, so a sector that was lost
is a sector of zeros: a batch is torn when each of its damaged parts reaches into one. Bits that turn over leave no such sector.
"""

from __future__ import annotations

from collections.abc import Iterator

from quorate_node.store.log_record import MARKER_BYTES, decode_anchor, decode_marker, decode_record
from quorate_node.store.segment_format import HEADER_BYTES, TRAILER, BatchHeader, decode_batch_header, record_lengths

SECTOR_BYTES = 512
"""The smallest unit that a disk writes whole; a larger one tears at a multiple of it."""


def torn_end(content: bytes, begin: int, nonce: int) -> int | None:
    """Where the remains of a torn write end that began at `begin`; None when tearing does not explain them."""
    reached = begin + len(content[begin:].rstrip(b"\0"))
    header = decode_batch_header(content, begin, nonce)
    if header is None:
        header_end = begin + HEADER_BYTES
        return reached if reached <= header_end or _lost_sector(content, begin, header_end, begin, len(content)) else None
    end = begin + header.length
    if reached < end:
        return reached
    if reached > end:
        return None
    damaged = list(_damaged_parts(content, begin, header))
    torn = damaged and all(_lost_sector(content, low, high, begin, end) for low, high in damaged)
    return reached if torn else None


def _lost_sector(content: bytes, low: int, high: int, begin: int, end: int) -> bool:
    """True when one of the sectors under [low, high) holds nothing but zeros within [begin, end)."""
    for start in range(low - low % SECTOR_BYTES, high, SECTOR_BYTES):
        if not content[max(start, begin) : min(start + SECTOR_BYTES, end)].strip(b"\0"):
            return True
    return False


def _damaged_parts(content: bytes, begin: int, header: BatchHeader) -> Iterator[tuple[int, int]]:
    """Bytes [low, high) of each part of the batch whose own check fails; its header is whole."""
    table = begin + HEADER_BYTES
    records = begin + header.records_offset
    anchor = records - header.anchor_length
    marker = begin + header.marker_offset
    trailer = marker + MARKER_BYTES
    lengths = record_lengths(content, begin, header)
    if lengths is None:
        # Without the table the records cannot be told apart, and are not judged.
        yield table, anchor
    if anchor < records and decode_anchor(content[anchor:records]) is None:
        yield anchor, records
    for index, length in enumerate(lengths or (), header.first_index):
        if decode_record(index, content[records : records + length]) is None:
            yield records, records + length
        records += length
    if decode_marker(content[marker:trailer]) is None:
        yield marker, trailer
    if content[trailer : trailer + len(TRAILER)] != TRAILER:
        yield trailer, trailer + len(TRAILER)
