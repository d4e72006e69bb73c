"""Opening the log database: strictly first, then step by step with less of it. What is missing then is found by the chain."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Callable
from pathlib import Path

from rocksdict import DBRecoveryMode, Rdict

from quorate_node.store.durable_file import sync_directory
from quorate_node.store.rocksdb_options import is_damage, is_full_disk, log_options
from quorate_node.store.settings import StoreSettings

logger = logging.getLogger(__name__)

ASIDE = "-damaged-"


def open_log_database(path: Path, settings: StoreSettings, on_damage: Callable[[], None]) -> Rdict:
    """Open `path`; `on_damage` is called before anything is salvaged, since that rewrites what shows the damage.

    Raises what RocksDB raises when it is not damage (a full disk, permissions).

    1. With `tolerate_corrupted_tail_records`: only an unfinished last record is cut.
    2. Damage in the write-ahead log: skip what cannot be read; gaps and a missing end are found afterwards.
    3. Damage in the files that name the others: RocksDB's repair rebuilds them from what it finds.
    4. Beyond that: set the database aside and begin an empty one; all of the log is then held for damaged.
    """
    try:
        return _open(path, settings, DBRecoveryMode.tolerate_corrupted_tail_records())
    except Exception as error:
        if not is_damage(error):
            raise
        logger.error("the log database is damaged: %s; opening what is whole of it", error)
        on_damage()
    try:
        return _open(path, settings, DBRecoveryMode.skip_any_corrupted_record())
    except Exception as error:
        if not is_damage(error):
            raise
        logger.error("the log database still cannot be opened: %s; rebuilding its list of files", error)
    try:
        options, _ = log_options(settings, DBRecoveryMode.skip_any_corrupted_record())
        Rdict.repair(str(path), options)
        return _open(path, settings, DBRecoveryMode.skip_any_corrupted_record())
    except Exception as error:
        if is_full_disk(error):
            raise
        logger.error("the log database is beyond salvage: %s; set aside, beginning an empty one", error)
    _set_aside(path, settings.damaged_logs_kept)
    return _open(path, settings, DBRecoveryMode.tolerate_corrupted_tail_records())


def _open(path: Path, settings: StoreSettings, recovery: DBRecoveryMode) -> Rdict:
    options, families = log_options(settings, recovery)
    return Rdict(str(path), options, column_families=families)


def _set_aside(path: Path, keep: int) -> None:
    older = sorted(path.parent.glob(f"{path.name}{ASIDE}*"))
    for directory in older[: max(0, len(older) + 1 - keep)]:
        shutil.rmtree(directory)
    number = 1 + max((int(directory.name.rpartition("-")[2]) for directory in older), default=0)
    path.rename(path.with_name(f"{path.name}{ASIDE}{number:06d}"))
    path.mkdir(mode=0o700)
    sync_directory(path.parent)
