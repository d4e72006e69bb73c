"""Faults of a stopped member's disk: a write torn off at its end, a bit turned over in the middle, and a disk that is full."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path


def log_files(data: Path) -> list[Path]:
    """RocksDB's write-ahead files of the log database, oldest first: what was written last is at the last one's end."""
    return sorted((path for path in (data / "log").glob("*.log") if path.stat().st_size > 0), key=lambda path: path.name)


def tear(data: Path, cut_bytes: int) -> Path:
    """Cut bytes off the end of what was written last, as a crash in the middle of a write does."""
    newest = log_files(data)[-1]
    size = newest.stat().st_size
    assert size > cut_bytes, f"{newest} has only {size} bytes"
    os.truncate(newest, size - cut_bytes)
    return newest


def append_rubbish(data: Path, rubbish: bytes) -> Path:
    """The other kind of torn write: the file has grown and holds what was on the disk before."""
    newest = log_files(data)[-1]
    with newest.open("ab") as file:
        file.write(rubbish)
    return newest


def flip_bit(path: Path, offset: int) -> None:
    with path.open("r+b") as file:
        file.seek(offset)
        byte = file.read(1)
        file.seek(offset)
        file.write(bytes([byte[0] ^ 0x10]))


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
