"""A disk that fills up: an exact error, reads go on, and the same store writes again when there is room. On a real, small file system."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import get_args

import pytest

from quorate_node.store import StoreSettings, open_store
from quorate_node.store.chained_log import ChainedLog
from quorate_node.store.errors import NoSpace
from quorate_node.store.file_log import FileLogBackend
from quorate_node.store.settings import KIB, MIB, LogKind
from tests.unit.store.support import append, entry, file_backend, persist, put, read_all

SIZE_MIB = 24
TINY = StoreSettings(
    reserve_bytes=1,
    headroom_bytes=0,
    log_segment_bytes=256 * KIB,
    log_memtable_bytes=512 * KIB,
    state_memtable_bytes=512 * KIB,
    state_memtables_total_bytes=MIB,
)


@pytest.fixture(params=get_args(LogKind))
def tiny(request: pytest.FixtureRequest) -> StoreSettings:
    """For each kind of log."""
    return replace(TINY, log_backend=request.param)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A tmpfs of `SIZE_MIB`, which only root may mount."""
    mount = tmp_path / "disk"
    mount.mkdir()
    made = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={SIZE_MIB}m", "tmpfs", str(mount)], capture_output=True, text=True)
    if made.returncode != 0:
        pytest.skip(f"cannot mount a small tmpfs here ({made.stderr.strip()}); the limit on file sizes below tests the same errors")
    yield mount
    subprocess.run(["umount", "-l", str(mount)], check=True)


def settle(log: ChainedLog) -> None:
    """Let the next segment be made first: it would take of the space that is being measured and filled."""
    if isinstance(log._backend, FileLogBackend):
        file_backend(log).pool.wait()


def fill(path: Path, leave_bytes: int = 0) -> None:
    """Take all free space but `leave_bytes`."""
    with path.open("wb") as file:
        status = os.statvfs(path.parent)
        size = status.f_bavail * status.f_frsize - leave_bytes
        os.posix_fallocate(file.fileno(), 0, max(size, 1))


def test_a_full_disk_refuses_keeps_serving_and_recovers(tiny: StoreSettings, small_disk: Path) -> None:
    stores = open_store(small_disk / "data", tiny)
    append(stores.log, 1, 101)
    batch = stores.state.batch()
    batch.put(b"key", b"value", stores.state.family("current"))
    stores.state.write(batch)
    stores.state.flush()
    settle(stores.log)
    fill(small_disk / "ballast", leave_bytes=64 * KIB)

    big = [persist([entry(index, data=os.urandom(64 * KIB)) for index in range(101, 141)])]
    for _ in range(3):
        with pytest.raises(NoSpace, match=r"disk is full|reserve"):
            stores.log.write(big)
    assert len(read_all(stores.log)) == 100
    assert stores.state.getter("current")(b"key") == b"value"
    assert not stores.log.space_available() or stores.log.last_index() == 100

    (small_disk / "ballast").unlink()
    put(stores.log, *big)
    assert stores.log.last_index() == 140
    assert stores.log.damaged() == []
    stores.state.reopen()
    batch = stores.state.batch()
    batch.put(b"key", b"again", stores.state.family("current"))
    stores.state.write(batch)
    stores.state.flush()
    stores.close()
    stores = open_store(small_disk / "data", tiny)
    assert (stores.log.last_index(), stores.log.damaged()) == (140, [])
    assert stores.state.getter("current")(b"key") == b"again"
    stores.close()


def test_what_a_full_disk_refused_may_be_replaced_by_something_else(tiny: StoreSettings, small_disk: Path) -> None:
    """The refused batch may be on the disk in part or whole: what is written next decides."""
    stores = open_store(small_disk / "data", tiny)
    append(stores.log, 1, 11)
    settle(stores.log)
    fill(small_disk / "ballast", leave_bytes=128 * KIB)
    with pytest.raises(NoSpace):
        for low in range(11, 1000, 4):
            put(stores.log, persist([entry(index, data=os.urandom(16 * KIB)) for index in range(low, low + 4)]))
    last = stores.log.last_index()
    (small_disk / "ballast").unlink()
    put(stores.log, persist([entry(last + 1, term=2)]))
    for again in (False, True):
        if again:
            stores.close()
            stores = open_store(small_disk / "data", tiny)
        assert (stores.log.last_index(), stores.log.term(last + 1), stores.log.damaged()) == (last + 1, 2, [])
    stores.close()


def test_the_naive_database_stays_broken_when_there_is_room_again(small_disk: Path) -> None:
    """Without reopening, RocksDB refuses every write for good."""
    from rocksdict import Options, Rdict

    database = Rdict(str(small_disk / "naive"), Options(raw_mode=True))
    database.put(b"a", b"b")
    fill(small_disk / "ballast")
    with pytest.raises(Exception, match="No space left on device"):
        for number in range(1000):
            database.put(b"%d" % number, os.urandom(64 * KIB))
    (small_disk / "ballast").unlink()
    with pytest.raises(Exception, match="No space left on device"):
        database.put(b"c", b"d")
    with pytest.raises(Exception, match="previous error"):
        database.close()


def test_the_reserve_is_what_lets_it_be_opened_again(tiny: StoreSettings, small_disk: Path) -> None:
    """Filled to the last byte even opening fails; with the reserve kept, writes are refused while opening still works."""
    reserve_bytes = 2 * TINY.memtables_bytes()
    careful = replace(tiny, reserve_bytes=reserve_bytes, headroom_bytes=MIB)
    stores = open_store(small_disk / "data", careful)
    append(stores.log, 1, 11)
    settle(stores.log)
    assert stores.space_available()
    fill(small_disk / "ballast", leave_bytes=reserve_bytes + MIB // 2)
    assert not stores.space_available(), "proposals are refused first"
    append(stores.log, 11, 13)
    fill(small_disk / "more", leave_bytes=reserve_bytes - 64 * KIB)
    with pytest.raises(NoSpace, match="below the reserve"):
        append(stores.log, 13, 14)
    stores.close()
    stores = open_store(small_disk / "data", careful)
    assert stores.log.last_index() == 12
    stores.close()

    fill(small_disk / "rest")
    with pytest.raises(Exception, match=r"No space left|disk is full"):
        open_store(small_disk / "data", careful)
    (small_disk / "rest").unlink()
    open_store(small_disk / "data", careful).close()


def test_term_and_vote_can_be_saved_on_a_full_disk(small_disk: Path) -> None:
    """Their file is preallocated: a member with a full disk can still vote."""
    from quorate_node.store.hard_state import HardStateFile, HardStateSlot

    file = HardStateFile(small_disk / "hard-state", create=True)
    fill(small_disk / "ballast")
    for sequence in range(1, 6):
        file.save(HardStateSlot(sequence, term=sequence, vote=1))
    file.close()
    assert HardStateFile(small_disk / "hard-state", create=False).load().term == 5


LIMITED = """
import os, resource, signal, sys
from pathlib import Path
from quorate_node.store import open_store
from quorate_node.store.errors import NoSpace
from tests.unit.store.support import SETTINGS, append, entry, persist, put, read_all
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
stores = open_store(Path(sys.argv[1]), SETTINGS)
append(stores.log, 1, 11)
soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
resource.setrlimit(resource.RLIMIT_FSIZE, (64 << 10, hard))
big = [persist([entry(11, data=os.urandom(1 << 20))])]
try:
    stores.log.write(big)
except NoSpace as error:
    print("refused")
assert len(read_all(stores.log)) == 10
resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
put(stores.log, *big)
assert stores.log.last_index() == 11 and stores.log.damaged() == []
stores.close()
assert open_store(Path(sys.argv[1]), SETTINGS).log.last_index() == 11
print("recovered")
"""


def test_without_root_a_limit_on_file_sizes_does_the_same(tmp_path: Path) -> None:
    ran = subprocess.run([sys.executable, "-c", LIMITED, str(tmp_path / "data")], capture_output=True, text=True)
    assert ran.stdout.split() == ["refused", "recovered"], ran.stderr
