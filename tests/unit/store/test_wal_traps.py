"""What RocksDB's own recovery does with a damaged write-ahead log, beside what ours makes of the same files."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from rocksdict import DBRecoveryMode, Options, Rdict

from quorate_node.protocol.ready import HardState
from quorate_node.store import DataDirectory, open_store
from quorate_node.store.chained_log import ChainedLog
from quorate_node.store.errors import ChainMismatch, Damaged, StoreFailed, Unavailable
from quorate_node.store.hard_state import HardStateFile, HardStateSlot, decode_slot, encode_slot
from quorate_node.store.log_record import MARKER_BYTES, MARKER_MAGIC, Marker, encode_marker
from quorate_node.store.rocksdb_log import RocksLogBackend
from quorate_node.store.wal_scan import BLOCK_BYTES, HEADER_BYTES, markers_in
from tests.unit.store.support import SETTINGS, Member, append, entries, entry, persist, put, quick_parent, read_all

BATCHES = 8
PER_BATCH = 3


class CrashedLog:
    """A log of `BATCHES` batches as a killed process leaves it, to be damaged and opened in copies."""

    def __init__(self, tmp_path: Path) -> None:
        self.tmp_path = tmp_path
        member = Member("rocksdb", tmp_path / "original")
        ends = [0]
        for batch in range(BATCHES):
            # As a running member does: what the batches before hold is committed by now.
            low = 1 + batch * PER_BATCH
            put(member.log, persist(entries(low, low + PER_BATCH), hard_state=HardState(0, 0, low - 1)))
            ends.append(_wal(member.path / "data").stat().st_size)
        self.chain = member.log.chain(member.log.last_index())
        self.image = tmp_path / "image"
        shutil.copytree(member.path / "data", self.image)
        member.stores.close()
        self.ends = ends
        """Size of the write-ahead log after each batch."""
        self.content = _wal(self.image).read_bytes()
        self.copies = 0

    def with_wal(self, content: bytes) -> Path:
        self.copies += 1
        path = self.tmp_path / f"copy-{self.copies}"
        shutil.copytree(self.image, path)
        _wal(path).write_bytes(content)
        return path

    def naive(self, content: bytes, recovery: DBRecoveryMode | None = None) -> int:
        """How many entries plain RocksDB says there are."""
        path = self.with_wal(content) / "log"
        options = Options(raw_mode=True)
        if recovery is not None:
            options.set_wal_recovery_mode(recovery)
        database = Rdict(str(path), options, column_families={"meta": Options(raw_mode=True)})
        count = len(list(database.keys()))
        database.close()
        return count


def _wal(data: Path) -> Path:
    (path,) = (path for path in (data / "log").glob("*.log") if path.stat().st_size)
    return path


@pytest.fixture(scope="module")
def quick_path() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="quorate-wal-", dir=quick_parent()) as path:
        yield Path(path)


@pytest.fixture(scope="module")
def crashed(quick_path: Path) -> CrashedLog:
    return CrashedLog(quick_path)


def flipped(content: bytes, offset: int) -> bytes:
    changed = bytearray(content)
    changed[offset] ^= 1
    return bytes(changed)


def expected_damage(left: int) -> tuple[int, int]:
    """With so many batches left: all beyond the commit index that the last of them carries, since a lost one may have overwritten it."""
    return (left - 1) * PER_BATCH + 1, BATCHES * PER_BATCH + 1


def test_damage_in_the_middle_is_silently_the_end_for_rocksdb_and_a_range_to_repair_for_us(crashed: CrashedLog) -> None:
    middle = (crashed.ends[3] + crashed.ends[4]) // 2
    content = flipped(crashed.content, middle)
    assert crashed.naive(content) == 3 * PER_BATCH, "acknowledged entries are gone and nothing was said"

    stores = open_store(crashed.with_wal(content), SETTINGS)
    log = stores.log
    assert log.last_index() == BATCHES * PER_BATCH
    low, high = expected_damage(3)
    assert log.damaged() == [(low, high)]
    with pytest.raises(Damaged):
        log.term(log.last_index())
    log.repair(entries(low, high))
    assert log.chain(log.last_index()) == crashed.chain
    assert read_all(log) == entries(1, BATCHES * PER_BATCH + 1)
    stores.close()


def _length(crashed: CrashedLog) -> bytes:
    """The last record claims to go on beyond the end of the file."""
    changed = bytearray(crashed.content)
    changed[crashed.ends[-2] + 5] |= 0x40
    return bytes(changed)


def _zeroed_middle(crashed: CrashedLog) -> bytes:
    start, end = crashed.ends[4], crashed.ends[5]
    return crashed.content[:start] + bytes(end - start) + crashed.content[end:]


@pytest.mark.parametrize(("damage", "left"), [(_length, BATCHES - 1), (_zeroed_middle, 4)])
def test_damage_that_looks_torn_is_told_by_the_marker(
    crashed: CrashedLog, damage: Callable[[CrashedLog], bytes], left: int
) -> None:
    """The strict recovery mode alone takes these for an unfinished end: the whole marker behind them says otherwise."""
    content = damage(crashed)
    assert crashed.naive(content, DBRecoveryMode.tolerate_corrupted_tail_records()) == left * PER_BATCH

    stores = open_store(crashed.with_wal(content), SETTINGS)
    assert stores.log.last_index() == BATCHES * PER_BATCH
    low, high = expected_damage(left)
    assert stores.log.damaged() == [(low, high)]
    stores.log.repair(entries(low, high))
    assert read_all(stores.log) == entries(1, BATCHES * PER_BATCH + 1)
    stores.close()


def test_a_write_torn_at_any_byte_leaves_all_of_the_batch_or_nothing_of_it(crashed: CrashedLog) -> None:
    path = crashed.with_wal(crashed.content)
    wal = _wal(path)
    pristine = path.with_name("pristine")
    shutil.copytree(path / "log", pristine)
    complete = BATCHES * PER_BATCH
    for size in range(crashed.ends[-2], crashed.ends[-1] + 1):
        shutil.rmtree(path / "log")
        shutil.copytree(pristine, path / "log")
        wal.write_bytes(crashed.content[:size])
        log = _open_log_alone(path)
        assert log.damaged() == [], f"torn at byte {size}"
        whole = size == crashed.ends[-1]
        assert log.last_index() == (complete if whole else complete - PER_BATCH), f"torn at byte {size}"
        assert [log.term(index) for index in (1, log.last_index())] == [1, 1]
        log._backend.close()
    shutil.rmtree(pristine)


def _open_log_alone(data: Path) -> ChainedLog:
    """Without the state and the directory's lock: some four hundred of them are opened here."""
    directory = DataDirectory(data, -1, SETTINGS)
    return ChainedLog(RocksLogBackend(data / "log", SETTINGS, directory.space), HardStateFile(data / "hard-state", create=False), SETTINGS)


def test_a_flip_of_any_byte_of_the_last_batch_is_never_taken_for_a_torn_write(crashed: CrashedLog) -> None:
    """What was acknowledged is either there or known to be damaged, also when the salvaged files are opened once more."""
    path = crashed.with_wal(crashed.content)
    pristine = path.with_name("pristine-flip")
    shutil.copytree(path, pristine)
    name = _wal(path).name
    for offset in range(crashed.ends[-2], crashed.ends[-1], 2):
        shutil.rmtree(path)
        shutil.copytree(pristine, path)
        (path / "log" / name).write_bytes(flipped(crashed.content, offset))
        for opening in ("first", "second"):
            log = _open_log_alone(path)
            assert log.damaged(), f"byte {offset}, {opening} opening"
            with pytest.raises((Damaged, Unavailable)):
                log.term(BATCHES * PER_BATCH)
            log._backend.close()
    shutil.rmtree(pristine)


def test_a_batch_whose_marker_is_damaged_leaves_an_unknown_end_until_the_log_is_written_anew(crashed: CrashedLog) -> None:
    content = flipped(crashed.content, crashed.ends[-1] - 20)
    assert crashed.naive(content) == (BATCHES - 1) * PER_BATCH, "the last batch is gone and nothing was said"
    path = crashed.with_wal(content)
    stores = open_store(path, SETTINGS)
    last = (BATCHES - 1) * PER_BATCH
    low = last - PER_BATCH + 1
    assert stores.log.last_index() == last
    assert stores.log.damaged() == [(low, last + 2)], "one beyond the last: more is missing than can be told"
    with pytest.raises(ChainMismatch, match="confirmed leader"):
        stores.log.repair(entries(low, last + 2))
    stores.close()
    stores = open_store(path, SETTINGS)
    assert stores.log.damaged() == [(low, last + 2)], "a restart before the repair does not forget it"
    put(stores.log, persist(entries(low, BATCHES * PER_BATCH + 1)))
    assert stores.log.damaged() == []
    assert stores.log.chain(BATCHES * PER_BATCH) == crashed.chain
    stores.close()
    stores = open_store(path, SETTINGS)
    assert stores.log.damaged() == []
    assert read_all(stores.log) == entries(1, BATCHES * PER_BATCH + 1)
    stores.close()


def test_known_damage_is_still_known_after_a_restart_before_the_repair(crashed: CrashedLog) -> None:
    """Opening makes RocksDB delete the very file that showed it."""
    path = crashed.with_wal(_length(crashed))
    expected = [expected_damage(BATCHES - 1)]
    for _ in range(3):
        stores = open_store(path, SETTINGS)
        assert stores.log.damaged() == expected
        stores.close()


def test_after_a_clean_stop_even_a_lost_last_batch_is_known(tmp_path: Path) -> None:
    """The note beside term and vote says how far the log went, whatever became of the log's own files."""
    member = Member("rocksdb", tmp_path)
    append(member.log, 1, 11)
    put(member.log, persist(hard_state=HardState(1, 1, 4)), persist(entries(11, 12)))
    early = tmp_path / "early"
    shutil.copytree(tmp_path / "data" / "log", early)
    put(member.log, persist(entries(12, 15)))
    chain = member.log.chain(14)
    member.stores.close()
    shutil.rmtree(tmp_path / "data" / "log")
    early.rename(tmp_path / "data" / "log")
    log = member.open().log
    assert log.last_index() == 14
    assert log.damaged() == [(5, 15)], "all beyond the commit index that is sure"
    log.repair(entries(5, 15))
    assert log.chain(14) == chain
    member.stores.close()


def test_a_log_beyond_salvage_is_set_aside_and_all_of_it_is_damaged(tmp_path: Path) -> None:
    member = Member("rocksdb", tmp_path)
    append(member.log, 1, 21)
    member.stores.close()
    log_path = tmp_path / "data" / "log"
    for path in log_path.iterdir():
        if path.suffix in (".sst", ".log") or path.name.startswith(("MANIFEST", "CURRENT")):
            path.write_bytes(b"\xa5" * path.stat().st_size)
    log = member.open().log
    assert log.damaged() == [(1, 22)]
    put(log, persist(entries(1, 21)))
    assert log.damaged() == []
    assert read_all(member.restart().log) == entries(1, 21)
    member.stores.close()


def test_a_bad_block_in_a_table_file_damages_what_it_held_and_no_more(tmp_path: Path) -> None:
    member = Member("rocksdb", tmp_path)
    for low in range(1, 2001, 100):
        put(member.log, persist([entry(index, data=index.to_bytes(8, "big") * 32) for index in range(low, low + 100)]))
    member.log._backend._database.flush()  # type: ignore[attr-defined]
    member.stores.close()
    table = max((tmp_path / "data" / "log").glob("*.sst"), key=lambda path: path.stat().st_size)
    table.write_bytes(flipped(table.read_bytes(), table.stat().st_size // 2))
    log = member.open().log
    ((low, high),) = log.damaged()
    assert 0 < high - low < 400, "one block"
    log.repair([entry(index, data=index.to_bytes(8, "big") * 32) for index in range(low, high)])
    assert len(read_all(member.restart().log)) == 2000
    member.stores.close()


def test_a_real_sync_that_fails_ends_all_writing(rocksdb: Member) -> None:
    append(rocksdb.log, 1, 3)
    backend = rocksdb.log._backend

    class FailingSync:
        def __init__(self, database: Rdict) -> None:
            self.database = database
            self.syncs = 0

        def flush_wal(self, sync: bool) -> None:
            self.syncs += 1
            raise OSError("IO error: While fdatasync: Input/output error")

        def __getattr__(self, name: str) -> object:
            return getattr(self.database, name)

    failing = backend._database = FailingSync(backend._database)  # type: ignore[attr-defined]
    for _ in range(3):
        with pytest.raises(StoreFailed):
            rocksdb.log.write([persist(entries(3, 4))])
    assert failing.syncs == 1, "a failed fsync is never tried again"


def test_a_marker_across_a_block_boundary_is_found() -> None:
    marker = Marker(7, 9, b"c" * 32, 5, 0, 1)
    content = encode_marker(marker)
    assert content.startswith(MARKER_MAGIC)
    for before in range(1, MARKER_BYTES):
        raw = bytes(BLOCK_BYTES - before) + content[:before] + b"\xff" * HEADER_BYTES + content[before:] + bytes(100)
        assert [found for found, _ in markers_in(raw)] == [marker], before
    assert list(markers_in(bytes(100) + content[:-1])) == []


def test_term_and_vote_torn_at_every_byte_are_the_old_ones_or_the_new_ones(quick_path: Path) -> None:
    path = quick_path / "hard-state"
    file = HardStateFile(path, create=True)
    file.save(HardStateSlot(1, term=5, vote=2))
    before = path.read_bytes()
    file.save(HardStateSlot(2, term=6, vote=0))
    after = path.read_bytes()
    file.close()
    changed = [offset for offset in range(len(after)) if after[offset] != before[offset]]
    for size in range(changed[0], changed[-1] + 2):
        path.write_bytes(after[:size] + before[size:])
        reopened = HardStateFile(path, create=False)
        slot = reopened.load()
        reopened.close()
        assert (slot.term, slot.vote) in ((5, 2), (6, 0))


def test_the_naive_single_slot_loses_term_and_vote_when_torn() -> None:
    old, new = encode_slot(HardStateSlot(1, term=5, vote=2)), encode_slot(HardStateSlot(2, term=6, vote=1))
    lost = [size for size in range(len(new)) if decode_slot(new[:size] + old[size:]) is None]
    assert lost, "overwritten in place, a torn write leaves neither the old nor the new"
