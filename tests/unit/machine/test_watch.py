"""Watches: order, whole revisions, no gap and no duplicate over any change between live and history; bounded whatever the reader does."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from quorate.wire.commands import Compact, DeleteRange, LeaseGrant, LeaseRevoke, Operation, Put, Txn
from quorate.wire.results import KeyValue, WatchEvents
from quorate_node.machine.interface import Refused, WatchRequest
from quorate_node.machine.limits import MachineLimits
from quorate_node.store.interface import StateStore
from quorate_node.store.memory_disk import MemoryDisk
from quorate_node.store.memory_state import MemoryStateStore
from tests.unit.machine.builders import ALL, Member, drain, run_once

SMALL = MachineLimits(watch_buffer_events_max=2, catch_up_chunk_events=2, watch_message_events_max=2)


def revisions(events: list) -> list[int]:
    return [event.kv.mod_revision for event in events]


async def test_a_reader_that_waits_is_woken(member: Member) -> None:
    watch = member.machine.watch(WatchRequest(b"a"))
    waiting = asyncio.create_task(watch.next())
    await asyncio.sleep(0)
    member.one(Put(b"b"))
    await asyncio.sleep(0)
    assert not waiting.done()
    member.one(Put(b"a", b"1"))
    message = await waiting
    assert (message.revision, message.events[0].kv) == (3, KeyValue(b"a", b"1", 3, 3, 1))


def test_all_events_of_a_revision_come_in_one_message(member: Member) -> None:
    watch = member.machine.watch(WatchRequest(*ALL, start_revision=1))
    puts = tuple(Operation(put=Put(b"%d" % at)) for at in range(5))
    member.one(Txn(success=puts))
    assert [event.kv.key for event in run_once(watch).events] == [b"0", b"1", b"2", b"3", b"4"]
    assert not watch.ready


def test_history_and_what_comes_live_join_without_a_seam(store: StateStore) -> None:
    member = Member(store, SMALL)
    for _ in range(7):
        member.one(Put(b"a"))
    watch = member.machine.watch(WatchRequest(b"a", start_revision=3))
    assert not watch.synced
    events, _ = drain(watch)
    member.one(Put(b"a"))
    assert revisions(events + drain(watch)[0]) == [3, 4, 5, 6, 7, 8, 9]
    assert watch.synced


def test_a_reader_that_never_reads_costs_a_bounded_buffer_and_misses_nothing(store: StateStore) -> None:
    member = Member(store, SMALL)
    watch = member.machine.watch(WatchRequest(*ALL))
    for at in range(50):
        member.one(Put(b"%d" % at))
    assert member.machine.hub.overruns == 1
    assert watch._buffered_events == 2
    assert revisions(drain(watch)[0]) == list(range(2, 52))


def test_a_buffer_is_bounded_in_bytes_too(memory_member: Member) -> None:
    member = Member(memory_member.store, MachineLimits(watch_buffer_bytes_max=1_000))
    watch = member.machine.watch(WatchRequest(*ALL))
    for _ in range(10):
        member.one(Put(b"k", bytes(600)))
    assert watch._buffered_events == 2
    assert revisions(drain(watch)[0]) == list(range(2, 12))
    assert watch._buffered_bytes == 0


def test_a_slow_watch_does_not_hold_up_others_that_are_behind(store: StateStore) -> None:
    member = Member(store, SMALL)
    for _ in range(9):
        member.one(Put(b"a"))
    slow = member.machine.watch(WatchRequest(b"a", start_revision=2))
    quick = member.machine.watch(WatchRequest(b"a", start_revision=2))
    assert revisions(drain(quick)[0]) == list(range(2, 11))
    assert revisions(drain(slow)[0]) == list(range(2, 11))


def test_a_compacted_start_is_told_with_the_revision_to_go_on_from(member: Member) -> None:
    for _ in range(5):
        member.one(Put(b"a"))
    member.one(Compact(4))
    assert run_once(member.machine.watch(WatchRequest(b"a", start_revision=3))).compact_revision == 4
    assert revisions(drain(member.machine.watch(WatchRequest(b"a", start_revision=4)))[0]) == [4, 5, 6]


def test_a_delete_at_the_compacted_revision_is_still_delivered(member: Member) -> None:
    member.do(Put(b"a"), DeleteRange(b"a"), Put(b"b"))
    member.one(Compact(3))
    member.purge()
    events, _ = drain(member.machine.watch(WatchRequest(b"a", start_revision=3, previous=True)))
    assert [(event.type, event.kv.mod_revision, event.previous) for event in events] == [(1, 3, None)]


def test_compaction_ends_a_watch_that_had_fallen_behind_after_its_buffer(store: StateStore) -> None:
    member = Member(store, SMALL)
    watch = member.machine.watch(WatchRequest(b"a"))
    for _ in range(9):
        member.one(Put(b"a"))
    member.one(Compact(8))
    events, last = drain(watch)
    assert revisions(events) == [2, 3]
    assert last is not None
    assert last.compact_revision == 8


def test_filters_and_previous_values(member: Member) -> None:
    wanted = [WatchRequest(b"a", no_put=True), WatchRequest(b"a", no_delete=True, previous=True)]
    watches = [member.machine.watch(request) for request in wanted]
    late = [request._replace(start_revision=2) for request in wanted]
    member.do(Put(b"a", b"1"), Put(b"a", b"2"), DeleteRange(b"a"))
    watches += [member.machine.watch(request) for request in late]
    for deletes, puts in (watches[:2], watches[2:]):
        assert [(event.type, event.previous) for event in drain(deletes)[0]] == [(1, None)]
        first, second = drain(puts)[0]
        assert first.previous is None
        assert second.previous == KeyValue(b"a", b"1", 2, 2, 1)


def test_a_start_in_the_future_waits_for_it(memory_member: Member) -> None:
    watch = memory_member.machine.watch(WatchRequest(b"a", start_revision=4))
    memory_member.do(Put(b"a"), Put(b"a"), Put(b"a"), Put(b"a"))
    assert revisions(drain(watch)[0]) == [4, 5]


def test_the_end_of_a_lease_is_one_message(memory_member: Member) -> None:
    memory_member.do(LeaseGrant(1_000, 7), Put(b"a", lease=7), Put(b"b", lease=7))
    watch = memory_member.machine.watch(WatchRequest(*ALL))
    memory_member.one(LeaseRevoke(7))
    message = run_once(watch)
    assert [(event.type, event.kv.key, event.kv.mod_revision) for event in message.events] == [(1, b"a", 4), (1, b"b", 4)]


async def test_progress_says_how_far_all_was_told(memory_member: Member) -> None:
    watch = memory_member.machine.watch(WatchRequest(b"a", progress=True))
    silent = memory_member.machine.watch(WatchRequest(b"a"))
    memory_member.one(Put(b"b"))
    memory_member.machine.hub.request_progress()
    assert await watch.next() == WatchEvents(watch.id, 2)
    waiting = asyncio.create_task(silent.next())
    await asyncio.sleep(0)
    assert not waiting.done()
    silent.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting


async def test_a_waiting_reader_may_be_cancelled_and_come_back(memory_member: Member) -> None:
    watch = memory_member.machine.watch(WatchRequest(b"a"))
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(watch.next(), 0.01)
    memory_member.one(Put(b"a"))
    assert (await watch.next()).revision == 2


async def test_a_reader_behind_gives_the_loop_its_turn_between_chunks(memory_member: Member) -> None:
    member = Member(memory_member.store, SMALL)
    member.do(*[Put(b"a") for _ in range(20)], Put(b"b"))
    watch = member.machine.watch(WatchRequest(b"b", start_revision=2))
    turns = 0

    async def count() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    counting = asyncio.create_task(count())
    assert revisions(list((await watch.next()).events)) == [22]
    counting.cancel()
    assert turns >= 10


def test_watches_are_counted_and_bounded(memory_member: Member) -> None:
    member = Member(memory_member.store, MachineLimits(watches_max=2))
    first = member.machine.watch(WatchRequest(b"a"))
    member.machine.watch(WatchRequest(*ALL))
    with pytest.raises(Refused, match="has 2 watches, watches_max is 2") as refused:
        member.machine.watch(WatchRequest(b"a"))
    assert refused.value.error == "TooManyWatches"
    first.cancel()
    first.cancel()
    assert len(member.machine.hub) == 1
    member.machine.watch(WatchRequest(b"a"))


@pytest.mark.parametrize(
    ("request_", "error"), [(WatchRequest(b""), "EmptyKey"), (WatchRequest(b"a", start_revision=-1), "InvalidArgument")]
)
def test_malformed_watches_are_refused(memory_member: Member, request_: WatchRequest, error: str) -> None:
    with pytest.raises(Refused) as refused:
        memory_member.machine.watch(request_)
    assert refused.value.error == error


def test_ten_thousand_watches_cost_an_event_only_those_it_concerns(memory_member: Member) -> None:
    machine = memory_member.machine
    watches = [machine.watch(WatchRequest(b"k%05d" % at)) for at in range(5_000)]
    watches += [machine.watch(WatchRequest(b"p%05d/" % at, b"p%05d0" % at)) for at in range(5_000)]
    looked_at = 0
    index = machine.hub._live
    matching = index.matching

    def counted(key: bytes) -> list:
        nonlocal looked_at
        found = matching(key)
        looked_at += len(found)
        return found

    index.matching = counted  # type: ignore[method-assign]
    memory_member.do(*[Put(b"k%05d" % at) for at in range(100)], *[Put(b"p%05d/x" % at) for at in range(100)])
    assert looked_at == 200
    assert sum(watch.ready for watch in watches) == 200


async def test_a_snapshot_in_the_stores_place_keeps_the_watches(tmp_path: Path) -> None:
    """A member far behind gets a snapshot: its watches go on through the history that came with it."""
    source = Member(MemoryStateStore(MemoryDisk(), "1"))
    behind = Member(MemoryStateStore(MemoryDisk(), "1"))
    for member in (source, behind):
        member.do(Put(b"a", b"1"), Put(b"b", b"1"))
    watch = behind.machine.watch(WatchRequest(b"a", previous=True))
    for value in (b"2", b"3"):
        source.one(Put(b"a", value))
    snapshot = source.machine.open_snapshot()
    manifest = await snapshot.prepare()
    sink = behind.machine.open_sink(tmp_path, manifest)
    for number in sink.missing():
        sink.write(number, await snapshot.chunk(number))
    fresh = MemoryStateStore(MemoryDisk(), "2")
    await sink.install(fresh)
    snapshot.close()
    behind.machine.replace_store(fresh)
    behind.store = fresh
    assert behind.machine.state == source.machine.state
    assert behind.canonical() == source.canonical()
    events, _ = drain(watch)
    assert [(event.kv.value, event.previous.value) for event in events if event.previous] == [(b"2", b"1"), (b"3", b"2")]
    behind.machine.apply(source.log[:0])
    assert behind.machine.get_many([b"a"])[0].value == b"3"
