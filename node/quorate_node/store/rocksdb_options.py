"""How the two databases are opened. RocksDB's defaults lose acknowledged records and stop the interpreter; each choice says why."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from rocksdict import BlockBasedOptions, Cache, DBCompressionType, DBRecoveryMode, Options, Rdict, WriteOptions

from quorate_node.store.interface import STATE_FAMILIES
from quorate_node.store.rocksdb_rotation import CONTROL_FAMILY, STATE_MEMTABLE_BYTES, set_control_options
from quorate_node.store.settings import MIB, StoreSettings

logger = logging.getLogger(__name__)

LOG_FAMILY_META = "meta"
"""Marker and anchor: apart from the entries, so that files of entries cover disjoint ranges of indexes."""
INFO_LOG_BYTES = 4 * MIB
INFO_LOGS_KEPT = 2
NEVER = 1 << 30
MEMTABLE_BLOOM_SHARE = 0.02
"""Of a memtable's size, for its bloom filter: about ten bits a record of 60 bytes."""


def is_damage(error: Exception) -> bool:
    """rocksdict has one exception type; RocksDB's status code is the text's first word."""
    return str(error).startswith("Corruption")


def is_full_disk(error: Exception) -> bool:
    text = str(error)
    return "No space left on device" in text or "Disk quota exceeded" in text or "File too large" in text


def is_stall(error: Exception) -> bool:
    """The write was refused by `no_slowdown`: nothing of it was written."""
    return str(error).startswith("Result incomplete")


def _base(settings: StoreSettings) -> Options:
    options = Options(raw_mode=True)
    options.create_if_missing(True)
    options.create_missing_column_families(True)
    options.set_paranoid_checks(True)
    options.set_max_background_jobs(settings.background_jobs_max)
    options.set_max_log_file_size(INFO_LOG_BYTES)
    options.set_keep_log_file_num(INFO_LOGS_KEPT)
    options.set_stats_dump_period_sec(0)
    options.set_stats_persist_period_sec(0)
    return options


def log_options(settings: StoreSettings, recovery: DBRecoveryMode) -> tuple[Options, dict[str, Options]]:
    """Options of the log database: (all, by column family)."""
    cache = Cache(settings.log_block_cache_bytes)

    def options() -> Options:
        built = _base(settings)
        # The default, point in time, drops all that follows a damaged record and says nothing.
        built.set_wal_recovery_mode(recovery)
        built.set_compression_type(DBCompressionType.none())
        built.set_write_buffer_size(settings.log_memtable_bytes)
        built.set_max_write_buffer_number(settings.log_memtables_max)
        # One family's flush flushes the other, so that no old write-ahead log is kept for a few bytes of the meta family.
        built.set_atomic_flush(True)
        # Files of ascending indexes overlap nowhere: merging them is work for nothing. Compaction runs when the log is compacted.
        built.set_level_zero_file_num_compaction_trigger(NEVER)
        built.set_level_zero_slowdown_writes_trigger(NEVER)
        built.set_level_zero_stop_writes_trigger(NEVER)
        table = BlockBasedOptions()
        table.set_block_cache(cache)
        table.set_block_size(32 * 1024)
        built.set_block_based_table_factory(table)
        return built

    return options(), {LOG_FAMILY_META: options()}


def state_options(settings: StoreSettings) -> tuple[Options, dict[str, Options], Cache]:
    """Options of the state database: (all, by column family, the block cache that they share)."""
    # The clock cache takes no lock to find a block: measured up to a fifth less time in a point read than the default one.
    cache = Cache.new_hyper_clock_cache(settings.state_block_cache_bytes, settings.state_block_bytes)

    def options() -> Options:
        built = _base(settings)
        # Written without a write-ahead log: families flushed apart would be at different applied indexes after power loss.
        built.set_atomic_flush(True)
        built.set_write_buffer_size(STATE_MEMTABLE_BYTES)
        # As RocksDB would choose by the true size: memory is counted by these blocks.
        built.set_arena_block_size(min(MIB, settings.state_memtable_bytes // 8))
        built.set_max_write_buffer_number(settings.state_memtables_max)
        # A new key is looked for in every memtable: the filter spares it the walk down a list of a hundred thousand.
        built.set_memtable_prefix_bloom_ratio(MEMTABLE_BLOOM_SHARE * settings.state_memtable_bytes / STATE_MEMTABLE_BYTES)
        built.set_memtable_whole_key_filtering(True)
        # What lives long is compressed once, at the bottom; what a compaction will soon rewrite is not worth it.
        built.set_compression_type(DBCompressionType.none())
        built.set_bottommost_compression_type(DBCompressionType.lz4())
        built.set_level_zero_file_num_compaction_trigger(settings.state_level0_files)
        built.set_target_file_size_base(settings.state_file_bytes)
        built.set_max_bytes_for_level_base(settings.state_level_base_bytes)
        built.set_level_compaction_dynamic_level_bytes(True)
        built.set_max_open_files(settings.state_open_files_max)
        # `no_slowdown` refuses a write as soon as RocksDB would only slow it: leave that to the hard limits.
        built.set_level_zero_slowdown_writes_trigger(32)
        built.set_level_zero_stop_writes_trigger(48)
        table = BlockBasedOptions()
        table.set_block_cache(cache)
        table.set_block_size(settings.state_block_bytes)
        table.set_bloom_filter(settings.state_bloom_bits_per_key, False)
        # Inside the cache, index and filters are bounded by it; outside they grow with the data.
        table.set_cache_index_and_filter_blocks(True)
        table.set_pin_l0_filter_and_index_blocks_in_cache(True)
        built.set_block_based_table_factory(table)
        return built

    return options(), {CONTROL_FAMILY: set_control_options(options()), **{name: options() for name in STATE_FAMILIES}}, cache


def close_all(databases: Iterable[Rdict]) -> None:
    """Close each. After a full disk rocksdict's `close` raises the old write's error once more and leaves the object open: the caller
    must also let go of every reference, which closes it for good."""
    for database in databases:
        try:
            database.close()
        except Exception as error:  # noqa: BLE001 - rocksdict has no narrower type, and the database is given up either way
            logger.warning("closing after an earlier error: %s", error)


def write_options(*, disable_wal: bool) -> WriteOptions:
    """`write` holds the interpreter's lock for its whole call: it must never wait for a stall, nor for a sync."""
    options = WriteOptions()
    options.no_slowdown = True
    # Each insert into a memtable begins where the batch's last one ended: a quarter less time for three families.
    options.memtable_insert_hint_per_batch = True
    # An attribute, whatever rocksdict's type stub says (a method there).
    setattr(options, "disable_wal", disable_wal)  # noqa: B010
    return options


def files_bytes(path: Path) -> int:
    """What a database's tables and logs take on the disk. A file that a compaction removes meanwhile counts nothing."""
    total = 0
    for file in path.iterdir():
        if file.suffix in (".sst", ".log"):
            with suppress(FileNotFoundError):
                total += file.stat().st_size
    return total
