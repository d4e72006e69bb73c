"""When RocksDB turns its memtables over: only where whoever writes says that the state is whole, and then all families at once.

A large write goes in by parts, so that the event loop is never held for long. A flush between two parts would leave a state on the disk
that the machine never was in, and the log must not be applied to that. So no memtable of the state ever fills up by RocksDB's measure.
The *control* family's does, when a filler is put there: families that are flushed atomically are all turned over with it, at the start
of the next write, and flushed by RocksDB's own threads, which need no interpreter. (A checkpoint does it too, and holds the
interpreter for all of the flush.)
"""

from __future__ import annotations

from collections.abc import Mapping

from rocksdict import ColumnFamily, DBCompressionType, Options, Rdict, WriteBatch, WriteOptions

from quorate_node.store.settings import KIB, StoreSettings

CONTROL_FAMILY = "control"
CONTROL_MEMTABLE_BYTES = 256 * KIB
CONTROL_FULL_BYTES = 128 * KIB
"""Turned over from here on at the end of a write: it must not fill up in the midst of one."""
STATE_MEMTABLE_BYTES = 1 << 30
"""As RocksDB is told, so that it never turns one over by itself."""
CONTROL_FILES = 4
NEVER = 1 << 30
_FILLER = b"filler", bytes(CONTROL_MEMTABLE_BYTES)
_PARTIAL = b"partial"
FULL_PERCENT = 87
"""Of the limit for all families together."""


def set_control_options(options: Options) -> Options:
    options.set_write_buffer_size(CONTROL_MEMTABLE_BYTES)
    # With the state's blocks its first key would fill it, and turn everything over in the midst of a write.
    options.set_arena_block_size(CONTROL_MEMTABLE_BYTES // 8)
    options.set_memtable_prefix_bloom_ratio(0.0)
    options.set_compression_type(DBCompressionType.lz4())  # the filler is zeros
    # A file each flush, all of the same two keys: they are no reason to slow anybody down.
    options.set_level_zero_file_num_compaction_trigger(CONTROL_FILES)
    options.set_level_zero_slowdown_writes_trigger(NEVER)
    options.set_level_zero_stop_writes_trigger(NEVER)
    return options


class Rotation:
    def __init__(self, database: Rdict, families: Mapping[str, Rdict], settings: StoreSettings, write_options: WriteOptions) -> None:
        """`families`: those of the state. What raises in here is rocksdict's own exception."""
        self._database = database
        self._families = list(families.values())
        self._control: ColumnFamily = database.get_column_family_handle(CONTROL_FAMILY)
        self._control_family = database.get_column_family(CONTROL_FAMILY)
        self._settings = settings
        self._write_options = write_options

    def is_partial(self) -> bool:
        """The database was flushed in the midst of a write."""
        return self._control_family.get(_PARTIAL) is not None

    def mark_partial(self, batch: WriteBatch) -> None:
        """With the first part: a flush that came against all care would be seen at the next opening."""
        batch.put(_PARTIAL, b"", self._control)

    def mark_whole(self) -> None:
        """The last part is in."""
        batch = WriteBatch(raw_mode=True)
        batch.delete(_PARTIAL, self._control)
        self._database.write(batch, self._write_options)

    def is_due(self) -> bool:
        sizes = [family.property_int_value("rocksdb.cur-size-active-mem-table") or 0 for family in self._families]
        total_bytes = self._settings.state_memtables_total_bytes * FULL_PERCENT // 100
        marks_bytes = self._control_family.property_int_value("rocksdb.cur-size-active-mem-table") or 0
        return max(sizes) >= self._settings.state_memtable_bytes or sum(sizes) >= total_bytes or marks_bytes >= CONTROL_FULL_BYTES

    def rotate(self) -> None:
        """Turn all memtables over; RocksDB begins to flush them. The second write is what makes it: refused, the next one does."""
        batch = WriteBatch(raw_mode=True)
        batch.put(*_FILLER, self._control)
        self._database.write(batch, self._write_options)
        self.touch()

    def touch(self) -> None:
        """A write that changes nothing: it carries out what is due, and raises what a flush has failed with."""
        batch = WriteBatch(raw_mode=True)
        batch.delete(_FILLER[0], self._control)
        self._database.write(batch, self._write_options)

    def is_flushed(self) -> bool:
        """No memtable that was turned over is still to be flushed."""
        families = [*self._families, self._control_family]
        return not any(family.property_int_value("rocksdb.num-immutable-mem-table") for family in families)

    def control_family(self) -> Rdict:
        """The owner has to close it with the database."""
        return self._control_family
