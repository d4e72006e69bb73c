"""One file of the log: made ready ahead of its use, so that a write into it changes none of its metadata.

An append to a growing file makes the sync commit the file system's journal for the new size, and a write into space that was only
reserved makes it commit the change of the extent; zeros that were written and synced before need neither (about a third less time
and system CPU a sync on ext4).
"""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Callable, Sequence
from pathlib import Path

from quorate_node.store.durable_file import FILE_MODE, sync_directory
from quorate_node.store.file_calls import allocate, write_at
from quorate_node.store.segment_format import DATA_START, SegmentHeader, decode_segment_header, encode_segment_header
from quorate_node.store.settings import MIB

PREPARING = "preparing"
SPARE = "spare"
"""A used file that was let go: its blocks serve again, so that a full disk cannot stop the log of a member that compacts."""
_NAME = re.compile(r"segment-(\d{10})")
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
ZEROS = bytes(MIB)


class OpenFile:
    """A descriptor that is closed when nobody holds it any more: a reader may still be at a file that was let go."""

    __slots__ = ("number",)

    def __init__(self, path: Path, flags: int = os.O_RDWR) -> None:
        self.number = -1
        self.number = os.open(path, flags | os.O_CLOEXEC, FILE_MODE)

    def __del__(self) -> None:
        if self.number >= 0:
            os.close(self.number)


class Segment:
    """A prepared or used segment. `end` is where the next batch goes."""

    __slots__ = ("end", "file", "nonce", "path", "sequence", "size_bytes")

    def __init__(self, path: Path, file: OpenFile, sequence: int, nonce: int | None, size_bytes: int) -> None:
        self.path = path
        self.file = file
        self.sequence = sequence
        self.nonce = nonce
        """None: the header cannot be read, so nothing in the segment can."""
        self.size_bytes = size_bytes
        self.end = DATA_START


class PreparationStopped(Exception):
    """The store is being closed: the file is made ready at the next opening."""


def is_full(error: OSError) -> bool:
    """Too little room: nothing is wrong with the disk."""
    return error.errno in _FULL


def segment_path(directory: Path, sequence: int) -> Path:
    return directory / f"segment-{sequence:010d}"


def list_segments(directory: Path) -> list[Segment]:
    """All segments by sequence, their headers read. Raises `OSError`, `FormatTooNew`."""
    found = []
    for path in sorted(directory.iterdir()):
        match = _NAME.fullmatch(path.name)
        if match is None:
            continue
        file = OpenFile(path)
        header = decode_segment_header(read_tolerantly(file, 0, DATA_START))
        sequence = int(match[1])
        nonce = header.nonce if header is not None and header.sequence == sequence else None
        found.append(Segment(path, file, sequence, nonce, os.fstat(file.number).st_size))
    return found


def read_tolerantly(file: OpenFile, offset: int, length: int) -> bytes:
    """A sector that cannot be read counts as damaged bytes (all ones), not as the end of everything."""
    try:
        return os.pread(file.number, length, offset)
    except OSError as error:
        if error.errno != errno.EIO:
            raise
    blocks = []
    for start in range(offset, offset + length, DATA_START):
        size = min(DATA_START, offset + length - start)
        try:
            blocks.append(os.pread(file.number, size, start))
        except OSError as error:
            if error.errno != errno.EIO:
                raise
            blocks.append(b"\xff" * size)
    return b"".join(blocks)


def write_synced(file: OpenFile, parts: Sequence[bytes], offset: int) -> None:
    """Durable on return. Raises `OSError`."""
    write_at(file.number, parts, offset, synced=True)


def write_unsynced(file: OpenFile, parts: Sequence[bytes], offset: int) -> None:
    """Into the page cache: somebody else syncs. Raises `OSError`."""
    write_at(file.number, parts, offset, synced=False)


def write_again(file: OpenFile, low: int, high: int) -> None:
    """What is read at [low, high) is durable on return: it may have been in the page cache alone. Raises `OSError`.

    Pages that the disk cannot read are left as they are: they came from the disk, and damage is for the chain to find.
    """
    content = _read_whole(file, low, high)
    if content is not None:
        write_synced(file, [content], low)
        return
    for start in range(low - low % DATA_START, high, DATA_START):
        begin = max(start, low)
        page = _read_whole(file, begin, min(start + DATA_START, high))
        if page is not None:
            write_synced(file, [page], begin)


def _read_whole(file: OpenFile, low: int, high: int) -> bytes | None:
    try:
        return os.pread(file.number, high - low, low)
    except OSError as error:
        if error.errno != errno.EIO:
            raise
        return None


def write_zeros(file: OpenFile, low: int, high: int, stopping: Callable[[], bool]) -> None:
    """Synced piece by piece: so many dirty pages at once would make the log's own syncs wait behind them."""
    while low < high:
        if stopping():
            raise PreparationStopped
        size = min(len(ZEROS), high - low)
        write_synced(file, [ZEROS[:size]], low)
        low += size


def prepare_segment(directory: Path, sequence: int, size_bytes: int, stopping: Callable[[], bool]) -> Segment:
    """A whole, empty segment under its name, durable; out of the spare file where there is one. Raises `OSError`, `PreparationStopped`."""
    preparing, spare = directory / PREPARING, directory / SPARE
    if not preparing.exists() and spare.exists():
        spare.rename(preparing)
        # Before the first zero: whoever let it go may not have synced the directory yet, and a crash would show an emptied segment.
        sync_directory(directory)
    file = OpenFile(preparing, os.O_RDWR | os.O_CREAT)
    try:
        if os.fstat(file.number).st_size > size_bytes:
            os.ftruncate(file.number, size_bytes)
        # failpoint: segment.prepare.before_allocate
        allocate(file.number, 0, size_bytes)
        # Zeros also over what a spare file held: where a write was torn is told by the zeros after it.
        write_zeros(file, 0, size_bytes, stopping)
        nonce = int.from_bytes(os.urandom(8), "big")
        write_synced(file, [encode_segment_header(SegmentHeader(sequence, nonce))], 0)
        os.fsync(file.number)
    except OSError as error:
        if is_full(error):
            preparing.unlink()
        raise
    path = segment_path(directory, sequence)
    assert not path.exists(), "a segment is never made over another one"
    # failpoint: segment.prepare.before_rename
    preparing.rename(path)
    try:
        # failpoint: segment.prepare.before_directory_sync
        sync_directory(directory)
    except BaseException:
        path.rename(preparing)  # Nobody was given it: the next attempt makes it under the same name.
        raise
    return Segment(path, file, sequence, nonce, size_bytes)


def grow_segment(segment: Segment, size_bytes: int) -> None:
    """For a batch larger than a segment. Raises `OSError`; the segment is then as it was, or larger with zeros."""
    allocate(segment.file.number, segment.size_bytes, size_bytes - segment.size_bytes)
    write_zeros(segment.file, segment.size_bytes, size_bytes, lambda: False)
    os.fsync(segment.file.number)
    segment.size_bytes = size_bytes
