"""The machine's database: column families in RocksDB, written without a write-ahead log and flushed all at once.

After a crash it stands at the last flush, all families at the same applied index, and the log is applied again from there.
"""

from __future__ import annotations

import gc
import logging
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

from rocksdict import Rdict, RdictIter, ReadOptions, WriteBatch

from quorate_node.store.errors import Backpressure, NoSpace, StoreError, StoreFailed
from quorate_node.store.interface import STATE_FAMILIES
from quorate_node.store.rocksdb_options import close_all, files_bytes, is_damage, is_full_disk, is_stall, state_options, write_options
from quorate_node.store.rocksdb_rotation import Rotation
from quorate_node.store.rocksdb_snapshot import RocksStateSnapshot, check_status
from quorate_node.store.settings import StoreSettings
from quorate_node.store.state_batch import StateBatch

logger = logging.getLogger(__name__)

FLUSH_POLL_S = 0.002
FLUSH_POLLS_MAX = 15_000
"""Half a minute: a disk that is slower is taken for broken."""
POLLS_PER_LOOK = 50


def scan_live(family: Rdict, keys_only: bool, start: bytes, end: bytes | None, backwards: bool) -> Iterator[Any]:
    """Pairs, or keys, with start <= key < end, by rocksdict's own iterator. Raises `StoreFailed` at a place that cannot be read.

    Two traps of rocksdict 0.3.29, each shown by a test: `set_iterate_lower_bound` sets the *upper* bound, so it is not used; and an
    iterator that meets a damaged block just ends, so where it ended is looked at once more, with an iterator that has a status.
    """
    if end is not None and end <= start:
        return
    options = ReadOptions()
    if end is not None:
        options.set_iterate_upper_bound(end)
    scan: Any = family.keys if keys_only else family.items
    last: bytes | None = None
    for found in scan(backwards=True, read_opt=options) if backwards else scan(from_key=start, read_opt=options):
        key = found if keys_only else found[0]
        if backwards and key < start:
            return
        yield found
        last = key
    _check_end(family.iter(options), start, last, backwards)


def _check_end(iterator: RdictIter, start: bytes, last: bytes | None, backwards: bool) -> None:
    if not backwards:
        iterator.seek(start if last is None else last + b"\0")
    elif last is None:
        iterator.seek_to_last()
    else:
        iterator.seek_for_prev(last)
        if iterator.valid():
            iterator.prev()
    if not iterator.valid():
        check_status(iterator)


class RocksStateStore:
    """Implements `interface.StateDatabase` over the database in `path`. Before `reopen` let go of getters and iterators."""

    def __init__(self, path: Path, settings: StoreSettings) -> None:
        self._path = path
        self._settings = settings
        self._write_options = write_options(disable_wal=True)
        self._flush_lock = threading.Lock()
        self._snapshots: weakref.WeakSet[RocksStateSnapshot] = weakref.WeakSet()
        self._closed = False
        self._opened = False
        self._open()

    def _open(self) -> None:
        options, families, self._cache = state_options(self._settings)
        try:
            self._database = Rdict(str(self._path), options, column_families=families)
        except Exception as error:
            raise self._translated(error, "opened") from error
        self._opened = True
        self._stopped = self._database.property_int_value
        self._families: dict[str, Rdict] = {name: self._database.get_column_family(name) for name in STATE_FAMILIES}
        self._handles = {name: self._database.get_column_family_handle(name) for name in STATE_FAMILIES}
        self._rotation = Rotation(self._database, self._families, self._settings, self._write_options)
        self._partial = False
        if self._rotation.is_partial():
            self._close_database()
            raise StoreFailed(
                "the state was flushed in the midst of a write: start this member with an empty data directory, as a new member"
            )

    def family(self, name: str) -> str:
        if name not in self._handles:
            raise KeyError(name)
        return name

    def getter(self, name: str) -> Callable[[Any], Any]:
        return self._families[name].get

    def items(
        self, name: str, start: bytes, end: bytes | None = None, *, backwards: bool = False
    ) -> Iterator[tuple[bytes, bytes]]:
        return scan_live(self._families[name], False, start, end, backwards)

    def keys(self, name: str, start: bytes, end: bytes | None = None, *, backwards: bool = False) -> Iterator[bytes]:
        return scan_live(self._families[name], True, start, end, backwards)

    def batch(self) -> StateBatch:
        return StateBatch()

    def write(self, batch: StateBatch) -> None:
        self._write(self._encoded(batch))
        self._rotate_when_due()

    def write_part(self, batch: StateBatch) -> None:
        encoded = self._encoded(batch)
        if not self._partial:
            self._rotation.mark_partial(encoded)
        self._write(encoded)
        self._partial = True

    def settle(self) -> None:
        if self._partial:
            self._carry_out(self._rotation.mark_whole, "written")
            self._partial = False
        self._rotate_when_due()

    def _write(self, encoded: WriteBatch) -> None:
        # failpoint: state.write.before
        if self._stopped("rocksdb.is-write-stopped") or self._stopped("rocksdb.actual-delayed-write-rate"):
            raise Backpressure("the state would stall: its flushes or compactions do not keep up; try again in a moment")
        self._carry_out(partial(self._database.write, encoded, self._write_options), "written")

    def _rotate_when_due(self) -> None:
        """What is written is written: when this is refused, a later write finds it due again."""
        try:
            if self._rotation.is_due():
                self._carry_out(self._rotation.rotate, "flushed")
        except StoreError as error:
            logger.debug("the memtables are not turned over yet: %s", error)

    def _carry_out(self, call: Callable[[], object], what: str) -> None:
        try:
            call()
        except Exception as error:
            raise self._translated(error, what) from error

    def _encoded(self, batch: StateBatch) -> WriteBatch:
        """RocksDB's own batch: family after family, each in key order, which its memtables take in less than half the time (each insert
        begins where the one before ended)."""
        encoded = WriteBatch(raw_mode=True)
        put, delete = encoded.put, encoded.delete
        for name, begin, end in batch.ranges:
            encoded.delete_range(begin, end, self._handles[name])
        for name, writes in batch.writes.items():
            handle = self._handles[name]
            for key in sorted(writes):
                value = writes[key]
                if value is None:
                    delete(key, handle)
                else:
                    put(key, value, handle)
        return encoded

    def write_out(self) -> None:
        """Nothing is held back here."""

    def write_out_some(self) -> bool:
        return False

    def snapshot(self) -> RocksStateSnapshot:
        snapshot = RocksStateSnapshot(self._families)
        self._snapshots.add(snapshot)
        return snapshot

    def flush(self) -> None:
        try:
            self.rotate()
        except Backpressure:
            # Flushes that are under way make room.
            self.finish_flush()
            self.rotate()
        self.finish_flush()

    def rotate(self) -> None:
        assert not self._partial, "a flush in the midst of a write would leave a state that the machine never was in"
        # failpoint: state.flush.before
        self._carry_out(self._rotation.rotate, "flushed")

    def finish_flush(self) -> None:
        with self._flush_lock:
            for polls in range(1, FLUSH_POLLS_MAX):
                if self._rotation.is_flushed():
                    return
                time.sleep(FLUSH_POLL_S)
                if polls % POLLS_PER_LOOK == 0:
                    # A flush that failed is seen by the next write alone.
                    self._look_for_errors()
            limit_s = FLUSH_POLLS_MAX * FLUSH_POLL_S
            raise StoreFailed(f"the state is not flushed after {limit_s:.0f} s: look at the disk of the data directory")

    def _look_for_errors(self) -> None:
        try:
            self._carry_out(self._rotation.touch, "flushed")
        except Backpressure as waiting:
            logger.debug("waiting for a flush: %s", waiting)

    def unflushed_bytes(self) -> int:
        """What a crash would lose and a restart apply again, about; bounded by `state_memtables_total_bytes` and what is being flushed."""
        return sum(family.property_int_value("rocksdb.cur-size-all-mem-tables") or 0 for family in self._families.values())

    def reopen(self) -> None:
        with self._flush_lock:
            self._close_database()
            # Whoever held a handle in a cycle of objects holds the database until the collector has been there.
            gc.collect()
            self._open()

    def size_bytes(self) -> int:
        return files_bytes(self._path)

    def close(self) -> None:
        """Flushes what was written, all families at once, when the disk lets it; else the log is applied again after the start."""
        if self._closed:
            return
        self._closed = True
        if not self._opened:
            return
        try:
            if self._partial:
                raise StoreFailed("it was closed in the midst of a write")
            # Not left to RocksDB: it flushes on closing only when nobody holds a handle any more.
            self.flush()
        except (NoSpace, StoreFailed) as error:
            logger.warning("the state was closed without its last flush: %s", error)
        with self._flush_lock:
            self._close_database()

    def _close_database(self) -> None:
        # Each of these objects holds the database: while one lives, it stays open and locked.
        for snapshot in list(self._snapshots):
            snapshot.close()
        self._handles = {}
        if self._opened:
            self._opened = False
            close_all([self._rotation.control_family(), *self._families.values(), self._database])
            self._families = {}
            del self._stopped, self._database, self._rotation

    def _translated(self, error: Exception, what: str) -> StoreError:
        if is_stall(error):
            return Backpressure(f"the state cannot be {what} without a stall; try again in a moment")
        if "lock hold by current process" in str(error):
            return StoreFailed(f"the state cannot be {what}: a handle, getter, snapshot or iterator of the old one is still held")
        if is_full_disk(error):
            return NoSpace(f"the state cannot be {what}, the disk is full: {error}; free space, then reopen")
        if is_damage(error):
            return StoreFailed(f"the state is damaged: {error}; start this member with an empty data directory, as a new member")
        return StoreFailed(f"the state cannot be {what}: {error}")
