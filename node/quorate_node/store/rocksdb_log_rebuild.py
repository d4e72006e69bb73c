"""A log database with blocks that cannot be read: what can be read of it goes into a new one.

What was in such a block is damage like any other, found by the chain and repaired from peers. But the block itself stays in its file, and
when RocksDB merges that file away it takes the block for a reason to refuse all writes, in this life and after every compaction.

    log             the database in use
    log-rebuilt     the new one: not whole while `log` is there with a CURRENT file
    log-replaced    the old one, on its way out
    log-unreadable  empty: a block could not be read, the next opening rebuilds
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from pathlib import Path

from rocksdict import DBRecoveryMode, Rdict, WriteBatch

from quorate_node.store.durable_file import sync_directory, write_durably
from quorate_node.store.rocksdb_options import LOG_FAMILY_META, close_all, log_options
from quorate_node.store.settings import StoreSettings

_BATCH_RECORDS = 256


def note_unreadable(path: Path) -> None:
    """Durable on return. Raises `OSError`."""
    write_durably(_note(path), b"")


def is_noted(path: Path) -> bool:
    return _note(path).exists()


def finish_exchange(path: Path) -> None:
    """Before `path` is opened: a crash may have left the exchange half done, or the new database half full."""
    rebuilt = _beside(path, "rebuilt")
    if rebuilt.is_dir():
        if (path / "CURRENT").exists():
            shutil.rmtree(rebuilt)
        else:
            shutil.rmtree(path, ignore_errors=True)
            rebuilt.rename(path)
            sync_directory(path.parent)
            _note(path).unlink(missing_ok=True)
    shutil.rmtree(_beside(path, "replaced"), ignore_errors=True)


def build(path: Path, settings: StoreSettings, records: Iterable[tuple[bytes, bytes]], meta: Iterable[tuple[bytes, bytes]]) -> None:
    """Fill `log-rebuilt`, durable on return, with the `records` and `meta` that could be read. Raises what RocksDB raises."""
    rebuilt = _beside(path, "rebuilt")
    shutil.rmtree(rebuilt, ignore_errors=True)
    options, families = log_options(settings, DBRecoveryMode.tolerate_corrupted_tail_records())
    database = Rdict(str(rebuilt), options, column_families=families)
    family = database.get_column_family(LOG_FAMILY_META)
    try:
        handle = database.get_column_family_handle(LOG_FAMILY_META)
        batch = WriteBatch(raw_mode=True)
        for key, record in records:
            batch.put(key, record)
            if len(batch) >= _BATCH_RECORDS:
                database.write(batch)
                batch = WriteBatch(raw_mode=True)
        for key, value in meta:
            batch.put(key, value, handle)
        database.write(batch)
        database.flush_wal(True)
        del handle
    finally:
        close_all([family, database])
        del family, database
    sync_directory(path.parent)


def discard(path: Path) -> None:
    shutil.rmtree(_beside(path, "rebuilt"), ignore_errors=True)


def exchange(path: Path) -> None:
    """`log-rebuilt` takes the place of `path`, which nobody has open. A crash in between is made good by `finish_exchange`."""
    path.rename(_beside(path, "replaced"))
    # failpoint: log.rebuild.between_renames
    finish_exchange(path)


def _beside(path: Path, what: str) -> Path:
    return path.with_name(f"{path.name}-{what}")


def _note(path: Path) -> Path:
    return _beside(path, "unreadable")
