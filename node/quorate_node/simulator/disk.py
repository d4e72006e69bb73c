"""A member's disk with faults, and the log's sync in virtual time. The stores above it are the ones that production's rules are in."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from errno import EIO
from pathlib import Path
from random import Random

from quorate_node.protocol.ready import Persist
from quorate_node.replica.log_sync import SyncedCallback
from quorate_node.simulator.file_store import calls, open_file_log
from quorate_node.simulator.files import SimulatedFiles
from quorate_node.simulator.loop import VirtualLoop
from quorate_node.simulator.options import DiskOptions
from quorate_node.simulator.process import Process
from quorate_node.store import MemoryDisk, Stores
from quorate_node.store.buffered_state import BufferedStateStore
from quorate_node.store.directory import Identity
from quorate_node.store.interface import LogStore, StateStore
from quorate_node.store.kernel_synced_log import KernelSyncedLog
from quorate_node.store.memory_directory import MemoryDirectory
from quorate_node.store.memory_log import MemoryHardState, MemoryLogBackend
from quorate_node.store.memory_state import MemoryStateStore
from quorate_node.store.settings import StoreSettings

CLOSE_POLL_S = 0.002


class SimulatedDisk(MemoryDisk):
    """One machine's disk; it outlives the processes that use it."""

    def __init__(self, staging: Path, urandom: Random | None = None) -> None:
        """With `urandom` the log, term and vote are in files, as in production; else in this disk's own memory."""
        super().__init__()
        self.staging = staging
        self.files = SimulatedFiles(self, urandom) if urandom is not None else None
        self.stalled_until_ns = 0
        self.at_write: Callable[[], None] | None = None
        """Called once, when the next write has reached the page cache and is not synced."""

    def lose_power(self, random: Random) -> tuple[int, int]:
        """Of the writes under way some prefix had reached the disk; of files any sectors. Returns (kept, lost)."""
        if self.files is not None:
            self.crash()
            return self.files.lose_power(random)
        pending = self.pending()
        keep = random.randint(0, pending)
        self.crash(keep)
        return keep, pending - keep

    def process_died(self, state: StateStore, flushed: bool) -> None:
        """The machine lives: what was written of the log stays in its page cache. The state has no log of its own: it is what was flushed
        last, by us or (`flushed`) by the database itself just now, which knows nothing of what the buffer above it held back."""
        database = state.database if isinstance(state, BufferedStateStore) else state
        assert isinstance(database, MemoryStateStore)
        if flushed and not database.closed:
            database.flush()
        self.close_all()

    def close_all(self) -> None:
        """As a process' end does."""
        self.crash(self.pending())
        if self.files is not None:
            self.files.process_died()

    def unsynced(self) -> int:
        return self.pending() + (self.files.pending() if self.files is not None else 0)

    def damage(self, index: int, random: Random) -> str:
        """One stored record goes bad at rest. Returns how."""
        records = self.durable["records"]
        how = random.choice(("flipped", "lost", "misdirected"))
        others = [other for other in records if other != index]
        if how == "misdirected" and others:
            # A write that was meant for another place landed here.
            content = records[random.choice(others)]
            for contents in (self.current, self.durable):
                contents["records"][index] = content
        elif how == "lost":
            self.lose_record(index)
        else:
            how = "flipped"
            self.damage_record(index, random.randrange(8 * len(records[index])))
        return how


class SimulatedDirectory(MemoryDirectory):
    """Received snapshot chunks are in real files, as in production, and stay there over a restart."""

    def __init__(self, disk: SimulatedDisk, settings: StoreSettings, expected_identity: Identity | None = None) -> None:
        super().__init__(disk, settings, expected_identity)
        self._path = disk.staging

    def staging(self) -> Path:
        self._path.mkdir(parents=True, exist_ok=True)
        return self._path


def open_stores(disk: SimulatedDisk, settings: StoreSettings, segment_bytes: int, executor: Executor) -> Stores:
    """As `store.open_store` does. `executor` makes segments, of so many bytes. Raises `HardStateLost`, `StoreFailed`, `NoSpace`."""
    directory = SimulatedDirectory(disk, settings)
    if disk.files is not None:
        log = open_file_log(disk.files, settings, segment_bytes, executor)
    else:
        log = KernelSyncedLog(MemoryLogBackend(disk), MemoryHardState(disk), settings)
    state = BufferedStateStore(MemoryStateStore(disk, f"state-{disk.state_generation:06d}"), settings)
    return Stores(directory, log, state, settings, disk.state_generation, disk)


Observe = Callable[[Sequence[Persist], bool], None]
"""(batches, durable): told when a job was written, and again when it is durable."""


class SimulatedLogSync:
    """Implements `replica.log_sync.LogSync`. The batch is written at one moment and durable at a later one: between them power loss
    may keep or drop it, and nobody was told yet."""

    def __init__(
        self,
        loop: VirtualLoop,
        process: Process,
        disk: SimulatedDisk,
        options: DiskOptions,
        random: Random,
        observe: Observe,
        log: LogStore,
        synced: SyncedCallback,
    ) -> None:
        self._loop = loop
        self._process = process
        self._disk = disk
        self._options = options
        self._random = random
        self._observe = observe
        self._log = log
        self._tell = synced
        self._busy = False
        self._closed = False
        self._descriptor: int | None = None
        """Of a file whose sync is under way."""

    def write(self, batches: Sequence[Persist]) -> None:
        assert not self._busy, "one job at a time"
        self._busy = True
        self._loop.after(self._part_ns(), self._process, self._begin, batches)

    def _part_ns(self) -> int:
        return int(self._random.expovariate(2.0 / (self._options.sync_us_mean * 1_000)))

    def _begin(self, batches: Sequence[Persist]) -> None:
        outcome: Exception | None = None
        try:
            self._descriptor = self._log.begin(batches) if self._disk.files is not None else None
            if self._descriptor is None:
                self._log.write(batches)
        except Exception as error:  # noqa: BLE001 - the writer judges it, as it does production's
            outcome = error
        else:
            self._observe(batches, False)
            at_write, self._disk.at_write = self._disk.at_write, None
            if at_write is not None:
                at_write()
        stall_ns = max(0, self._disk.stalled_until_ns - self._loop.now_ns)
        self._loop.after(stall_ns + self._part_ns(), self._process, self._end, batches, outcome)

    def _end(self, batches: Sequence[Persist], outcome: Exception | None) -> None:
        self._busy = False
        outcome = outcome or self._sync()
        if outcome is None:
            self._disk.settle()  # Here and not when its writer has taken note: power loss between the two takes nothing back.
            self._observe(batches, True)
        if not self._closed:
            self._tell(outcome)

    def _sync(self) -> Exception | None:
        """What was begun is synced by the kernel, which then tells."""
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is None:
            return None
        try:
            error_number = 0
            try:
                calls.fdatasync(descriptor)
            except OSError as error:
                error_number = error.errno or EIO
            self._log.synced(error_number)
        except Exception as error:  # noqa: BLE001 - the writer judges it, as it does production's
            return error
        return None

    async def close(self) -> None:
        self._closed = True
        while self._busy:  # noqa: ASYNC110 - a wait once in a life
            await asyncio.sleep(CLOSE_POLL_S)
