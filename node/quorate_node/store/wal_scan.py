"""Looks for markers in the raw bytes of RocksDB's write-ahead log, beside RocksDB's own recovery.

That recovery stops silently at a zeroed record, or at one whose length was damaged, in every recovery mode: what follows is dropped
as if it had never been written. A marker found in the bytes says that its batch was written to the end.
"""

from __future__ import annotations

import mmap
from collections.abc import Iterator
from pathlib import Path

from quorate_node.store.log_backend import Evidence
from quorate_node.store.log_record import MARKER_BYTES, MARKER_MAGIC, Marker, decode_marker

BLOCK_BYTES = 32 * 1024
HEADER_BYTES = 7
"""RocksDB's log format: blocks of 32 KiB; a record that crosses into the next block goes on after a header of 7 bytes there."""


def inspect_files(directory: Path) -> Evidence:
    """The whole marker with the highest sequence in any write-ahead log file, and whether the newest file goes on after its last one."""
    newest: Marker | None = None
    bytes_after = False
    for path in sorted(directory.glob("*.log"), key=lambda path: int(path.stem)):
        if path.stat().st_size == 0:
            continue
        end = 0
        with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
            for marker, marker_end in markers_in(content):
                end = max(end, marker_end)
                if newest is None or marker.sequence > newest.sequence:
                    newest = marker
            bytes_after = bool(content[end:].strip(b"\0"))
    return Evidence(newest, bytes_after)


def markers_in(content: bytes | mmap.mmap) -> Iterator[tuple[Marker, int]]:
    """All whole markers and where they end, those that lie across a block's end included."""
    offset = content.find(MARKER_MAGIC)
    while offset >= 0:
        marker = decode_marker(content[offset : offset + MARKER_BYTES])
        if marker is not None:
            yield marker, offset + MARKER_BYTES
        offset = content.find(MARKER_MAGIC, offset + 1)
    for boundary in range(BLOCK_BYTES, len(content), BLOCK_BYTES):
        start = max(boundary - MARKER_BYTES + 1, 0)
        joined = content[start:boundary] + content[boundary + HEADER_BYTES : boundary + HEADER_BYTES + MARKER_BYTES - 1]
        offset = joined.find(MARKER_MAGIC)
        if offset >= 0:
            marker = decode_marker(joined[offset : offset + MARKER_BYTES])
            if marker is not None:
                yield marker, start + offset + MARKER_BYTES + HEADER_BYTES
