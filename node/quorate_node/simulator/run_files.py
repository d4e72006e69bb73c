"""Where a run keeps the few real files that members write (chunks of snapshots), and whose they are when it was killed."""

from __future__ import annotations

import os
import secrets
import shutil
import tempfile
from pathlib import Path

MEMORY_FILES = Path("/dev/shm")  # noqa: S108 - a place for a folder with a name of its own, in memory where there is one
PREFIX = "quorate-simulator-"


def _place() -> Path:
    return MEMORY_FILES if MEMORY_FILES.is_dir() else Path(tempfile.gettempdir())


def choose() -> Path:
    """A folder of this process that nobody has used. Not made yet: most runs have no use for it."""
    return _place() / f"{PREFIX}{os.getpid()}-{secrets.token_hex(8)}"


def remove(folder: Path) -> None:
    if folder.exists():
        shutil.rmtree(folder, ignore_errors=True)


def remove_of(pid: int) -> None:
    """What a process that is dead has left."""
    for folder in _place().glob(f"{PREFIX}{pid}-*"):
        shutil.rmtree(folder, ignore_errors=True)
