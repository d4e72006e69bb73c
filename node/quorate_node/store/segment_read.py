"""Reads records from where the index says they lie, neighbours together. Each has its own checksum, which the reader checks."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator, Mapping, Sequence

from quorate_node.store.errors import StoreFailed
from quorate_node.store.segment_file import OpenFile
from quorate_node.store.settings import KIB

RUN_BYTES_MAX = 256 * KIB
GAP_BYTES_MAX = 4 * KIB
"""Between two batches lie a marker and a header: reading over them costs less than another call."""
LOCATE_INDEXES = 1024
"""So many places are looked up at once."""

Place = tuple[int, int, int]


def read_located(first: int, places: Sequence[Place], files: Mapping[int, OpenFile]) -> Iterator[tuple[int, bytes | None]]:
    """(index, record or None) for each place (segment, offset, length), from index `first` on. Raises `StoreFailed`."""
    position = 0
    while position < len(places):
        end = _run_end(places, position)
        segment, begin, _ = places[position]
        file = files.get(segment)
        content = None
        if file is not None:
            last = places[end - 1]
            content = _read(file, begin, last[1] + last[2] - begin)
        for number in range(position, end):
            _, offset, length = places[number]
            if content is not None:
                yield first + number, content[offset - begin : offset - begin + length]
            else:
                # One bad sector must not cost its neighbours.
                yield first + number, _read(file, offset, length) if file is not None else None
        position = end


def _run_end(places: Sequence[Place], position: int) -> int:
    segment, begin, length = places[position]
    reached = begin + length
    end = position + 1
    while end < len(places):
        other, offset, length = places[end]
        if other != segment or not reached <= offset <= reached + GAP_BYTES_MAX or offset + length - begin > RUN_BYTES_MAX:
            break
        reached = offset + length
        end += 1
    return end


def _read(file: OpenFile, offset: int, length: int) -> bytes | None:
    """None when the disk cannot read it; a record that was let go meanwhile is shorter or other bytes, which its checksum tells."""
    try:
        return os.pread(file.number, length, offset)
    except OSError as error:
        if error.errno == errno.EIO:
            return None
        raise StoreFailed(f"the log could not be read: {error}") from error
