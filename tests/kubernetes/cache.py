"""Where what takes long to make is kept between runs: outside the tree, so that a fresh clone finds it again."""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

VARIABLE = "QUORATE_KUBERNETES_CACHE"
GIB = 1 << 30


class CannotPrepare(Exception):
    """The test cluster cannot be made on this machine: what is missing, and what to do about it."""


def cache_directory() -> Path:
    """Folder that `QUORATE_KUBERNETES_CACHE` names, else `quorate/kubernetes` in the user's cache; made if it is not there."""
    named = os.environ.get(VARIABLE)
    base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    directory = Path(named) if named else base / "quorate" / "kubernetes"
    directory.mkdir(parents=True, exist_ok=True)
    return directory.resolve()


@contextmanager
def locked(directory: Path) -> Iterator[None]:
    """One process at a time fills the cache; a second one waits and then finds it full."""
    with (directory / "lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print(f"another run uses {directory}: waiting for it ...", flush=True)
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def require_space(directory: Path, bytes_needed: int, what: str) -> None:
    """Raises `CannotPrepare` where fewer than `bytes_needed` are free."""
    directory.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(directory).free
    if free < bytes_needed:
        raise CannotPrepare(
            f"{what} needs {bytes_needed / GIB:.1f} GiB below {directory}, where {free / GIB:.1f} GiB are free: make room, or name another"
            f" folder with {VARIABLE} (the cache), GOCACHE and GOMODCACHE (Go's own)"
        )
