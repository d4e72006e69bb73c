"""What the store's tests share: both kinds of stores, small entries, and processes that die in the middle."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

from quorate_node.protocol.entry import Entry
from quorate_node.protocol.membership import Configuration
from quorate_node.protocol.message import SnapshotMetadata
from quorate_node.protocol.ready import HardState, Persist
from quorate_node.store import MemoryDisk, StoreKind, Stores, StoreSettings, open_store
from quorate_node.store.chained_log import ChainedLog
from quorate_node.store.settings import KIB

SHARED_MEMORY = Path("/dev/shm")


def quick_parent() -> Path | None:
    """Where a sync costs nothing, for tests that open hundreds of stores and are not about syncs; None: the usual place."""
    return SHARED_MEMORY if os.access(SHARED_MEMORY, os.W_OK) else None


KINDS: tuple[StoreKind, ...] = ("rocksdb", "memory")
SETTINGS = StoreSettings(reserve_bytes=1, headroom_bytes=0, log_memtable_bytes=256 * KIB, state_memtable_bytes=256 * KIB)
VOTERS = Configuration(voters=(1, 2, 3))


class Member:
    """A member's stores that can be closed, killed and opened again, whatever their kind."""

    def __init__(self, kind: StoreKind, path: Path, settings: StoreSettings = SETTINGS) -> None:
        self.kind = kind
        self.path = path
        self.settings = settings
        self.disk = MemoryDisk()
        self.stores = self.open()

    def open(self) -> Stores:
        self.stores = open_store(self.path / "data", self.settings, kind=self.kind, disk=self.disk)
        return self.stores

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
        copy = self.path / "copy"
        shutil.copytree(self.path / "data", copy)
        self.stores.close()
        shutil.rmtree(self.path / "data")
        copy.rename(self.path / "data")
        return self.open()


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


MakeMember = Callable[..., Member]
