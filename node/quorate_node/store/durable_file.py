"""Small files that survive power loss: written aside, synced, renamed, and the directory synced too.

Without the directory's sync the rename itself may be lost: after power loss the directory shows the old file, or none. That
cannot be shown by killing a process (the kernel's directory cache survives it), only argued: POSIX promises nothing about a
name before fsync of its directory, and ext4 and XFS commit the rename with their journal up to seconds later.
"""

from __future__ import annotations

import os
import zlib
from pathlib import Path
from struct import Struct

from quorate_node.store.errors import DirectoryDamaged

TEMPORARY_SUFFIX = ".new"
_FRAME = Struct(">4sII")
"""Magic, length and CRC-32 before the payload: a damaged byte must not parse as another identity."""
_MAGIC = b"QRF1"
FILE_MODE = 0o600


def sync_directory(path: Path) -> None:
    """Make the names within `path` durable."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_durably(path: Path, payload: bytes) -> None:
    """Replace `path` by `payload` atomically; durable on return. Raises `OSError` (the old file is then still whole)."""
    temporary = path.with_name(path.name + TEMPORARY_SUFFIX)
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, FILE_MODE)
    try:
        _write_all(descriptor, _FRAME.pack(_MAGIC, len(payload), zlib.crc32(payload)) + payload)
        # failpoint: record.write.before_sync
        # Renaming before this sync may leave an empty file under the final name after power loss.
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    # failpoint: record.write.before_rename
    temporary.replace(path)
    # failpoint: record.write.before_directory_sync
    sync_directory(path.parent)


def read_durable(path: Path) -> bytes | None:
    """The payload, or None when there is no such file. Raises `DirectoryDamaged` when its checksum does not match."""
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return None
    if len(content) >= _FRAME.size:
        magic, length, checksum = _FRAME.unpack_from(content)
        payload = content[_FRAME.size :]
        if magic == _MAGIC and length == len(payload) and checksum == zlib.crc32(payload):
            return payload
    raise DirectoryDamaged(
        f"{path}: the checksum does not match its {len(content)} bytes; remove this member from the cluster and start it "
        "with an empty data directory, as a new member"
    )


def remove_leftovers(directory: Path) -> None:
    """Delete what a crash left between writing aside and renaming: it was never acknowledged."""
    for leftover in directory.glob(f"*{TEMPORARY_SUFFIX}"):
        if leftover.is_file():
            leftover.unlink()


def _write_all(descriptor: int, content: bytes) -> None:
    view = memoryview(content)
    while view:
        view = view[os.write(descriptor, view) :]
