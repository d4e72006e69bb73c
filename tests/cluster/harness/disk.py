"""Faults of a stopped member's disk: a write torn off at its end, a bit turned over in the middle, and a disk that is full."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import NamedTuple

SEGMENT_HEADER_BYTES = 4096
BEGUN_BYTES_MAX = 60
"""Less than the header of a segment's batch, and than any record of ours in RocksDB's log."""
RUBBISH = bytes(range(1, BEGUN_BYTES_MAX + 1))


class NothingWritten(Exception):
    """The log's newest file is empty: all that it held was written elsewhere, or compacted, a moment ago."""


class Written(NamedTuple):
    """Where in its newest file the log of a stopped member holds something: bytes [begin, end) of `path`."""

    path: Path
    begin: int
    end: int


def last_written(data: Path) -> Written:
    """Of a log in RocksDB its write-ahead file; of one in files the newest segment that is not all zeros behind its header.

    Raises `NothingWritten`.
    """
    for path in sorted((data / "segments").glob("segment-*"), reverse=True):
        end = len(path.read_bytes().rstrip(b"\0"))
        if end > SEGMENT_HEADER_BYTES:
            return Written(path, SEGMENT_HEADER_BYTES, end)
    path = max((path for path in (data / "log").glob("*.log") if path.stat().st_size > 0), default=None)
    if path is None:
        raise NothingWritten(f"nothing is written behind a segment's header, or into a write-ahead file, below {data}")
    return Written(path, 0, path.stat().st_size)


def tear(data: Path, cut_bytes: int) -> None:
    """Take bytes off the end of what was written last, as a crash in the middle of a write does."""
    path, begin, end = last_written(data)
    assert end - begin > cut_bytes, f"{path} has only {end - begin} bytes"
    size = path.stat().st_size
    os.truncate(path, end - cut_bytes)
    if path.parent.name == "segments":
        # Of a file whose space was written ahead the rest stays zeros.
        os.truncate(path, size)


def begin_write(data: Path, kept_bytes: int) -> None:
    """What a crash in the middle of a write leaves: the first bytes of one behind the last that was whole. Unlike `tear` it takes nothing
    that the member may have acknowledged: no crash does, and one that lost such a thing can only stop.
    """
    assert 0 < kept_bytes <= BEGUN_BYTES_MAX, f"{kept_bytes} bytes; 1 to {BEGUN_BYTES_MAX} are less than the header of any write"
    path, begin, end = last_written(data)
    with path.open("r+b") as file:
        file.seek(begin)
        first = file.read(kept_bytes)  # of RocksDB's log the beginning of its first record: a header that says more than follows
        file.seek(end)
        file.write(first if path.suffix == ".log" else RUBBISH[:kept_bytes])


def append_rubbish(data: Path, rubbish: bytes) -> None:
    """The other kind of torn write: behind the last one there is what was on the disk before."""
    path, _, end = last_written(data)
    with path.open("r+b") as file:
        file.seek(end)
        file.write(rubbish)


def flip_bit(path: Path, offset: int) -> None:
    with path.open("r+b") as file:
        file.seek(offset)
        byte = file.read(1)
        file.seek(offset)
        file.write(bytes([byte[0] ^ 0x10]))


def damage_entry(data: Path, content: bytes) -> None:
    """Turn a bit over in the log entry that holds `content`. Not just anywhere in the middle: a batch's marker may lie there, which a later
    one outlives, and then nothing is lost. In whichever of the log's files it is, newest first.
    """
    files = [path for pattern in ("segments/segment-*", "log/*.log") for path in sorted(data.glob(pattern), reverse=True)]
    offset, path = next((at, path) for path in files if (at := path.read_bytes().find(content)) >= 0)
    flip_bit(path, offset)


class SmallDisk:
    """A file system of its own in memory, `size_bytes` large, mounted at `path`. Needs root."""

    def __init__(self, path: Path, size_bytes: int) -> None:
        self.path = path
        path.mkdir(parents=True, exist_ok=True)
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size_bytes}", "quorate-test", str(path)], check=True)

    @property
    def _ballast(self) -> Path:
        return self.path / "ballast"

    def fill(self, leave_bytes: int) -> None:
        free = os.statvfs(self.path)
        wanted = free.f_bavail * free.f_frsize - leave_bytes
        assert wanted > 0, f"{self.path} has less than {leave_bytes} bytes left already"
        with self._ballast.open("ab") as file:
            os.posix_fallocate(file.fileno(), file.tell(), wanted)

    def empty(self) -> None:
        self._ballast.unlink(missing_ok=True)

    def unmount(self) -> None:
        subprocess.run(["umount", "--lazy", str(self.path)], check=True)
