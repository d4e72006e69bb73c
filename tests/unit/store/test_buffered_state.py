"""Writes held back in memory: seen by every read, never ahead of their applied index in the database, never lost by a refusal."""

from __future__ import annotations

import threading
from dataclasses import replace
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from quorate_node.store import buffered_state
from quorate_node.store.buffered_state import BufferedStateStore
from quorate_node.store.errors import Backpressure, StoreFailed
from quorate_node.store.interface import StateStore
from quorate_node.store.memory_disk import MemoryDisk
from quorate_node.store.memory_state import MemoryStateStore
from quorate_node.store.settings import StoreSettings
from quorate_node.store.state_batch import parts
from tests.unit.store.support import MakeMember, Member

LIMITS = StoreSettings(state_buffer_writes_max=4, state_buffer_bytes_max=1_000)
AMPLE = StoreSettings()
PARTS = StoreSettings(state_part_writes_max=256)


def put(state: StateStore, family: str = "current", **pairs: bytes | None) -> None:
    batch = state.batch()
    for key, value in pairs.items():
        if value is None:
            batch.delete(key.encode(), family)
        else:
            batch.put(key.encode(), value, family)
    state.write(batch)


def buffered(limits: StoreSettings = LIMITS) -> tuple[BufferedStateStore, MemoryStateStore]:
    database = MemoryStateStore(MemoryDisk(), "1")
    return BufferedStateStore(database, limits), database


def test_writes_are_held_back_until_there_are_many_and_then_go_out_together() -> None:
    state, database = buffered()
    put(state, a=b"1", b=b"1")
    put(state, a=b"2", c=b"1")
    assert list(database.items("current", b"")) == []
    put(state, d=b"1")
    assert list(database.items("current", b"")) == [], "four records are held: the next write makes room"
    put(state, a=b"3")
    assert dict(database.items("current", b"")) == {b"a": b"2", b"b": b"1", b"c": b"1", b"d": b"1"}
    assert state.getter("current")([b"a", b"b", b"x"]) == [b"3", b"1", None]


def test_their_bytes_are_bounded_and_counted() -> None:
    state, database = buffered()
    put(state, a=b"v" * 999)
    assert (state.held_bytes(), state.unflushed_bytes(), database.unflushed_bytes()) == (1_000, 1_000, 0)
    put(state, b=b"2")
    assert (state.held_bytes(), database.unflushed_bytes()) == (2, 1_000)
    state.write_out()
    assert (state.held_bytes(), state.unflushed_bytes()) == (0, 1_002)


def test_every_read_sees_what_is_held_back(member: Member) -> None:
    state = member.stores.state
    get = state.getter("current")
    put(state, a=b"1", b=b"1", c=b"1")
    state.write_out()
    put(state, a=None, b=b"2", d=b"1")
    assert [get(b"a"), get(b"b"), get(b"c"), get(b"d")] == [None, b"2", b"1", b"1"]
    assert get([b"d", b"a", b"c", b"b", b"x"]) == [b"1", None, b"1", b"2", None]
    assert list(state.items("current", b"")) == [(b"b", b"2"), (b"c", b"1"), (b"d", b"1")]
    put(state, c=None)
    snapshot = state.snapshot()
    put(state, b=b"3", e=b"1")
    assert list(state.keys("current", b"b", b"e", backwards=True)) == [b"d", b"b"]
    assert dict(snapshot.items("current", b"")) == {b"b": b"2", b"d": b"1"}
    snapshot.close()


def test_a_refusal_keeps_all_that_is_held_and_takes_nothing_new() -> None:
    state, database = buffered()
    put(state, a=b"1", b=b"1", c=b"1", d=b"1")
    database.stalled = True
    put(state, a=b"2", e=b"2", f=b"2", g=b"2")
    for _ in range(3):
        with pytest.raises(Backpressure):
            put(state, a=b"3", h=b"3")
    assert state.getter("current")([b"a", b"b", b"e", b"h"]) == [b"2", b"1", b"2", None]
    database.stalled = False
    put(state, a=b"3", h=b"3")
    assert dict(state.items("current", b"")) == {
        b"a": b"3", b"b": b"1", b"c": b"1", b"d": b"1", b"e": b"2", b"f": b"2", b"g": b"2", b"h": b"3"
    }  # fmt: skip


def test_reads_go_on_while_the_database_takes_nothing() -> None:
    state, database = buffered(AMPLE)
    put(state, a=b"1", b=b"1", d=b"1")
    state.write_out()
    database.stalled = True
    put(state, a=b"2", b=None, c=b"2")
    expected = [(b"a", b"2"), (b"c", b"2"), (b"d", b"1")]
    snapshot = state.snapshot()
    for reader in (state, snapshot):
        assert list(reader.items("current", b"")) == expected
        assert list(reader.items("current", b"a", b"d", backwards=True)) == expected[1::-1]
        assert list(reader.keys("current", b"b")) == [b"c", b"d"]
        assert reader.getter("current")([b"a", b"b", b"d", b"x"]) == [b"2", None, b"1", None]
        assert [reader.getter("current")(key) for key in (b"b", b"d")] == [None, b"1"]
    put(state, a=b"3", d=None)
    database.stalled = False
    assert list(snapshot.items("current", b"")) == expected, "a snapshot stays where it was, also when the writes went out"
    assert list(state.items("current", b"")) == [(b"a", b"3"), (b"c", b"2")]
    snapshot.close()


def test_a_flush_writes_out_first_and_waits_where_it_must(monkeypatch: pytest.MonkeyPatch) -> None:
    state, database = buffered(AMPLE)
    put(state, "meta", applied=b"7")
    database.stalled = True
    waits: list[float] = []

    def wait(seconds: float) -> None:
        waits.append(seconds)
        database.stalled = len(waits) < 3

    monkeypatch.setattr(buffered_state.time, "sleep", wait)
    state.flush()
    assert len(waits) == 3
    assert MemoryStateStore(database._disk, "1").getter("meta")(b"applied") == b"7"


def test_a_flush_that_cannot_write_out_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(buffered_state, "FLUSH_WAIT_S", 0.02)
    state, database = buffered(AMPLE)
    put(state, "meta", applied=b"7")
    database.stalled = True
    with pytest.raises(Backpressure):
        state.flush()
    assert MemoryStateStore(database._disk, "1").getter("meta")(b"applied") is None
    assert state.getter("meta")(b"applied") == b"7"


def test_reopening_forgets_what_is_held_back_like_all_that_was_not_flushed(member: Member) -> None:
    state = member.stores.state
    put(state, a=b"1")
    state.flush()
    put(state, a=b"2", b=b"2")
    state.reopen()
    assert dict(state.items("current", b"")) == {b"a": b"1"}
    assert isinstance(state, BufferedStateStore)
    assert state.held_bytes() == 0


def test_closing_writes_out(member: Member) -> None:
    put(member.stores.state, a=b"1")
    assert dict(member.restart().state.items("current", b"")) == {b"a": b"1"}


def test_closing_a_failed_database_lets_it_go_all_the_same(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    state, database = buffered(AMPLE)
    put(state, a=b"1")

    def fail(_batch: object) -> None:
        raise StoreFailed("the disk is gone")

    monkeypatch.setattr(database, "write", fail)
    state.close()
    assert database.closed
    assert "the disk is gone" in caplog.text


def test_a_range_deletion_covers_what_is_held_back(member: Member) -> None:
    state = member.stores.state
    put(state, "meta", a=b"1", b=b"1", c=b"1")
    batch = state.batch()
    batch.put(b"b", b"2", "meta")
    batch.delete_range(b"a", b"c", "meta")
    batch.put(b"a", b"3", "meta")
    batch.delete_range(b"x", b"a", "meta")
    state.write(batch)
    assert state.getter("meta")([b"a", b"b", b"c"]) == [b"3", None, b"1"]
    assert dict(state.items("meta", b"")) == {b"a": b"3", b"c": b"1"}


def test_a_crash_leaves_a_state_that_the_machine_was_in(make_member: MakeMember) -> None:
    """Families and applied index together, whatever was held back, written out or flushed when it came."""
    member = make_member(replace(StoreSettings(reserve_bytes=1, headroom_bytes=0), state_buffer_writes_max=30))
    random, model, states = Random(5), dict[bytes, bytes](), {b"0": dict[bytes, bytes]()}
    for index in range(1, 120):
        batch = member.stores.state.batch()
        for _ in range(random.randrange(1, 5)):
            key = b"%d" % random.randrange(40)
            model[key] = b"%d" % index
            batch.put(key, model[key], "current")
        batch.put(b"applied", b"%d" % index, "meta")
        member.stores.state.write(batch)
        states[b"%d" % index] = dict(model)
        if random.random() < 0.1:
            member.stores.state.flush()
    del batch
    state = member.crash().state
    assert dict(state.items("current", b"")) == states[state.getter("meta")(b"applied") or b"0"]


def test_a_flush_in_another_thread_takes_nothing_from_a_reader(rocksdb: Member) -> None:
    state = rocksdb.stores.state
    get, stop = state.getter("current"), threading.Event()

    def flush() -> None:
        while not stop.is_set():
            state.flush()

    flusher = threading.Thread(target=flush)
    flusher.start()
    try:
        for number in range(1_500):
            name = f"{number % 50:03d}"
            put(state, **{name: b"%d" % number})
            assert get(name.encode()) == b"%d" % number
            assert get([name.encode(), b"none"]) == [b"%d" % number, None]
    finally:
        stop.set()
        flusher.join()


def many(state: StateStore, count: int, value: bytes) -> None:
    """A batch of `count` records, and the record that says so."""
    batch = state.batch()
    for number in range(count):
        batch.put(b"%05d" % number, value, "current")
    batch.put(b"applied", value, "meta")
    state.write(batch)


def test_a_large_write_goes_out_by_parts_while_the_next_comes_in() -> None:
    state, database = buffered(replace(PARTS, state_buffer_writes_max=2_000))
    many(state, 2_000, b"1")
    assert list(database.items("current", b"")) == []
    seen = set()
    for number in range(40):
        put(state, **{f"x{number:02d}-{each}": b"2" for each in range(25)})
        seen.add(len(list(database.items("current", b""))))
        assert len(list(state.getter("current")([b"%05d" % each for each in range(2_000)]))) == 2_000
        assert state.getter("current")(b"00000") == state.getter("current")(b"01999") == b"1"
    assert min(seen) > 0 and len(seen) >= 7, f"parts of {PARTS.state_part_writes_max} records at the most: {sorted(seen)}"
    assert max(seen) == 2_000, "all of it is there before as many again have come in, and nothing of what came later"
    assert database.getter("meta")(b"applied") == b"1"
    assert state.getter("current")(b"x39-24") == b"2"


def test_what_is_on_its_way_and_what_is_newer_are_both_read_over_the_database() -> None:
    state, database = buffered(replace(PARTS, state_buffer_writes_max=600))
    many(state, 600, b"1")
    put(state, **{"00000": b"2", "zz": b"2"})
    put(state, **{"00599": None})
    assert 0 < len(list(database.items("current", b""))) < 600
    database.stalled = True
    get = state.getter("current")
    assert [get(b"00000"), get(b"00001"), get(b"00599"), get(b"zz"), get(b"none")] == [b"2", b"1", None, b"2", None]
    assert get([b"00599", b"none", b"00000", b"00300"]) == [None, None, b"2", b"1"]
    expected = {b"%05d" % number: b"1" for number in range(599)} | {b"00000": b"2", b"zz": b"2"}
    snapshot = state.snapshot()
    assert dict(state.items("current", b"")) == dict(snapshot.items("current", b"")) == expected
    database.stalled = False
    state.write_out()
    assert dict(database.items("current", b"")) == dict(snapshot.items("current", b"")) == expected


def test_in_a_quiet_moment_it_goes_out_part_by_part() -> None:
    state, database = buffered(PARTS)
    many(state, 600, b"1")
    steps = 1
    while state.write_out_some():
        steps += 1
        assert steps < 10
    assert steps == 4, "three parts, and the word that they are all"
    assert len(list(database.items("current", b""))) == 600
    assert not state.write_out_some()


def test_a_part_is_bounded_in_bytes_too() -> None:
    families = {"current": {b"%d" % number: b"v" * 1_000 for number in range(50)}, "meta": {b"a": None}, "history": {b"h": b"v" * 90_000}}
    found = list(parts(families, writes_max=100, bytes_max=10_000))
    assert [len(part) for part in found] == [9, 9, 9, 9, 9, 6, 1]
    assert found[5].writes["meta"] == {b"a": None}
    merged: dict[bytes, bytes | None] = {}
    for part in found:
        merged.update(part.writes["current"])
    assert merged == families["current"]
    assert list(merged) == sorted(merged)


def test_a_refusal_in_the_midst_keeps_everything_and_goes_on_where_it_was() -> None:
    state, database = buffered(replace(PARTS, state_buffer_writes_max=600))
    many(state, 600, b"1")
    put(state, a=b"2")
    there = len(list(database.items("current", b"")))
    database.stalled = True
    put(state, b=b"2")
    with pytest.raises(Backpressure):
        many(state, 600, b"3")
        many(state, 600, b"4")
    assert len(list(database.items("current", b""))) == there
    assert state.getter("current")([b"a", b"b", b"00001"]) == [b"2", b"2", b"3"]
    database.stalled = False
    state.flush()
    assert database.getter("current")([b"a", b"b", b"00001", b"00599"]) == [b"2", b"2", b"3", b"3"]


def test_a_crash_in_the_midst_of_a_write_leaves_nothing_of_it(make_member: MakeMember) -> None:
    member = make_member(replace(PARTS, reserve_bytes=1, headroom_bytes=0, state_buffer_writes_max=600))
    state = member.stores.state
    many(state, 100, b"1")
    state.flush()
    many(state, 900, b"2")
    put(state, a=b"3")
    assert isinstance(state, BufferedStateStore)
    assert state.database.getter("current")(b"00000") == b"2", "a part is in the database"
    del state
    after = member.crash().state
    assert after.getter("meta")(b"applied") == b"1"
    assert dict(after.items("current", b"")) == {b"%05d" % number: b"1" for number in range(100)}


operations = st.lists(
    st.one_of(
        st.tuples(st.just("put"), st.binary(max_size=2), st.binary(max_size=4)),
        st.tuples(st.just("delete"), st.binary(max_size=2), st.just(b"")),
        st.tuples(st.sampled_from(("write_out", "write_out_some", "flush", "stall", "go on", "snapshot")), st.just(b""), st.just(b"")),
    ),
    max_size=40,
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(operations=operations, writes_max=st.sampled_from((1, 3, 1_000)), start=st.binary(max_size=1), end=st.none() | st.binary(max_size=1))
def test_it_is_a_sorted_dict_whatever_is_held_back(
    operations: list[tuple[str, bytes, bytes]], writes_max: int, start: bytes, end: bytes | None
) -> None:
    state, database = buffered(StoreSettings(state_buffer_writes_max=writes_max, state_part_writes_max=2))
    get, model = state.getter("current"), dict[bytes, bytes]()
    pinned = [(state.snapshot(), dict(model))]
    for operation, key, value in operations:
        try:
            if operation in ("put", "delete"):
                batch = state.batch()
                batch.writes["current"][key] = value if operation == "put" else None
                state.write(batch)
                model.pop(key, None)
                model.update({key: value} if operation == "put" else {})
            elif operation == "snapshot":
                pinned.append((state.snapshot(), dict(model)))
            elif operation in ("stall", "go on"):
                database.stalled = operation == "stall"
            else:
                getattr(state, operation)()
        except Backpressure:
            assert database.stalled
        keys = [key, b"", b"a"]
        assert get(keys) == [model.get(one) for one in keys] == [get(one) for one in keys]
    for reader, content in [*pinned, (state, model)]:
        expected = sorted((key, value) for key, value in content.items() if key >= start and (end is None or key < end))
        assert list(reader.items("current", start, end)) == expected
        assert list(reader.keys("current", start, end, backwards=True)) == [key for key, _ in expected[::-1]]
