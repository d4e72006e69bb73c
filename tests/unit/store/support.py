"""What the store's tests share: both kinds of stores, small entries, and processes that die in the middle."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal

from quorate_node.protocol.entry import Entry
from quorate_node.protocol.membership import Configuration
from quorate_node.protocol.message import SnapshotMetadata
from quorate_node.protocol.ready import HardState, Persist
from quorate_node.store import Identity, MemoryDisk, StoreKind, Stores, StoreSettings, open_store
from quorate_node.store.buffered_state import BufferedStateStore
from quorate_node.store.chained_log import ChainedLog
from quorate_node.store.file_log import FileLogBackend
from quorate_node.store.rocksdb_state import RocksStateStore
from quorate_node.store.settings import KIB

SHARED_MEMORY = Path("/dev/shm")


def quick_parent() -> Path | None:
    """Where a sync costs nothing, for tests that open hundreds of stores and are not about syncs; None: the usual place."""
    return SHARED_MEMORY if os.access(SHARED_MEMORY, os.W_OK) else None


MemberKind = Literal["rocksdb", "memory", "file"]
"""The kinds of store, and the one in RocksDB with its log in a file."""
KINDS: tuple[MemberKind, ...] = ("rocksdb", "memory", "file")
SETTINGS = StoreSettings(
    log_backend="rocksdb",
    reserve_bytes=1,
    headroom_bytes=0,
    log_memtable_bytes=256 * KIB,
    state_memtable_bytes=256 * KIB,
    log_segment_bytes=256 * KIB,
)
VOTERS = Configuration(voters=(1, 2, 3))


class Member:
    """A member's stores that can be closed, killed and opened again, whatever their kind."""

    def __init__(self, kind: MemberKind, path: Path, settings: StoreSettings = SETTINGS) -> None:
        self.kind = kind
        self.path = path
        self.settings = self.settings_of(kind, settings)
        self.disk = MemoryDisk()
        self.stores = self.open()

    @staticmethod
    def settings_of(kind: MemberKind, settings: StoreSettings = SETTINGS) -> StoreSettings:
        return replace(settings, log_backend="file" if kind == "file" else "rocksdb")

    def open(self) -> Stores:
        self.stores = self.open_again()
        return self.stores

    def open_again(self, expected_identity: Identity | None = None) -> Stores:
        """Another opening of the same directory, not taken for this member's."""
        kind: StoreKind = "memory" if self.kind == "memory" else "rocksdb"
        return open_store(self.path / "data", self.settings, expected_identity, kind=kind, disk=self.disk)

    @property
    def log(self) -> ChainedLog:
        return self.stores.log

    def restart(self) -> Stores:
        self.stores.close()
        return self.open()

    def crash(self) -> Stores:
        """As `kill -9`: of the files what is there now is all that is left, nothing is flushed or closed."""
        if self.kind == "memory":
            self.disk.crash()
            return self.open()
        if self.kind == "file":
            # A file that is renamed while the directory is copied is no crash, only a copy that fails.
            file_backend(self.log).pool.wait()
        if isinstance(self.stores.state, BufferedStateStore) and isinstance(self.stores.state.database, RocksStateStore):
            # Nor is one of which a compaction takes files away meanwhile.
            settle_files(self.stores.state.database)
        copy = self.path / "copy"
        shutil.copytree(self.path / "data", copy)
        self.stores.close()
        shutil.rmtree(self.path / "data")
        copy.rename(self.path / "data")
        return self.open()


def settle_files(state: RocksStateStore) -> None:
    """Until RocksDB has no work under way that makes or removes files."""
    work = ("num-running-flushes", "mem-table-flush-pending", "num-running-compactions", "compaction-pending", "num-immutable-mem-table")
    families = [*state._families.values(), state._rotation.control_family()]
    until_s = time.monotonic() + 10.0
    while any(family.property_int_value(f"rocksdb.{name}") for family in families for name in work):
        assert time.monotonic() < until_s, "RocksDB works on and on"
        time.sleep(0.005)


def file_backend(log: ChainedLog) -> FileLogBackend:
    backend = log._backend
    assert isinstance(backend, FileLogBackend)
    return backend


def record_place(log: ChainedLog, index: int) -> tuple[Path, int, int]:
    """(file, offset, length) of an entry's record in a log of kind "file"."""
    backend = file_backend(log)
    ((sequence, offset, length),) = backend._index.locate(index, index + 1)
    return backend._segments[sequence].path, offset, length


def change_bytes(path: Path, offset: int, content: bytes) -> None:
    with path.open("r+b") as file:
        file.seek(offset)
        file.write(content)


def entry(index: int, term: int = 1, data: bytes | None = None) -> Entry:
    return Entry(index, term, 0, b"entry %d in %d" % (index, term) if data is None else data)


def entries(low: int, high: int, term: int = 1) -> list[Entry]:
    """Entries [low, high)."""
    return [entry(index, term) for index in range(low, high)]


def persist(
    new: Sequence[Entry] = (), *, hard_state: HardState | None = None, snapshot: SnapshotMetadata | None = None, must_sync: bool = True
) -> Persist:
    return Persist(hard_state, list(new), snapshot, must_sync)


def put(log: ChainedLog, *batches: Persist) -> None:
    log.write(batches)
    log.written(batches)


def append(log: ChainedLog, low: int, high: int, term: int = 1) -> None:
    put(log, persist(entries(low, high, term)))


def read_all(log: ChainedLog) -> list[Entry]:
    return log.entries(log.first_index(), log.last_index() + 1, 1 << 40)


def before_and_after(again: Callable[[], Stores], member: Member) -> Iterator[ChainedLog]:
    """The log as it is, then as it is found after `again`."""
    yield member.log
    yield again().log


MakeMember = Callable[..., Member]
