"""When the state's memtables are turned over: at the end of a write, all families at once, without the interpreter."""

from __future__ import annotations

import shutil
import time
from pathlib import Path

import pytest

from quorate_node.store.errors import StoreFailed
from quorate_node.store.families import STATE_FAMILIES
from quorate_node.store.rocksdb_state import RocksStateStore
from quorate_node.store.settings import KIB, MIB, StoreSettings
from quorate_node.store.state_batch import StateBatch
from tests.unit.store.support import settle_files
from tests.unit.store.test_interpreter_lock import progress_during

TINY = StoreSettings(state_memtable_bytes=256 * KIB, state_memtables_total_bytes=MIB)


def batch(applied: int, records: int = 100, value_bytes: int = 1_000) -> StateBatch:
    made = StateBatch()
    for number in range(records):
        made.put(b"%06d-%d" % (applied, number), b"v" * value_bytes, "current")
    made.put(b"applied", b"%d" % applied, "meta")
    return made


def flushed(store: RocksStateStore, copy: Path, settings: StoreSettings = TINY) -> tuple[bytes | None, int]:
    """What a crash would leave: the applied index, and the number of records."""
    settle_files(store)
    shutil.copytree(store._path, copy)
    store = RocksStateStore(copy, settings)
    found = store.getter("meta")(b"applied"), sum(1 for _ in store.keys("current", b""))
    store.close()
    return found


@pytest.mark.parametrize("settings", [TINY, StoreSettings()])
def test_parts_are_never_flushed_apart_however_large_they_grow(tmp_path: Path, settings: StoreSettings) -> None:
    store = RocksStateStore(tmp_path / "state", settings)
    store.write(batch(1, records=10))
    store.flush()
    for number in range(30):
        store.write_part(batch(2 + number))
    time.sleep(0.1)
    assert store.unflushed_bytes() > 2 * MIB, "far more than a memtable may hold otherwise"
    assert flushed(store, tmp_path / "midst") == (b"1", 10)
    store.settle()
    if settings is not TINY:
        store.rotate()
    store.finish_flush()
    assert flushed(store, tmp_path / "after") == (b"31", 3_010)
    store.close()


def test_the_marks_of_writes_in_the_midst_never_fill_their_family_in_the_midst_of_one(tmp_path: Path) -> None:
    store = RocksStateStore(tmp_path / "state", StoreSettings())
    for applied in range(6_000):
        store.write_part(batch(applied, records=1, value_bytes=10))
        turned_over = not store._rotation.is_flushed()
        assert not turned_over, f"after {applied} writes"
        store.settle()
        store.finish_flush()
    found, records = flushed(store, tmp_path / "copy", StoreSettings())
    assert found is not None and records == int(found) + 1 > 1_000
    store.close()


def test_whole_writes_are_flushed_when_the_memtables_are_full(tmp_path: Path) -> None:
    store = RocksStateStore(tmp_path / "state", TINY)
    for applied in range(1, 21):
        store.write(batch(applied))
        store.finish_flush()
        assert store.unflushed_bytes() < 2 * MIB
    applied, records = flushed(store, tmp_path / "copy")
    assert applied is not None and int(applied) >= 17 and records == int(applied) * 100
    store.close()


def test_a_flush_lets_the_interpreter_go(tmp_path: Path) -> None:
    store = RocksStateStore(tmp_path / "state", StoreSettings())
    store.write(batch(1, records=10_000, value_bytes=2_000))
    assert progress_during(store.flush) > 0
    assert flushed(store, tmp_path / "copy", StoreSettings()) == (b"1", 10_000)
    store.close()


def test_a_flush_in_the_midst_of_a_write_is_a_mistake_that_stops_the_member(tmp_path: Path) -> None:
    store = RocksStateStore(tmp_path / "state", TINY)
    store.write_part(batch(1))
    with pytest.raises(AssertionError, match="midst of a write"):
        store.flush()


def test_a_state_that_was_flushed_in_the_midst_of_a_write_is_not_opened(tmp_path: Path) -> None:
    """RocksDB flushes when it is closed, and cannot be told not to."""
    store = RocksStateStore(tmp_path / "state", TINY)
    store.write(batch(1))
    store.flush()
    store.write_part(batch(2))
    store.close()
    with pytest.raises(StoreFailed, match="flushed in the midst of a write: start this member with an empty data directory"):
        RocksStateStore(tmp_path / "state", TINY)


def test_nothing_of_it_is_seen_in_the_state(tmp_path: Path) -> None:
    store = RocksStateStore(tmp_path / "state", TINY)
    store.write_part(batch(1))
    store.settle()
    store.flush()
    for name in STATE_FAMILIES:
        assert all(key == b"applied" or key.startswith(b"000001-") for key in store.keys(name, b"")), name
    store.close()
