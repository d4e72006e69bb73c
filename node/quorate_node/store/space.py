"""Free space of a data directory against the reserve that RocksDB needs to flush and to be opened again."""

from __future__ import annotations

import os
import time
from pathlib import Path

from quorate_node.store.errors import NoSpace

BELIEVED_S = 0.05


class SpaceGauge:
    """Two thresholds: below `reserve + headroom` proposals are refused, below `reserve` log writes are."""

    def __init__(self, path: Path, reserve_bytes: int, headroom_bytes: int) -> None:
        self._path = path
        self.reserve_bytes = reserve_bytes
        self.headroom_bytes = headroom_bytes
        self._ample_until_s = 0.0

    def free_bytes(self) -> int:
        """What this process may still write: about a microsecond."""
        status = os.statvfs(self._path)
        free_bytes = status.f_bavail * status.f_frsize
        ample = free_bytes >= self.reserve_bytes + self.headroom_bytes
        self._ample_until_s = time.monotonic() + BELIEVED_S if ample else 0.0
        return free_bytes

    def available(self) -> bool:
        return self.free_bytes() >= self.reserve_bytes + self.headroom_bytes

    def require(self) -> None:
        """Raises `NoSpace` when the reserve itself would be used up.

        That there was the headroom as well is believed for a moment, in which nobody can fill it; nothing less is. Asked at each
        write, the question was 1 % of a lone client's time.
        """
        if time.monotonic() < self._ample_until_s:
            return
        free_bytes = self.free_bytes()
        if free_bytes < self.reserve_bytes:
            raise NoSpace(
                f"{free_bytes} bytes are free in the data directory, below the reserve of {self.reserve_bytes}: "
                "free space or enlarge the volume; nothing was written"
            )
