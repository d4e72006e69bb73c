"""The log in files, as in production, over a machine's simulated files: its own code, with the calls of the system replaced below it.

The store's modules call `os` directly, and nothing stands between in production. Here their name `os` is another object: it passes on
what is about real files, and has the rest done by the machine whose path or descriptor it is.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, Future
from contextvars import ContextVar
from random import Random
from types import SimpleNamespace
from typing import Any, cast

from quorate_node.protocol.entry import Entry
from quorate_node.simulator.files import MACHINE_SHIFT, SimulatedFiles, SimulatedPath, machine_of
from quorate_node.simulator.loop import VirtualLoop
from quorate_node.simulator.process import Process
from quorate_node.store import durable_file, file_calls, hard_state, segment_file, segment_read
from quorate_node.store.file_log import FileLogBackend
from quorate_node.store.hard_state import HardStateFile
from quorate_node.store.kernel_synced_log import KernelSyncedLog
from quorate_node.store.log_record import decode_anchor, decode_record
from quorate_node.store.segment_pool import SegmentPool
from quorate_node.store.settings import StoreSettings
from quorate_node.store.space import SpaceGauge

SEGMENTS = "segments"
PREPARING_NS_MAX = 20_000_000
"""How long the making of the next segment takes at most: some are waited for."""

_here: ContextVar[SimulatedFiles | None] = ContextVar("quorate_simulated_files", default=None)


def use_files_here(files: SimulatedFiles) -> None:
    """Run it in the context of a simulated process: random numbers of the system are its machine's."""
    _here.set(files)


class _SystemCalls:
    """`os`, but for what concerns simulated files. Raises `OSError` as that does."""

    def __getattr__(self, name: str) -> Any:
        return getattr(os, name)

    def open(self, path: Any, flags: int, mode: int = 0o777) -> int:
        return path.files.open(path, flags) if isinstance(path, SimulatedPath) else os.open(path, flags, mode)

    def close(self, number: int) -> None:
        machine = machine_of(number)
        if machine is not None:
            machine.close(number)
        elif not number >> MACHINE_SHIFT:
            os.close(number)

    def pread(self, number: int, length: int, offset: int) -> bytes:
        machine = machine_of(number)
        return machine.pread(number, length, offset) if machine is not None else os.pread(number, length, offset)

    def write(self, number: int, content: Any) -> int:
        machine = machine_of(number)
        return machine.write(number, bytes(content)) if machine is not None else os.write(number, content)

    def pwrite(self, number: int, content: bytes, offset: int) -> int:
        machine = machine_of(number)
        return machine.pwritev(number, [content], offset) if machine is not None else os.pwrite(number, content, offset)

    def pwritev(self, number: int, parts: Sequence[bytes], offset: int, flags: int = 0) -> int:
        machine = machine_of(number)
        return machine.pwritev(number, parts, offset, flags) if machine is not None else os.pwritev(number, parts, offset, flags)

    def ftruncate(self, number: int, size: int) -> None:
        machine = machine_of(number)
        return machine.resize(number, size) if machine is not None else os.ftruncate(number, size)

    def posix_fallocate(self, number: int, offset: int, length: int) -> None:
        machine = machine_of(number)
        if machine is None:
            os.posix_fallocate(number, offset, length)
        else:
            machine.resize(number, max(machine.size(number), offset + length))

    def fstat(self, number: int) -> Any:
        machine = machine_of(number)
        return SimpleNamespace(st_size=machine.size(number)) if machine is not None else os.fstat(number)

    def fsync(self, number: int) -> None:
        machine = machine_of(number)
        return machine.sync(number) if machine is not None else os.fsync(number)

    @property
    def fdatasync(self) -> Callable[[int], None]:
        """Not there where the system has none: whoever asks must see that."""
        real = os.fdatasync

        def sync(number: int) -> None:
            machine = machine_of(number)
            return machine.sync(number) if machine is not None else real(number)

        return sync

    def urandom(self, size: int) -> bytes:
        machine = _here.get()
        return machine.urandom(size) if machine is not None else os.urandom(size)


calls = _SystemCalls()
for _module in (durable_file, file_calls, hard_state, segment_file, segment_read):
    vars(_module)["os"] = calls


class _Later(Future[Any]):
    """Runs when its time comes, or when it is waited for."""

    def __init__(self, work: Callable[[], Any]) -> None:
        super().__init__()
        self._work: Callable[[], Any] | None = work

    def run(self) -> None:
        work, self._work = self._work, None
        if work is not None:
            try:
                self.set_result(work())
            except Exception as error:  # noqa: BLE001 - it is the waiter's
                self.set_exception(error)

    def forget(self) -> None:
        self._work = None

    def result(self, timeout: float | None = None) -> Any:
        self.run()
        return super().result(timeout)

    def exception(self, timeout: float | None = None) -> BaseException | None:
        self.run()
        return super().exception(timeout)


class SimulatedExecutor(Executor):
    """One thread of a simulated process."""

    def __init__(self, loop: VirtualLoop, process: Process, random: Random) -> None:
        self._loop = loop
        self._process = process
        self._random = random
        self._pending: _Later | None = None

    def submit(self, work: Callable[..., Any], /, *arguments: Any, **options: Any) -> Future[Any]:
        later = self._pending = _Later(lambda: work(*arguments, **options))
        self._loop.after(self._random.randrange(PREPARING_NS_MAX), self._process, later.run)
        return later

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        if self._pending is not None:
            self._pending.forget()


class _Gauge(SpaceGauge):
    """Room without end, or none."""

    def __init__(self, files: SimulatedFiles) -> None:
        self.reserve_bytes = self.headroom_bytes = 1
        self._files = files

    def free_bytes(self) -> int:
        return 0 if self._files.condition.full else 1 << 40

    def require(self) -> None:
        self._ample_until_s = 0.0
        super().require()


def _open_backend(files: SimulatedFiles, settings: StoreSettings, segment_bytes: int, executor: Executor | None) -> FileLogBackend:
    directory = cast(Any, files.path() / SEGMENTS)
    gauge = _Gauge(files)
    backend = FileLogBackend(directory, settings, gauge)
    backend.pool = SegmentPool(directory, segment_bytes, gauge)
    if executor is not None:
        backend.pool.open_executor = lambda: executor
    return backend


def open_file_log(files: SimulatedFiles, settings: StoreSettings, segment_bytes: int, executor: Executor) -> KernelSyncedLog:
    """As `store.open_store` does. Raises `HardStateLost`, `StoreFailed`, `NoSpace`."""
    files.make_directory(files.path() / SEGMENTS)
    hard_state_file = HardStateFile(cast(Any, files.path() / "hard-state"), create=not files.made)
    log = KernelSyncedLog(_open_backend(files, settings, segment_bytes, executor), hard_state_file, settings)
    if not files.made:
        durable_file.sync_directory(cast(Any, files.path()))
        files.made = True
    return log


def entries_of(log: KernelSyncedLog) -> Iterator[Entry]:
    """All that can be read of any log, past what it knows of damage."""
    for index, record in log._backend.read(log.first_index(), log.last_index() + 1):
        decoded = decode_record(index, record)
        if decoded is not None:
            yield decoded[0]


def backend_of(log: KernelSyncedLog) -> FileLogBackend | None:
    """None: the log is not one in files."""
    return log._backend if isinstance(log._backend, FileLogBackend) else None


def place_of(log: KernelSyncedLog, files: SimulatedFiles, index: int) -> tuple[SimulatedPath, int, int] | None:
    """(file, offset, length) of the newest record of `index`; None: there is none."""
    backend = backend_of(log)
    if backend is None:
        return None
    sequence, offset, length = backend._index.locate(index, index + 1)[0]
    if not length or sequence not in backend._segments:
        return None
    return files.path() / SEGMENTS / backend._segments[sequence].path.name, offset, length


def durable_entries(files: SimulatedFiles, settings: StoreSettings, segment_bytes: int) -> tuple[int, int, Callable[[int], Entry | None]]:
    """(anchor index, last index, entry at an index) of what is found on a disk, by opening a copy of it."""
    backend = _open_backend(files.copy(), settings, segment_bytes, _NoThread())
    backend.open(lambda: None)
    anchor = decode_anchor(backend.anchor())
    floor = anchor.index if anchor is not None else 0
    last = backend._index.first + len(backend._index) - 1 if len(backend._index) else floor

    def entry_at(index: int) -> Entry | None:
        decoded = decode_record(index, next(iter(backend.read(index, index + 1)))[1])
        return decoded[0] if decoded is not None else None

    return floor, last, entry_at


class _NoThread(Executor):
    """Nothing is made for a log that is only looked at."""

    def submit(self, work: Callable[..., Any], /, *arguments: Any, **options: Any) -> Future[Any]:
        return Future()

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """There is none."""
