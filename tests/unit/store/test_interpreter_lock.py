"""Who keeps the interpreter's lock while the disk works: rocksdict's synced write does, ours does not."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
from rocksdict import Options, Rdict, WriteBatch, WriteOptions

from quorate_node.store import StoreSettings
from quorate_node.store.errors import Backpressure
from quorate_node.store.log_backend import LogBatch
from quorate_node.store.log_record import Marker, encode_marker
from quorate_node.store.rocksdb_log import RocksLogBackend
from quorate_node.store.settings import MIB
from quorate_node.store.space import SpaceGauge

RECORD_BYTES = MIB
RECORDS = 24
RUNS = 3


def progress_during(work: Callable[[], None]) -> int:
    """How often a busy thread went round while `work` ran in another one: 0 when `work` kept the interpreter's lock throughout.

    No clock: on a busy machine a thread stands still for other reasons too. With a long switch interval the lock changes hands only
    where it is let go, so nothing but `work` itself can let the busy thread run between the two readings of the counter.
    """
    done, rounds, seen = threading.Event(), [0], [0]

    def run() -> None:
        time.sleep(0.01)
        before = rounds[0]
        work()
        seen[0] = rounds[0] - before
        done.set()

    thread = threading.Thread(target=run)
    interval = sys.getswitchinterval()
    sys.setswitchinterval(10)
    try:
        thread.start()
        while not done.is_set():
            rounds[0] += 1
            time.sleep(0)
    finally:
        thread.join()
        sys.setswitchinterval(interval)
    return seen[0]


def test_a_synced_write_stops_the_world_and_our_sync_does_not(tmp_path: Path) -> None:
    """The naive call is write and sync in one; ours is the sync alone, after a write to the page cache that is over at once."""
    data = [os.urandom(RECORD_BYTES) for _ in range(RECORDS)]
    naive, our = [], []
    for attempt in range(RUNS):
        database = Rdict(str(tmp_path / f"naive-{attempt}"), Options(raw_mode=True))
        batch = WriteBatch(raw_mode=True)
        for index, record in enumerate(data):
            batch.put(index.to_bytes(8, "big"), record)
        synced = WriteOptions()
        synced.sync = True
        naive.append(progress_during(partial(database.write, batch, synced)))
        database.close()

        path = tmp_path / f"ours-{attempt}"
        path.mkdir()
        settings = StoreSettings(log_memtable_bytes=64 * MIB, reserve_bytes=1)
        backend = RocksLogBackend(path, settings, SpaceGauge(path, 1, 0))
        backend.open(lambda: None)
        ours = backend._database
        assert backend._try_write(LogBatch(encode_marker(Marker(1, RECORDS - 1)), list(enumerate(data))))
        our.append(progress_during(partial(ours.flush_wal, True)))
        del ours
        backend.close()
    assert sum(naive) == 0, f"rocksdict's synced write lets the lock go now ({naive}): write and sync may be one call again"
    assert min(our) > 0, f"our sync kept the lock: {our}"


def test_the_commit_syncs_by_flush_wal_and_never_by_a_synced_write(tmp_path: Path) -> None:
    backend = RocksLogBackend(tmp_path, StoreSettings(reserve_bytes=1), SpaceGauge(tmp_path, 1, 0))
    backend.open(lambda: None)
    assert not backend._write_options.sync
    assert backend._write_options.no_slowdown
    backend.close()


def test_a_log_whose_memtables_are_full_waits_without_the_lock_and_is_bounded(tmp_path: Path) -> None:
    """A stall is refused by RocksDB at once and waited for in our own thread: the busy thread goes on."""
    settings = StoreSettings(reserve_bytes=1, log_stall_wait_ms_max=200)
    backend = RocksLogBackend(tmp_path, settings, SpaceGauge(tmp_path, 1, 0))
    backend.open(lambda: None)
    tries = 0

    def refuse(batch: LogBatch) -> bool:
        nonlocal tries
        tries += 1
        return False

    backend._try_write = refuse  # type: ignore[method-assign]

    def work() -> None:
        with pytest.raises(Backpressure, match="log_stall_wait_ms_max"):
            backend.commit(LogBatch(encode_marker(Marker(1, 0))))

    assert progress_during(work) > 100
    assert tries > 5
    backend.close()
