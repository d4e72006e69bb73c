"""Where a run keeps the few real files that members write (chunks of snapshots), and whose they are when it was killed."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

MEMORY_FILES = Path("/dev/shm")  # noqa: S108 - a place for a folder with a name of its own, in memory where there is one
PREFIX = "quorate-simulator-"


def _place() -> Path:
    return MEMORY_FILES if MEMORY_FILES.is_dir() else Path(tempfile.gettempdir())


def make() -> Path:
    """A new folder of this process."""
    return Path(tempfile.mkdtemp(prefix=f"{PREFIX}{os.getpid()}-", dir=_place()))


def remove_of(pid: int) -> None:
    """What a process that is dead has left."""
    for folder in _place().glob(f"{PREFIX}{pid}-*"):
        shutil.rmtree(folder, ignore_errors=True)
