"""Lives of a member's log on a disk that loses power: what it does, what it was told is durable, and whether that is found again."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

from quorate_node.protocol.entry import Entry
from quorate_node.protocol.ready import HardState
from quorate_node.store.chained_log import ChainedLog
from quorate_node.store.file_log import FileLogBackend
from quorate_node.store.hard_state import HardStateFile
from quorate_node.store.kernel_synced_log import KernelSyncedLog
from quorate_node.store.segment_file import Segment
from quorate_node.store.settings import StoreSettings
from quorate_node.store.space import SpaceGauge
from tests.unit.store.power_disk import Image, PowerDisk, PowerLost, recorded
from tests.unit.store.support import VOTERS, Member, persist, put, read_all

DIRECTORIES = (".", "segments")
SETTINGS: StoreSettings = Member.settings_of("file")


class Known(NamedTuple):
    """What the log holds, as its user knows."""

    first: int
    entries: tuple[Entry, ...]
    term: int
    vote: int

    def last(self) -> int:
        return self.first + len(self.entries) - 1


def open_log(root: Path) -> KernelSyncedLog:
    backend = FileLogBackend(root / "segments", SETTINGS, SpaceGauge(root, 1, 0))
    return KernelSyncedLog(backend, HardStateFile(root / "hard-state", create=False), SETTINGS)


def known(log: ChainedLog) -> Known:
    hard_state, _ = log.initial()
    return Known(log.first_index(), tuple(read_all(log)), hard_state.term, hard_state.vote)


class _Later(Future[Segment]):
    """Runs when it is waited for, or when `LaterExecutor.run` says so."""

    def __init__(self, work: Callable[[], Segment]) -> None:
        super().__init__()
        self._work: Callable[[], Segment] | None = work

    def run(self) -> None:
        work, self._work = self._work, None
        if work is not None:
            try:
                self.set_result(work())
            except BaseException as error:
                self.set_exception(error)

    def result(self, timeout: float | None = None) -> Segment:
        self.run()
        return super().result(timeout)


class LaterExecutor:
    """In place of the pool's thread, so that a seed decides when the next segment is made, in the midst of other work too."""

    pending: _Later | None = None

    def __init__(self, *_: Any) -> None:
        LaterExecutor.pending = None

    def submit(self, work: Callable[..., Segment], *arguments: Any) -> _Later:
        LaterExecutor.pending = _Later(lambda: work(*arguments))
        return LaterExecutor.pending

    def shutdown(self, **_: Any) -> None:
        LaterExecutor.pending = None

    @classmethod
    def run(cls) -> None:
        if cls.pending is not None:
            cls.pending.run()


class Lives:
    """One member over many crashes. `live` and `come_back` in turn; each raises AssertionError with what was lost."""

    def __init__(self, path: Path, random: Random) -> None:
        self.path = path
        self.random = random
        self.images = 0
        self.written = 0
        self.serial = 0
        self.commit = 0
        root = path / "0"
        (root / "segments").mkdir(parents=True)
        HardStateFile(root / "hard-state", create=True).close()
        self.disk = PowerDisk(root, DIRECTORIES, {"hard-state": (root / "hard-state").read_bytes()}, random)
        self.before = self.after = Known(1, (), 0, 0)

    def live(self, calls: int, *, kills: bool) -> None:
        """Until the power goes, or the process dies, in the midst of call `calls`."""
        disk, random = self.disk, self.random
        disk.dead, disk.kills, disk.dies_in = False, kills, calls
        disk.before_directory_sync = lambda: LaterExecutor.run() if random.random() < 0.5 else None
        log: KernelSyncedLog | None = None
        with recorded(disk), suppress(PowerLost):
            log = open_log(disk.root)
            self._check(log)
            while True:
                log = self._step(log)
        if log is not None:
            log._backend.close()

    def come_back(self, draws: int) -> None:
        """The power is back: `draws` disks that may be found are looked at, and the last one is lived on with."""
        if self.disk.kills:
            # Its files are as it left them, and what was not synced is not durable yet.
            return
        image: Image = {}
        for _ in range(draws):
            image = self.disk.image()
            self._look_at(image)
        root = self.path / str(self.images)
        shutil.rmtree(self.disk.root)
        self.disk = PowerDisk(root, DIRECTORIES, image, self.random)

    def _look_at(self, image: Image) -> None:
        self.images += 1
        root = self.path / f"look-{self.images}"
        before, after = self.before, self.after
        PowerDisk(root, DIRECTORIES, image, self.random)
        log = open_log(root)
        self._check(log)
        found = self.before
        # Shorter than what was cut: nothing of that may show behind it.
        entry = Entry(found.last() + 1, found.term, 0, b"")
        put(log, persist([entry]))
        log._backend.close()
        log = open_log(root)
        assert (log.damaged(), read_all(log)) == ([], [*found.entries, entry])
        log.close()
        shutil.rmtree(root)
        self.before, self.after = before, after

    def _check(self, log: KernelSyncedLog) -> None:
        """What is found is what was acknowledged, or with all of what was under way; from now on it is what is known."""
        assert log.damaged() == [], f"a power cut damages nothing: {log.damaged()}"
        found = known(log)
        states = [(self.before.term, self.before.vote), (self.after.term, self.after.vote)]
        contents = [(self.before.first, self.before.entries), (self.after.first, self.after.entries)]
        assert (found.term, found.vote) in states, f"term and vote {(found.term, found.vote)} instead of one of {states}"
        assert (found.first, found.entries) in contents, _difference(found, self.before, self.after)
        assert log.initial()[0].commit <= found.last()
        self.before = self.after = found
        self.commit = min(max(self.commit, found.first - 1), found.last())

    def _step(self, log: KernelSyncedLog) -> KernelSyncedLog:
        step = self.random.choices([self._append, self._overwrite, self._vote, self._compact, self._close], [60, 12, 8, 12, 3])[0]
        log = step(log) or log
        self.before = self.after
        if self.random.random() < 0.1:
            LaterExecutor.run()
        return log

    def _append(self, log: KernelSyncedLog) -> None:
        self._write(log, self.before.last() + 1)

    def _overwrite(self, log: KernelSyncedLog) -> None:
        first = max(self.commit, self.before.first - 1) + 1
        if first < self.before.last():
            self._vote(log)
            self.before = self.after
            self._write(log, self.random.randint(first, self.before.last()))

    def _write(self, log: KernelSyncedLog, first: int) -> None:
        entries = [Entry(first + number, self.before.term, 0, self._data()) for number in range(self.random.choice([1, 1, 1, 2, 5]))]
        self.after = self.before._replace(entries=(*self.before.entries[: first - self.before.first], *entries))
        self.commit = max(self.commit, self.random.randint(self.commit, max(self.commit, first - 1)))
        batches = [persist(entries, hard_state=HardState(self.before.term, self.before.vote, self.commit))]
        descriptor = log.begin(batches) if self.random.random() < 0.5 else None
        if descriptor is None:
            log.write(batches)
        else:
            # As the kernel does it, with the log locked in between.
            os.fdatasync(descriptor)
            log.synced(0)
        log.written(batches)
        self.written += 1

    def _data(self) -> bytes:
        self.serial += 1
        size = self.random.choice([0, 10, 100, 600, 600, 3000, 3000, 20_000])
        if self.random.random() < 0.01:
            size = SETTINGS.log_segment_bytes + 1000
        filler = bytes(size) if self.random.random() < 0.3 else self.random.randbytes(size)
        return b"%d " % self.serial + filler

    def _vote(self, log: KernelSyncedLog) -> None:
        self.after = self.before._replace(term=self.before.term + self.random.randint(0, 1), vote=self.random.randint(1, 3))
        put(log, persist(hard_state=HardState(self.after.term, self.after.vote, self.commit)))

    def _compact(self, log: KernelSyncedLog) -> None:
        if self.commit >= self.before.first:
            index = self.random.randint(self.before.first, self.commit)
            self.after = self.before._replace(first=index + 1, entries=self.before.entries[index + 1 - self.before.first :])
            log.compact(index, VOTERS)

    def _close(self, log: KernelSyncedLog) -> KernelSyncedLog:
        log.close()
        return open_log(self.disk.root)


def _difference(found: Known, before: Known, after: Known) -> str:
    def short(one: Known) -> str:
        tail = [(entry.index, entry.term, entry.data[:8]) for entry in one.entries[-6:]]
        return f"{one.first} to {one.last()}, ending {tail}"

    return f"found {short(found)}; acknowledged was {short(before)}, under way {short(after)}"
