"""One call that opens all of a member's stores, of either kind."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from quorate_node.store.buffered_state import BufferedStateStore
from quorate_node.store.directory import DataDirectory, Directory, Identity
from quorate_node.store.errors import StoreError
from quorate_node.store.file_log import FileLogBackend
from quorate_node.store.hard_state import HardStateFile
from quorate_node.store.interface import StateStore
from quorate_node.store.kernel_synced_log import KernelSyncedLog
from quorate_node.store.log_backend import LogBackend
from quorate_node.store.memory_directory import MemoryDirectory
from quorate_node.store.memory_disk import MemoryDisk
from quorate_node.store.memory_log import MemoryHardState, MemoryLogBackend
from quorate_node.store.memory_state import MemoryStateStore
from quorate_node.store.rocksdb_log import RocksLogBackend
from quorate_node.store.rocksdb_state import RocksStateStore
from quorate_node.store.settings import StoreSettings

StoreKind = Literal["rocksdb", "memory"]


@dataclass
class Stores:
    """What one member keeps. `state` changes when a snapshot is installed: ask for it each time, or take it again after `switch_state`."""

    directory: Directory
    log: KernelSyncedLog
    state: StateStore
    settings: StoreSettings
    generation: int
    disk: MemoryDisk | None = None
    """Of the memory kind: where the simulator crashes and damages it."""

    def build_state(self) -> StateStore:
        """An empty state beside the one in use, for a snapshot to be installed into. Flush it, then `switch_state`."""
        if isinstance(self.directory, DataDirectory):
            self.directory.remove_state(self.generation + 1)
            path = self.directory.state_path(self.generation + 1)
            return BufferedStateStore(RocksStateStore(path, self.settings), self.settings)
        assert self.disk is not None, "a store without a directory has a memory disk"
        self.disk.state.pop(_memory_generation(self.generation + 1), None)
        return BufferedStateStore(MemoryStateStore(self.disk, _memory_generation(self.generation + 1)), self.settings)

    def switch_state(self, built: StateStore) -> None:
        """Use `built` (from `build_state`, flushed) from now on, atomically and durably; the old one is closed and deleted."""
        previous, old = self.generation, self.state
        built.flush()
        if isinstance(self.directory, DataDirectory):
            self.directory.switch_state(previous + 1)
        else:
            assert self.disk is not None, "a store without a directory has a memory disk"
            self.disk.state_generation = previous + 1
        # failpoint: state.switch.after_pointer
        self.generation, self.state = previous + 1, built
        old.close()
        if isinstance(self.directory, DataDirectory):
            self.directory.remove_state(previous)
        elif self.disk is not None:
            self.disk.state.pop(_memory_generation(previous), None)

    def space_available(self) -> bool:
        """False: refuse proposals (never applies) until space is back."""
        return self.log.space_available()

    def free_bytes(self) -> int:
        """Free space of the data directory's file system; 0 for the memory kind, which has none."""
        return self.directory.space.free_bytes() if isinstance(self.directory, DataDirectory) else 0

    def close(self) -> None:
        self.state.close()
        self.log.close()
        self.directory.close()


def open_store(
    path: Path | None,
    settings: StoreSettings | None = None,
    expected_identity: Identity | None = None,
    *,
    kind: StoreKind = "rocksdb",
    disk: MemoryDisk | None = None,
) -> Stores:
    """Open or create a member's stores: in `path` ("rocksdb"), or on `disk` ("memory"; a new one when None). The log of a new `path`
    is of the kind `settings.log_backend`; an existing one keeps its kind.

    Raises `StoreLocked`, `FormatTooNew`, `IdentityMismatch`, `HardStateLost`, `DirectoryDamaged`, `NoSpace`, `StoreFailed`.
    Damage of the log is no error: `stores.log.damaged()` names it, for the repair below the protocol.
    """
    settings = settings or StoreSettings()
    if kind == "memory":
        return _open_memory(disk or MemoryDisk(), settings, expected_identity)
    if path is None:
        raise StoreError("path is None; a store of kind 'rocksdb' needs a data directory")
    directory = DataDirectory.open(path, settings=settings, expected_identity=expected_identity)
    try:
        hard_state = HardStateFile(directory.hard_state_path(), create=directory.fresh)
        log = KernelSyncedLog(_log_backend(directory, settings), hard_state, settings)
        generation = directory.state_generation()
        state = BufferedStateStore(RocksStateStore(directory.state_path(generation), settings), settings)
        directory.created()
    except BaseException:
        directory.close()
        raise
    return Stores(directory, log, state, settings, generation)


def _log_backend(directory: DataDirectory, settings: StoreSettings) -> LogBackend:
    """Of the kind that the directory was made with, whatever the setting says now."""
    if directory.log_kind == "file":
        return FileLogBackend(directory.log_path(), settings, directory.space)
    return RocksLogBackend(directory.log_path(), settings, directory.space)


def _open_memory(disk: MemoryDisk, settings: StoreSettings, expected_identity: Identity | None) -> Stores:
    directory = MemoryDirectory(disk, settings, expected_identity)
    log = KernelSyncedLog(MemoryLogBackend(disk), MemoryHardState(disk), settings)
    state = BufferedStateStore(MemoryStateStore(disk, _memory_generation(disk.state_generation)), settings)
    return Stores(directory, log, state, settings, disk.state_generation, disk)


def _memory_generation(generation: int) -> str:
    return f"state-{generation:06d}"
