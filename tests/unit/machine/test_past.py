"""Versions of the past: every revision that is not compacted can be read as it was, however long ago and however often keys changed."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quorate.wire.commands import Compact, DeleteRange, Operation, Put, Range, Txn
from quorate.wire.results import EventType
from quorate_node.machine.events import find_event
from quorate_node.machine.interface import WatchRequest
from quorate_node.machine.limits import MachineLimits
from quorate_node.machine.past import TICK, get_at, items_at
from quorate_node.machine.records import INDEXED_EVERY, key_value
from quorate_node.machine.scan import StoreSource
from quorate_node.store.interface import StateStore
from quorate_node.store.memory_disk import MemoryDisk
from quorate_node.store.memory_state import MemoryStateStore
from tests.unit.machine.builders import ALL, Member, drain

KEYS = [b"a", b"a\x00", b"a\x00\x00", b"b", b"\xff"]
Request = Put | DeleteRange


class Told:
    """A member, and what each of its revisions showed when it was the newest."""

    def __init__(self, limits: MachineLimits | None = None) -> None:
        self.member = Member(MemoryStateStore(MemoryDisk(), "state"), limits)
        self.shown: dict[int, dict[bytes, Any]] = {1: {}}

    def one(self, request: Request) -> None:
        self.member.one(request)
        self.shown[self.member.machine.revision] = {kv.key: kv for kv in self.member.machine.range(Range(*ALL)).kvs}

    def source(self) -> StoreSource:
        state = self.member.machine.state
        return StoreSource(self.member.store, state.revision, state.compacted_revision, state.key_count)


def txn(*requests: Put | Range) -> Txn:
    return Txn((), tuple(Operation(put=each) if isinstance(each, Put) else Operation(range=each) for each in requests))


requests = st.lists(
    st.tuples(st.sampled_from(KEYS), st.integers(1, 3 * INDEXED_EVERY), st.sampled_from(["puts", "deletes", "alternates"])), max_size=8
)


def carry_out(told: Told, wanted: list[tuple[bytes, int, str]]) -> None:
    for key, count, what in wanted:
        for at in range(count):
            deletes = at == count - 1 if what == "deletes" else at % 2 and what == "alternates"
            told.one(DeleteRange(key) if deletes else Put(key, b"%d" % at))


@given(wanted=requests, compacted=st.floats(0, 1))
def test_every_revision_can_be_read_as_it_was(wanted: list[tuple[bytes, int, str]], compacted: float) -> None:
    told = Told()
    carry_out(told, wanted)
    machine = told.member.machine
    oldest = max(1, int(machine.revision * compacted))
    if oldest > 1:
        told.member.one(Compact(oldest))
        told.member.purge()
    for revision in range(oldest, machine.revision + 1):
        source = told.source()
        for key in KEYS:
            record = get_at(source, key, revision)
            assert (None if record is None else key_value(key, record)) == told.shown[revision].get(key), (key, revision)
        result = machine.range(Range(*ALL, revision=revision))
        assert {kv.key: kv for kv in result.kvs} == told.shown[revision]
        assert [kv.key for kv in result.kvs] == sorted(told.shown[revision])


@given(wanted=requests, apart=st.integers(1, 40), events_max=st.integers(1, 50))
def test_a_watch_from_any_revision_tells_values(wanted: list[tuple[bytes, int, str]], apart: int, events_max: int) -> None:
    """And previous ones; in chunks of any size, so that what a put left is in the same chunk, a later one, or the present."""
    told = Told(MachineLimits(catch_up_chunk_events=events_max))
    carry_out(told, wanted)
    shown, newest = told.shown, told.member.machine.revision
    for start in range(2, newest + 1, apart):
        found, _ = drain(told.member.machine.watch(WatchRequest(*ALL, start_revision=start, previous=True)))
        for event in found:
            revision = event.kv.mod_revision
            assert event.previous == shown[revision - 1].get(event.kv.key)
            assert event.type == EventType.DELETE or event.kv == shown[revision][event.kv.key]
        assert [event.kv.mod_revision for event in found] == list(range(start, newest + 1))


@pytest.mark.parametrize("seed", range(5))
def test_a_transaction_reads_what_its_own_entry_has_made_and_superseded(memory_member: Member, seed: int) -> None:
    """Older changes lie in the store, those of the same apply call are not written yet."""
    chance = random.Random(seed)
    memory_member.do(*[Put(b"k", b"%d" % at) for at in range(2, 30)])
    puts = [Put(b"k", b"%d" % at) for at in range(30, 70)]
    wanted = chance.sample(range(2, 60), 20)
    reads = [txn(Range(b"k", revision=revision), Range(*ALL, revision=revision)) for revision in wanted]
    answers = memory_member.do(*puts, *reads)[len(puts) :]
    for revision, answer in zip(wanted, answers, strict=True):
        for read in answer.results:
            assert [(kv.value, kv.mod_revision) for kv in read.kvs] == [(b"%d" % revision, revision)]


def test_no_way_is_longer_than_the_index_has_steps(memory_member: Member) -> None:
    for at in range(200):
        memory_member.one(Put(b"k", b"%d" % at))
    state = memory_member.machine.state
    for revision in range(2, 201):
        source, looks = StoreSource(memory_member.store, state.revision, 0, 1), Looks()
        source.event = looks.counted(source.event)  # type: ignore[method-assign]
        assert get_at(source, b"k", revision) is not None
        assert looks.count <= INDEXED_EVERY
        looks.count = 0
        steps = [record for _, record in items_at(source, b"k", b"l", revision)]
        assert looks.count <= INDEXED_EVERY
        assert len([step for step in steps if step == TICK]) >= looks.count - 1, "a step is a tick, so that long ways yield"


class Looks:
    def __init__(self) -> None:
        self.count = 0

    def counted(self, find: Callable[[bytes, int], Any]) -> Callable[[bytes, int], Any]:
        def counting(key: bytes, revision: int) -> Any:
            self.count += 1
            return find(key, revision)

        return counting


def test_a_change_that_is_not_there_is_damage(store: StateStore) -> None:
    member = Member(store)
    member.do(Put(b"a"), Put(b"b"))
    with pytest.raises(ValueError, match=r"the state is damaged: the change of b'a' at revision 3 is not there"):
        find_event(store, b"a", 3)


def test_events_of_a_revision_that_spans_records_are_found(store: StateStore) -> None:
    member = Member(store)
    member.one(Put(b"before"))
    member.one(txn(*[Put(b"%03d" % at, bytes(3000)) for at in range(100)]))
    member.one(txn(*[Put(b"%03d" % at) for at in range(100)]))
    for at in (0, 1, 50, 99):
        assert find_event(store, b"%03d" % at, 4).superseded.endswith(bytes(3000))


def test_puts_cost_the_index_one_record_in_many(memory_member: Member) -> None:
    memory_member.do(*[Put(b"k") for _ in range(10 * INDEXED_EVERY + 1)])
    assert len(list(memory_member.store.items("history", b""))) == 10


