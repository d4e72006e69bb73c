"""Where one test cluster lives on this machine, from before its first process until after its last: several may run side by side."""

from __future__ import annotations

import fcntl
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from tests.kubernetes.bed.cgroups import remove_groups
from tests.kubernetes.bed.remains import Remains, files_now, remains
from tests.kubernetes.bed.wrapper import DEFAULT_FOLDERS
from tests.kubernetes.cache import cache_directory, locked

PREFIX = "bed-"
MADE = "folders-made"
"""Lists which of the folders that the namespaces cover were not there before: what runs later has to know whom they belong to."""


@dataclass
class Place:
    state: Path
    """Folder of everything that the cluster writes, but for its logs. Its name is the cluster's."""
    files_before: frozenset[str]
    left: Remains | None = field(default=None)
    """What could not be removed, once the place is given up."""


@contextmanager
def a_place() -> Iterator[Place]:
    """A place of one's own. What a run that was killed has left goes first; one's own is cleared at the end, however that comes."""
    beds = cache_directory() / "beds"
    beds.mkdir(exist_ok=True)
    with locked(beds):
        _clear_stale(beds)
        before = files_now()
        _make_default_folders(beds / MADE)
        state = Path(tempfile.mkdtemp(prefix=PREFIX, dir=beds))
        # The kernel lets go of it when we end, however that comes: then the place is stale.
        hold = _lock_file(state).open("w")
        fcntl.flock(hold, fcntl.LOCK_EX)
    place = Place(state, before)
    try:
        yield place
    finally:
        with locked(beds):
            _clear(state)
            hold.close()
            _lock_file(state).unlink()
            if not _live(beds):
                _remove_default_folders(beds / MADE)
            place.left = remains(state, before)


def _lock_file(state: Path) -> Path:
    return state.with_suffix(".lock")


def _taken(path: Path) -> IO[str] | None:
    """The open lock file, where nobody else holds it."""
    file = path.open("a")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        return None
    return file


def _live(beds: Path) -> bool:
    for path in beds.glob(f"{PREFIX}*.lock"):
        file = _taken(path)
        if file is None:
            return True
        file.close()
    return False


def _clear_stale(beds: Path) -> None:
    names = {path.stem for path in beds.glob(f"{PREFIX}*")}
    for state in sorted(beds / name for name in names):
        file = _taken(_lock_file(state))
        if file is not None:
            with file:
                _clear(state)
                _lock_file(state).unlink()


def _clear(state: Path) -> None:
    """What no namespace takes away."""
    remove_groups(state.name)
    shutil.rmtree(state, ignore_errors=True)


def _make_default_folders(record: Path) -> None:
    made = set(record.read_text().split()) if record.exists() else set()
    for folder in DEFAULT_FOLDERS:
        if not folder.is_dir():
            folder.mkdir(parents=True)
            made.add(str(folder))
    record.write_text("\n".join(sorted(made)))


def _remove_default_folders(record: Path) -> None:
    """Only with no cluster left: to remove what another one's namespaces cover takes the cover away there too."""
    for name in record.read_text().split() if record.exists() else []:
        # One that somebody uses by now is not empty.
        with suppress(OSError):
            Path(name).rmdir()
    record.unlink(missing_ok=True)
