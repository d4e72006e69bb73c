"""An application's snapshot on its way to another member: read by offset, kept readable though its file may be replaced meanwhile."""

from __future__ import annotations

import asyncio
import os

from quorate_node.machine.application.snapshot_files import ApplicationSnapshot, ApplicationSnapshotHeader
from quorate_node.machine.interface import Refused


class ApplicationSnapshotSource:
    """Holds the file open, so that its deletion (two are kept) does not cut a transfer. The receiver checks the file's own SHA-256."""

    def __init__(self, snapshot: ApplicationSnapshot) -> None:
        self.header: ApplicationSnapshotHeader = snapshot.header
        self.size_bytes = snapshot.size_bytes
        self._descriptor = os.open(snapshot.path, os.O_RDONLY | os.O_CLOEXEC)
        self._closed = False

    async def read(self, offset: int, count: int) -> bytes:
        """Bytes [offset, offset + count) of the file, fewer at its end. Raises `Refused`."""
        if self._closed or offset < 0 or count <= 0:
            raise Refused(
                "InvalidArgument", f"cannot read {count} bytes at {offset} of the application's snapshot at index {self.header.index}"
            )
        return await asyncio.to_thread(os.pread, self._descriptor, count, offset)

    def close(self) -> None:
        if not self._closed:
            self._closed = True
            os.close(self._descriptor)
