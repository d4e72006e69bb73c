"""One pass over all segments at open: what the batches leave, where they end, and whether that end is torn or damaged.

Read only: what it finds is saved before anything is rewritten (`ChainedLog._load`). The rules:

* A batch whose header is whole is applied record by record even when its body is not: each record has a checksum and the chain.
* Where no whole header begins but a later one is found, or a batch says that the segment before it went on further, batches were
  lost. They may have replaced anything beyond the commit index known there: all of that counts as missing until written again.
* After the last batch there are zeros. Remains there that a torn write explains (`segment_end`) were never acknowledged: they are cut.
  Any other remains are a damaged batch. A whole marker among them says that it was written to its end and what should be there;
  without one nothing does, and the end of the log is unknown.

What cannot be told from a torn write: the *last* batch, sectors of it turned to zeros at rest, after a crash. After a clean stop the
note beside term and vote tells that too. RocksDB's write-ahead log leaves the same doubt.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, field

from quorate_node.store.log_record import MARKER_BYTES, MARKER_MAGIC, Marker, decode_anchor, decode_marker
from quorate_node.store.segment_end import torn_end
from quorate_node.store.segment_file import ZEROS, Segment, read_tolerantly
from quorate_node.store.segment_format import (
    BATCH_MAGIC,
    DATA_START,
    HEADER_BYTES,
    TRAILER,
    BatchHeader,
    body_is_whole,
    decode_batch_header,
    record_lengths,
)
from quorate_node.store.segment_index import SegmentIndex
from quorate_node.store.settings import MIB

logger = logging.getLogger(__name__)

INDEX_END = 1 << 63


@dataclass
class Scan:
    """What the segments hold."""

    segments: list[Segment]
    index: SegmentIndex = field(default_factory=SegmentIndex)
    marker: bytes | None = None
    """Of the last batch that was applied."""
    anchor: bytes | None = None
    anchor_segment: int = 0
    used: int = 0
    """Segments that hold something; those after them are prepared, or to be thrown away."""
    last: tuple[Segment, int, int] | None = None
    """Where the last applied batch lies: segment, begin, end."""
    torn: tuple[int, int] | None = None
    """Bytes [low, high) of the last used segment to write zeros over: a write that did not get to its end."""
    end_damaged: bool = False
    """The last used segment ends with remains that nothing can be made of: go on in a new one."""
    newest_marker: Marker | None = None
    """The newest whole marker anywhere, that of a damaged last batch included."""
    bytes_after: bool = False
    """Something other than that batch's own trailer follows the newest marker."""


def scan_segments(segments: list[Segment]) -> Scan:
    """Raises `OSError`. Sets each used segment's `end`."""
    scan = Scan(segments)
    firsts = [_first_header(segment) for segment in segments]
    scan.used = _used(segments, firsts)
    for number, segment in enumerate(segments[: scan.used]):
        content = read_tolerantly(segment.file, 0, segment.size_bytes)
        last = number + 1 == scan.used
        following = None if last else firsts[number + 1]
        limit = following.previous_end if following is not None else 0
        if number and segment.sequence != segments[number - 1].sequence + 1:
            _lost(scan, f"there is no segment before segment {segment.sequence}")
        segment.end = _scan_segment(scan, segment, content, limit, last)
        if limit and segment.end < limit:
            _lost(scan, f"segment {segment.sequence} ends at {segment.end} instead of {limit}")
        elif not limit and not _only_zeros(content, segment.end):
            if last:
                _judge_end(scan, segment, content)
            else:
                _lost(scan, f"what follows byte {segment.end} of segment {segment.sequence} cannot be read")
    recovered = decode_marker(scan.marker)
    if scan.newest_marker is None or (recovered is not None and recovered.sequence > scan.newest_marker.sequence):
        scan.newest_marker = recovered
    return scan


def _first_header(segment: Segment) -> BatchHeader | None:
    if segment.nonce is None:
        return None
    content = read_tolerantly(segment.file, DATA_START, HEADER_BYTES)
    return decode_batch_header(content, 0, segment.nonce, segment.size_bytes - DATA_START)


def _used(segments: list[Segment], firsts: list[BatchHeader | None]) -> int:
    for number in range(len(segments), 0, -1):
        segment = segments[number - 1]
        if firsts[number - 1] is not None or not _only_zeros(read_tolerantly(segment.file, 0, segment.size_bytes), DATA_START):
            return number
    return 0


def _only_zeros(content: bytes, begin: int) -> bool:
    # Slices compared, not bytes counted: a file is mostly zeros, and `count` takes them one by one.
    return all(content[start : start + MIB] == ZEROS[: len(content) - start] for start in range(begin, len(content), MIB))


def _scan_segment(scan: Scan, segment: Segment, content: bytes, limit: int, last: bool) -> int:
    """Applies its batches, up to byte `limit` unless that is 0; returns where the last applied one ends."""
    if segment.nonce is None:
        _lost(scan, f"the header of segment {segment.sequence} cannot be read")
        return limit or DATA_START
    end = DATA_START
    while True:
        offset, header = _next_batch(content, end, segment.nonce)
        if header is None or (limit and offset >= limit):
            return end
        following = offset + header.length
        whole = body_is_whole(content, offset, header)
        if not whole and last and _next_batch(content, following, segment.nonce)[1] is None:
            # The very last one: torn, or damaged?
            if offset > end:
                _lost(scan, f"bytes {end} to {offset} of segment {segment.sequence} cannot be read")
            return offset
        if offset > end:
            _lost(scan, f"bytes {end} to {offset} of segment {segment.sequence} cannot be read")
        _apply(scan, segment, content, offset, header, whole)
        end = following


def _next_batch(content: bytes, offset: int, nonce: int) -> tuple[int, BatchHeader | None]:
    """The first whole header from `offset` on, almost always there."""
    header = decode_batch_header(content, offset, nonce)
    while header is None:
        offset = content.find(BATCH_MAGIC, offset + 1)
        if offset < 0:
            return len(content), None
        header = decode_batch_header(content, offset, nonce)
    return offset, header


def _apply(scan: Scan, segment: Segment, content: bytes, offset: int, header: BatchHeader, whole: bool) -> None:
    index, sequence = scan.index, segment.sequence
    scan.last = (segment, offset, offset + header.length)
    if header.drop_low < header.drop_high:
        index.drop(header.drop_low, header.drop_high)
    if header.records:
        lengths = record_lengths(content, offset, header)
        if lengths is not None:
            index.put(header.first_index, sequence, offset + header.records_offset, lengths)
        else:
            index.drop(header.first_index, header.first_index + header.records)
    marker_offset = offset + header.marker_offset
    marker = content[marker_offset : marker_offset + MARKER_BYTES]
    if whole or decode_marker(marker) is not None:
        scan.marker = marker
    if header.anchor_length:
        anchor_end = offset + header.records_offset
        anchor = content[anchor_end - header.anchor_length : anchor_end]
        if whole or decode_anchor(anchor) is not None:
            scan.anchor, scan.anchor_segment = anchor, sequence
    if not whole:
        logger.error("a batch of entries %d to %d of the log is damaged", header.first_index, header.first_index + header.records - 1)


def _lost(scan: Scan, why: str) -> None:
    """Unknown batches are gone: only what the commit index covers then was surely not replaced by them."""
    marker = decode_marker(scan.marker)
    commit = marker.commit if marker is not None else 0
    logger.error("batches of the log are lost: %s; entries after %d count as missing until they are found again", why, commit)
    scan.index.drop(commit + 1, INDEX_END)


def _judge_end(scan: Scan, segment: Segment, content: bytes) -> None:
    """Something that is no whole batch follows the last one: torn, or damaged?"""
    begin = segment.end
    torn = torn_end(content, begin, segment.nonce) if segment.nonce is not None else None
    if torn is not None:
        scan.torn = (begin, torn)
        return
    header = decode_batch_header(content, begin, segment.nonce) if segment.nonce is not None else None
    if header is not None:
        end = begin + header.length
        marker_offset = begin + header.marker_offset
        marker = decode_marker(content[marker_offset : marker_offset + MARKER_BYTES])
        if marker is not None and _only_zeros(content, end):
            _apply(scan, segment, content, begin, header, whole=False)
            segment.end = end
            return
    logger.error("the log is damaged at its end: segment %d, byte %d", segment.sequence, begin)
    scan.end_damaged = True
    marker_end = begin
    offset = content.find(MARKER_MAGIC, begin)
    while offset >= 0:
        marker = decode_marker(content[offset : offset + MARKER_BYTES])
        if marker is not None and (scan.newest_marker is None or marker.sequence > scan.newest_marker.sequence):
            scan.newest_marker, marker_end = marker, offset + MARKER_BYTES
        offset = content.find(MARKER_MAGIC, offset + 1)
    after = content[marker_end:].rstrip(b"\0")
    scan.bytes_after = bool(after) and not (marker_end > begin and after == TRAILER)
