"""Calls to the system that not every kernel and file system has, each with what does the same there.

Linux on ext4 or XFS has all of them. Sandboxes (gVisor), network and copy-on-write file systems lack some, macOS lacks most.
"""

from __future__ import annotations

import errno
import fcntl
import os
from collections.abc import Sequence

_UNSUPPORTED = (errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL)
_SYNC_TO_PLATTER = getattr(fcntl, "F_FULLFSYNC", None)
"""macOS: its fsync leaves the data in the drive's cache, which power loss empties."""


def sync_data(descriptor: int) -> None:
    """The file's data, and of its metadata what finds them again, are durable on return. Raises `OSError`: never try it again."""
    if _SYNC_TO_PLATTER is not None:
        fcntl.fcntl(descriptor, _SYNC_TO_PLATTER)
    elif hasattr(os, "fdatasync"):
        os.fdatasync(descriptor)
    else:
        os.fsync(descriptor)


def allocate(descriptor: int, offset: int, length: int) -> None:
    """Take the space at once, where the file system can; the file is then at least `offset + length` long. Raises `OSError`.

    Where it cannot, writing takes it: the caller writes zeros there anyway, and meets a full disk then.
    """
    try:
        os.posix_fallocate(descriptor, offset, length)
    except (AttributeError, OSError) as error:
        if isinstance(error, OSError) and error.errno not in _UNSUPPORTED:
            raise
        if os.fstat(descriptor).st_size < offset + length:
            os.ftruncate(descriptor, offset + length)


def write_at(descriptor: int, parts: Sequence[bytes], offset: int, *, synced: bool) -> None:
    """Write `parts` back to back; durable on return when `synced`. Raises `OSError`.

    A synced write is one call where that is possible: the interpreter's lock is let go, and waited for again, once.
    """
    flags = getattr(os, "RWF_DSYNC", 0) if synced else 0
    try:
        _write_all(descriptor, parts, offset, flags)
    except OSError as error:
        if not flags or error.errno not in _UNSUPPORTED:
            raise
        # Refused before anything was written: the flag is what this file system lacks.
        flags = 0
        _write_all(descriptor, parts, offset, flags)
    if synced and not flags:
        sync_data(descriptor)


def _write_all(descriptor: int, parts: Sequence[bytes], offset: int, flags: int) -> None:
    written = os.pwritev(descriptor, parts, offset, flags)
    if written == sum(map(len, parts)):
        return
    rest = memoryview(b"".join(parts))
    while written < len(rest):
        rest = rest[written:]
        offset += written
        written = os.pwritev(descriptor, [rest], offset, flags)
        if not written:
            # Neither progress nor a reason: to go on would never end.
            raise OSError(errno.EIO, f"nothing of {len(rest)} bytes was written at {offset}")
