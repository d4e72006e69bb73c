"""What was run so far: which seeds on which commit, what they amount to, and which failed. One small file, replaced as a whole.

A crash loses the seeds of the last few seconds, which are run again; it never loses a failure, and never leaves half a file.
"""

from __future__ import annotations

import fcntl
import os
from pathlib import Path
from types import TracebackType
from typing import Self

import msgspec

from quorate_node.simulator.soak.ranges import Ranges
from quorate_node.store.durable_file import read_durable, remove_leftovers, write_durably
from quorate_node.store.errors import DirectoryDamaged

STATE_FILE = "soak.state"
LOCK_FILE = "lock"
FAILED_MAX = 1_000
"""Failures that are kept, the newest: beyond that they say nothing new."""
EVIDENCE_CHARACTERS_MAX = 4_000


class Unusable(Exception):
    """The folder cannot be used: what is wrong, and what to do."""


class Sums(msgspec.Struct):
    """What seeds amount to."""

    seeds: int = 0
    virtual_s: float = 0.0
    cpu_s: float = 0.0
    steps: int = 0
    operations: int = 0
    judged: int = 0
    """Observations that verdicts rest on."""

    def add(self, other: Sums) -> None:
        for name in self.__struct_fields__:
            setattr(self, name, getattr(self, name) + getattr(other, name))


class FailedSeed(msgspec.Struct, frozen=True):
    seed: int
    commit: str
    property: str
    evidence: str
    again: str
    """One line that has it again, on that commit."""


class CommitRecord(msgspec.Struct):
    commit: str
    ranges: list[tuple[int, int]] = []
    asked: tuple[int, int] = (0, 0)
    """What was to be run last: seeds [low, high)."""
    sums: Sums = msgspec.field(default_factory=Sums)


class SoakState(msgspec.Struct):
    format: int = 1
    commits: list[CommitRecord] = []
    failed: list[FailedSeed] = []

    def of(self, commit: str) -> CommitRecord:
        for record in self.commits:
            if record.commit == commit:
                return record
        self.commits.append(CommitRecord(commit))
        return self.commits[-1]

    def end(self) -> int:
        """One beyond the highest seed of any commit: a new commit gets new seeds."""
        return max((Ranges(record.ranges).end for record in self.commits), default=0)

    def total(self) -> Sums:
        total = Sums()
        for record in self.commits:
            total.add(record.sums)
        return total

    def note_failed(self, failed: FailedSeed) -> None:
        """The evidence is cut to its bound; a seed that fails again on its commit is one failure."""
        kept = [each for each in self.failed if (each.seed, each.commit) != (failed.seed, failed.commit)]
        short = msgspec.structs.replace(failed, evidence=failed.evidence[:EVIDENCE_CHARACTERS_MAX])
        self.failed = [*kept, short][-FAILED_MAX:]


class StateFolder:
    """One process's at a time, held while it is entered."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = -1

    def __enter__(self) -> Self:
        """Raises `Unusable`."""
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            self._lock = os.open(self.path / LOCK_FILE, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise Unusable(f"--state {self.path}: {error.strerror}: name a folder that can be written to") from error
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            os.close(self._lock)
            raise Unusable(f"--state {self.path}: another run uses it: wait for its end, or name another folder") from error
        remove_leftovers(self.path)
        return self

    def __exit__(self, _kind: type[BaseException] | None, _error: BaseException | None, _traceback: TracebackType | None) -> None:
        os.close(self._lock)

    def load(self) -> SoakState:
        """Empty where there is none. Raises `Unusable`."""
        return load(self.path)

    def save(self, state: SoakState) -> None:
        """Durable on return. Raises `OSError`; the old one is whole then."""
        write_durably(self.path / STATE_FILE, msgspec.json.format(msgspec.json.encode(state)))


def load(folder: Path) -> SoakState:
    """To look at it, without holding it. Raises `Unusable`."""
    path = folder / STATE_FILE
    try:
        content = read_durable(path)
        state = SoakState() if content is None else msgspec.json.decode(content, type=SoakState)
    except (OSError, DirectoryDamaged, msgspec.MsgspecError) as error:
        raise Unusable(f"{path}: cannot be read ({error}): move it away, and the counting begins anew") from error
    if state.format != 1:
        raise Unusable(f"{path}: format {state.format}, this release reads 1: name another folder, or use the release that wrote it")
    return state
