"""The log's records in RocksDB: one atomic batch, then one sync of its write-ahead log with the interpreter's lock let go."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from struct import Struct

from rocksdict import ColumnFamily, Rdict, ReadOptions, WriteBatch

from quorate_node.store.errors import Backpressure, NoSpace, StoreFailed
from quorate_node.store.log_backend import Evidence, LogBatch
from quorate_node.store.rocksdb_log_open import open_log_database
from quorate_node.store.rocksdb_log_rebuild import build, discard, exchange, finish_exchange, is_noted, note_unreadable
from quorate_node.store.rocksdb_options import LOG_FAMILY_META, close_all, files_bytes, is_damage, is_full_disk, is_stall, write_options
from quorate_node.store.settings import StoreSettings
from quorate_node.store.space import SpaceGauge
from quorate_node.store.wal_scan import inspect_files

logger = logging.getLogger(__name__)

_KEY = Struct(">Q")
INDEX_MAX = (1 << 63) - 1
_MARKER_KEY = b"marker"
_ANCHOR_KEY = b"anchor"
_SINGLE_DELETES_MAX = 64
"""So many records are deleted one by one; a range's tombstone costs every later read something until it is compacted away."""
_PROBE_INDEXES = 256
"""After an unreadable block so many indexes are read one by one before the iterator is tried again."""


class RocksLogBackend:
    """`LogBackend` over the database in `path`."""

    def __init__(self, path: Path, settings: StoreSettings, space: SpaceGauge) -> None:
        self._path = path
        self._settings = settings
        self._space = space
        self._opened = False
        self._unreadable = False
        """A block could not be read: of such a database nothing may be merged, see `rebuild`."""
        self._write_options = write_options(disable_wal=False)

    def inspect(self) -> Evidence:
        finish_exchange(self._path)
        return inspect_files(self._path)

    def open(self, on_damage: Callable[[], None]) -> None:
        try:
            self._database: Rdict = open_log_database(self._path, self._settings, on_damage)
        except Exception as error:
            if is_full_disk(error):
                raise NoSpace(f"the log cannot be opened, the disk is full: {error}") from error
            raise
        self._meta: Rdict = self._database.get_column_family(LOG_FAMILY_META)
        self._meta_handle: ColumnFamily = self._database.get_column_family_handle(LOG_FAMILY_META)
        self._opened = True
        self._unreadable = is_noted(self._path)

    def rebuild(self, low: int, high: int) -> bool:
        if not self._unreadable:
            return False
        logger.warning("some of the log database cannot be read: all else of it, from index %d to %d, goes into a new one", low, high - 1)
        records = ((_KEY.pack(index), record) for index, record in self.read(low, high) if record is not None)
        meta = [(key, value) for key in (_ANCHOR_KEY, _MARKER_KEY) if (value := self._read(self._meta, key)) is not None]
        try:
            self._space.require()
            build(self._path, self._settings, records, meta)
        except Exception as error:
            if not isinstance(error, NoSpace) and not is_full_disk(error):
                raise StoreFailed(f"the log could not be rebuilt: {error}") from error
            logger.error("the log is not rebuilt, which is tried again at the next start: %s", error)
            discard(self._path)
            return False
        self.close()
        exchange(self._path)
        self.open(_nothing_to_say)
        return True

    def _found_unreadable(self) -> None:
        """The next opening rebuilds, whether or not it meets the same block."""
        if not self._unreadable:
            self._unreadable = True
            try:
                note_unreadable(self._path)
            except OSError as error:
                logger.warning("it could not be noted that some of the log database cannot be read: %s", error)

    def commit(self, batch: LogBatch) -> None:
        self._space.require()
        # failpoint: log.rocksdb.before_write
        deadline_s = time.monotonic() + self._settings.log_stall_wait_ms_max / 1000
        while not self._try_write(batch):
            if time.monotonic() >= deadline_s:
                raise Backpressure(
                    f"RocksDB has refused log writes for {self._settings.log_stall_wait_ms_max} ms (log_stall_wait_ms_max): "
                    "its flushes do not keep up; nothing was written"
                )
            time.sleep(self._settings.log_stall_poll_ms / 1000)
        try:
            # failpoint: log.rocksdb.before_sync
            self._database.flush_wal(True)
        except Exception as error:
            # Never tried again: the kernel may have dropped what it could not write, and the next sync would say it is fine.
            raise StoreFailed(f"the log could not be synced: {error}") from error

    def _try_write(self, batch: LogBatch) -> bool:
        """False when RocksDB would stall. It consumes the batch object even then, so it is built anew each time."""
        built = WriteBatch(raw_mode=True)
        if batch.drop is not None:
            self._drop(built, *batch.drop)
        for index, record in batch.records:
            built.put(_KEY.pack(index), record)
        if batch.anchor is not None:
            built.put(_ANCHOR_KEY, batch.anchor, self._meta_handle)
        # Last, so that a marker that is whole in the file says that all of its batch was written.
        built.put(_MARKER_KEY, batch.marker, self._meta_handle)
        try:
            self._database.write(built, self._write_options)
        except Exception as error:
            if is_stall(error):
                return False
            if is_full_disk(error):
                raise NoSpace(f"the disk is full: {error}; nothing of the batch is acknowledged") from error
            if is_damage(error):
                self._found_unreadable()  # RocksDB met it while it merged files, and takes no more writes.
            raise StoreFailed(f"the log could not be written: {error}") from error
        return True

    def _drop(self, built: WriteBatch, low: int, high: int) -> None:
        if high - low <= _SINGLE_DELETES_MAX:
            for index in range(low, high):
                built.delete(_KEY.pack(index))
        else:
            built.delete_range(_KEY.pack(low), _KEY.pack(high))

    def commit_unsynced(self, _batch: LogBatch) -> int | None:
        return None

    def read(self, low: int, high: int) -> Iterator[tuple[int, bytes | None]]:
        expected = low
        while expected < high:
            for key, record in self._run(expected, high):
                if key != _KEY.pack(expected):
                    break
                yield expected, record
                expected += 1
            # The iterator ended early or skipped something: a missing record, or a block that cannot be read.
            for index in range(expected, min(expected + _PROBE_INDEXES, high)):
                yield index, self._read_one(index)
                expected = index + 1

    def _run(self, low: int, high: int) -> Iterator[tuple[bytes, bytes]]:
        options = ReadOptions()
        options.set_iterate_upper_bound(_KEY.pack(high))
        items = self._database.items(from_key=_KEY.pack(low), read_opt=options)
        while True:
            try:
                key, record = next(items)
            except StopIteration:
                return
            except Exception as error:
                if is_damage(error):
                    self._found_unreadable()
                    return
                raise StoreFailed(f"the log could not be read: {error}") from error
            assert isinstance(key, bytes) and isinstance(record, bytes), "raw mode"
            yield key, record

    def _read_one(self, index: int) -> bytes | None:
        return self._read(self._database, _KEY.pack(index))

    def _read(self, family: Rdict, key: bytes) -> bytes | None:
        try:
            value = family.get(key)
        except Exception as error:
            if is_damage(error):
                self._found_unreadable()
                return None
            raise StoreFailed(f"the log could not be read: {error}") from error
        assert value is None or isinstance(value, bytes), "raw mode"
        return value

    def empty(self) -> bool:
        return self.anchor() is None and next(self._run(0, INDEX_MAX), None) is None

    def anchor(self) -> bytes | None:
        return self._read(self._meta, _ANCHOR_KEY)

    def marker(self) -> bytes | None:
        return self._read(self._meta, _MARKER_KEY)

    def settle(self) -> None:
        """Nothing to do: what `commit` returned from is on the disk."""

    def reclaim(self, index: int) -> None:
        self._database.compact_range(_KEY.pack(0), _KEY.pack(index))

    def space_available(self) -> bool:
        return self._space.available()

    def require_space(self) -> None:
        self._space.require()

    def size_bytes(self) -> int:
        return files_bytes(self._path)

    def close(self) -> None:
        if not self._opened:
            return
        self._opened = False
        # The family's object and its handle hold the database too: while one lives, the database and its lock stay open.
        close_all([self._meta, self._database])
        del self._meta, self._meta_handle, self._database


def _nothing_to_say() -> None:
    """What is opened again was told of before."""
