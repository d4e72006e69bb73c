"""The machine's database, the same over RocksDB and over memory."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rocksdict import Options, Rdict, ReadOptions, WriteBatch, WriteOptions

from quorate_node.store.buffered_state import BufferedStateStore
from quorate_node.store.errors import Backpressure, StoreFailed
from quorate_node.store.interface import STATE_FAMILIES, StateReader, StateStore
from quorate_node.store.rocksdb_state import RocksStateStore
from quorate_node.store.settings import StoreSettings
from tests.unit.store.support import MakeMember, Member


def fill(state: StateStore, family: str, pairs: dict[bytes, bytes]) -> None:
    batch = state.batch()
    for key, value in pairs.items():
        batch.put(key, value, state.family(family))
    state.write(batch)


def database_of(member: Member) -> StateStore:
    """What is below the writes that are held back."""
    state = member.stores.state
    assert isinstance(state, BufferedStateStore)
    return state.database


LETTERS = {bytes([letter]): bytes([letter]) * 2 for letter in b"acegik"}


@pytest.mark.parametrize("backwards", [False, True])
@pytest.mark.parametrize("frozen", [False, True])
def test_ranges_have_both_ends(member: Member, frozen: bool, backwards: bool) -> None:
    fill(member.stores.state, "current", LETTERS)
    reader: StateReader = member.stores.state.snapshot() if frozen else member.stores.state
    for start in (b"", b"a", b"b", b"e", b"k", b"z"):
        for end in (None, b"", b"a", b"b", b"e", b"f", b"k", b"l"):
            expected = [pair for pair in LETTERS.items() if pair[0] >= start and (end is None or pair[0] < end)]
            expected = expected[::-1] if backwards else expected
            assert list(reader.items("current", start, end, backwards=backwards)) == expected, (start, end)
            assert list(reader.keys("current", start, end, backwards=backwards)) == [key for key, _ in expected]


def test_getters_take_one_key_or_many(member: Member) -> None:
    state = member.stores.state
    fill(state, "leases", LETTERS)
    snapshot = state.snapshot()
    fill(state, "leases", {b"a": b"new", b"b": b"bb"})
    assert [state.getter("leases")(b"a"), state.getter("leases")(b"zz")] == [b"new", None]
    assert state.getter("leases")([b"b", b"zz", b"a"]) == [b"bb", None, b"new"]
    assert snapshot.getter("leases")(b"a") == b"aa"
    assert snapshot.getter("leases")([b"b", b"c", b"a"]) == [None, b"cc", b"aa"]
    snapshot.close()


def test_a_batch_is_atomic_over_families_and_in_order(member: Member) -> None:
    state = member.stores.state
    fill(state, "current", LETTERS)
    batch = state.batch()
    batch.delete(b"a", state.family("current"))
    batch.put(b"a", b"again", state.family("current"))
    batch.delete_range(b"c", b"i", state.family("current"))
    batch.put(b"e", b"back", state.family("current"))
    batch.put(b"x", b"y", state.family("meta"))
    assert state.getter("meta")(b"x") is None
    state.write(batch)
    assert dict(state.items("current", b"")) == {b"a": b"again", b"e": b"back", b"i": b"ii", b"k": b"kk"}
    assert state.getter("meta")(b"x") == b"y"


def test_iterators_and_snapshots_go_on_while_it_is_written(member: Member) -> None:
    state = member.stores.state
    fill(state, "history", {b"%04d" % number: b"old" for number in range(500)})
    running = state.items("history", b"")
    snapshot = state.snapshot()
    first = next(running)
    fill(state, "history", {b"%04d" % number: b"new" for number in range(1000)})
    assert [first, *running] == [(b"%04d" % number, b"old") for number in range(500)]
    assert [value for _, value in snapshot.items("history", b"")] == [b"old"] * 500
    assert [value for _, value in state.items("history", b"")] == [b"new"] * 1000
    del running
    snapshot.close()


def test_what_was_flushed_survives_a_crash_and_families_never_part(member: Member) -> None:
    state = member.stores.state
    for number in range(5):
        batch = state.batch()
        for family in STATE_FAMILIES:
            batch.put(b"number", b"%d" % number, state.family(family))
        state.write(batch)
        if number == 3:
            state.flush()
    del state
    found = {family: member.crash().state.getter(family)(b"number") for family in STATE_FAMILIES}
    assert set(found.values()) == {b"3"}


def test_closing_flushes(member: Member) -> None:
    fill(member.stores.state, "current", LETTERS)
    assert member.stores.state.unflushed_bytes() > 0
    assert dict(member.restart().state.items("current", b"")) == LETTERS


def test_reopening_goes_back_to_what_was_flushed(member: Member) -> None:
    state = member.stores.state
    fill(state, "current", LETTERS)
    state.flush()
    state.reopen()
    assert dict(state.items("current", b"")) == LETTERS
    fill(state, "current", {b"new": b"1"})
    assert state.getter("current")(b"new") == b"1"


def test_a_batch_may_be_written_again(member: Member) -> None:
    state = database_of(member)
    batch = state.batch()
    batch.put(b"a", b"b", state.family("current"))
    batch.delete(b"c", state.family("current"))
    state.write(batch)
    fill(state, "current", {b"a": b"other", b"c": b"d"})
    state.write(batch)
    assert dict(state.items("current", b"")) == {b"a": b"b"}


def test_back_pressure_writes_nothing_and_keeps_the_batch(make_member: MakeMember, monkeypatch: pytest.MonkeyPatch) -> None:
    member = make_member()
    state = database_of(member)
    batch = state.batch()
    batch.put(b"a", b"b", state.family("current"))
    if member.kind == "memory":
        monkeypatch.setattr(state, "stalled", True)
    else:
        monkeypatch.setattr(state, "_stopped", lambda name: name == "rocksdb.is-write-stopped")
    with pytest.raises(Backpressure):
        state.write(batch)
    assert state.getter("current")(b"a") is None
    monkeypatch.undo()
    state.write(batch)
    assert state.getter("current")(b"a") == b"b"


def test_a_new_generation_replaces_the_state_at_once(member: Member) -> None:
    fill(member.stores.state, "current", LETTERS)
    built = member.stores.build_state()
    fill(built, "current", {b"installed": b"1"})
    assert dict(member.stores.state.items("current", b"")) == LETTERS, "the old one serves until the switch"
    member.stores.switch_state(built)
    del built
    for again in (lambda: member.stores, member.crash, member.restart):
        assert dict(again().state.items("current", b"")) == {b"installed": b"1"}


def test_a_generation_that_was_not_switched_to_is_forgotten(member: Member) -> None:
    fill(member.stores.state, "current", LETTERS)
    member.stores.state.flush()
    built = member.stores.build_state()
    fill(built, "current", {b"half": b"1"})
    built.flush()
    built.close()
    del built
    assert dict(member.crash().state.items("current", b"")) == LETTERS
    if member.kind == "rocksdb":
        assert [path.name for path in (member.path / "data").glob("state-0*")] == ["state-000001"]
    built = member.stores.build_state()
    assert list(built.items("current", b"")) == []
    built.close()


def test_reopening_while_something_is_held_says_so(rocksdb: Member) -> None:
    state = rocksdb.stores.state
    fill(state, "current", LETTERS)
    state.flush()
    held = state.items("current", b"")
    assert next(held) == (b"a", b"aa")
    with pytest.raises(StoreFailed, match="still held"):
        state.reopen()
    del held


operations = st.lists(
    st.one_of(
        st.tuples(st.just("put"), st.binary(max_size=3), st.binary(max_size=4)),
        st.tuples(st.just("delete"), st.binary(max_size=3), st.just(b"")),
        st.tuples(st.just("delete_range"), st.binary(max_size=2), st.binary(max_size=2)),
    ),
    max_size=30,
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(operations=operations, start=st.binary(max_size=2), end=st.none() | st.binary(max_size=2))
def test_both_kinds_are_a_sorted_dict(
    member: Member, operations: list[tuple[str, bytes, bytes]], start: bytes, end: bytes | None
) -> None:
    state = member.stores.state
    family = state.family("application")
    clear = state.batch()
    for key in list(state.keys("application", b"")):
        clear.delete(key, family)
    state.write(clear)
    model: dict[bytes, bytes] = {}
    batch = state.batch()
    for operation, first, second in operations:
        if operation == "put":
            batch.put(first, second, family)
            model[first] = second
        elif operation == "delete":
            batch.delete(first, family)
            model.pop(first, None)
        elif first < second:
            batch.delete_range(first, second, family)
            model = {key: value for key, value in model.items() if not first <= key < second}
    state.write(batch)
    expected = sorted((key, value) for key, value in model.items() if key >= start and (end is None or key < end))
    assert list(state.items("application", start, end)) == expected
    assert list(state.items("application", start, end, backwards=True)) == expected[::-1]


# -- traps: the naive way beside ours ---------------------------------------------------------------------------------------

NAIVE_FLUSH = """
import os, signal, sys
from rocksdict import Options, Rdict, WriteBatch, WriteOptions
def options():
    built = Options(raw_mode=True)
    built.create_if_missing(True)
    built.create_missing_column_families(True)
    built.set_atomic_flush(True)
    return built
database = Rdict(sys.argv[1], options(), column_families={"meta": options(), "current": options()})
batch = WriteBatch(raw_mode=True)
for family in ("meta", "current"):
    batch.put(b"applied", b"7", database.get_column_family_handle(family))
unlogged = WriteOptions()
unlogged.disable_wal = True
database.write(batch, unlogged)
database.get_column_family("meta").flush()
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_the_naive_flush_tears_the_families_apart(tmp_path: Path) -> None:
    """Atomic flush is on, and still: `flush` takes the one family that it is called on. Ours is tested above."""
    died = subprocess.run([sys.executable, "-c", NAIVE_FLUSH, str(tmp_path / "naive")])
    assert died.returncode == -signal.SIGKILL
    families = {"meta": Options(raw_mode=True), "current": Options(raw_mode=True)}
    database = Rdict(str(tmp_path / "naive"), Options(raw_mode=True), column_families=families)
    assert database.get_column_family("meta").get(b"applied") == b"7"
    assert database.get_column_family("current").get(b"applied") is None, "applied index 7 without what 7 wrote"


def test_the_naive_lower_bound_is_an_upper_bound(tmp_path: Path) -> None:
    """Why `items` never uses `set_iterate_lower_bound`: when this fails, rocksdict has mended it."""
    database = Rdict(str(tmp_path / "naive"), Options(raw_mode=True))
    for key in LETTERS:
        database.put(key, b"")
    bounded = ReadOptions()
    bounded.set_iterate_lower_bound(b"e")
    assert list(database.keys(read_opt=bounded)) == [b"a", b"c"]
    database.close()


def test_the_naive_snapshot_iterates_over_the_live_database(tmp_path: Path) -> None:
    """Why our snapshot is made of iterators: when this fails, rocksdict has mended it."""
    database = Rdict(str(tmp_path / "naive"), Options(raw_mode=True))
    database.put(b"key", b"old")
    snapshot = database.snapshot()
    database.put(b"key", b"new")
    assert list(snapshot.items()) == [(b"key", b"new")]
    del snapshot
    database.close()


def test_a_scan_that_meets_a_damaged_block_fails_and_the_naive_one_just_ends(tmp_path: Path) -> None:
    """A range that is silently short would be answered to a client as the truth."""
    member = Member("rocksdb", tmp_path)
    fill(member.stores.state, "current", {b"%06d" % number: os.urandom(100) for number in range(10_000)})
    member.stores.close()
    table = max((tmp_path / "data" / "state-000001").glob("*.sst"), key=lambda path: path.stat().st_size)
    content = bytearray(table.read_bytes())
    content[len(content) // 2] ^= 1
    table.write_bytes(content)
    state = member.open().state
    naive = database_of(member)._families["current"].items()  # type: ignore[attr-defined]
    assert 0 < len(list(naive)) < 10_000
    snapshot = state.snapshot()
    for reader in (state, snapshot):
        for backwards in (False, True):
            with pytest.raises(StoreFailed, match="cannot be read: Corruption"):
                list(reader.items("current", b"", backwards=backwards))
            with pytest.raises(StoreFailed, match="cannot be read: Corruption"):
                list(reader.keys("current", b"0", b"9", backwards=backwards))
    del naive, reader
    snapshot.close()
    member.stores.close()


def test_scans_of_one_snapshot_may_take_turns(member: Member) -> None:
    state = member.stores.state
    fill(state, "current", {b"%05d" % number: b"" for number in range(3000)})
    snapshot = state.snapshot()
    forwards, backwards = snapshot.keys("current", b""), snapshot.keys("current", b"", backwards=True)
    taken = [(next(forwards), next(backwards)) for _ in range(3000)]
    assert [number for number, _ in taken] == [b"%05d" % number for number in range(3000)]
    assert [number for _, number in taken] == [b"%05d" % number for number in reversed(range(3000))]
    snapshot.close()


def test_the_naive_write_uses_up_a_batch_that_it_refused(tmp_path: Path) -> None:
    options = Options(raw_mode=True)
    options.create_if_missing(True)
    options.set_write_buffer_size(64 << 10)
    options.set_level_zero_slowdown_writes_trigger(1)
    options.set_level_zero_stop_writes_trigger(2)
    options.set_disable_auto_compactions(True)
    database = Rdict(str(tmp_path / "naive"), options)
    impatient = WriteOptions()
    impatient.no_slowdown = True
    refused = WriteBatch(raw_mode=True)

    def write_until_refused() -> None:
        nonlocal refused
        for number in range(10_000):
            refused = WriteBatch(raw_mode=True)
            refused.put(b"%d" % number, os.urandom(1000))
            database.write(refused, impatient)

    with pytest.raises(Exception, match=r"^Result incomplete"):
        write_until_refused()
    with pytest.raises(Exception, match="already consumed"):
        database.write(refused, impatient)
    database.close()
    shutil.rmtree(tmp_path / "naive")


def test_a_file_that_a_compaction_removes_while_sizes_are_added_up_counts_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = RocksStateStore(tmp_path / "state", StoreSettings())
    listed = [*(tmp_path / "state").iterdir(), tmp_path / "state" / "000339.sst"]
    before = store.size_bytes()
    monkeypatch.setattr(Path, "iterdir", lambda _: iter(listed))
    assert store.size_bytes() == before
    monkeypatch.undo()
    store.close()
