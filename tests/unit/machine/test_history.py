"""Compaction and its background removal, restore into a new cluster, streams, digests: what reaches beyond the current state."""

from __future__ import annotations

import asyncio

import pytest

from quorate.wire.commands import Compact, DeleteRange, LeaseGrant, Put, Range, SessionCreate, SortOrder
from quorate_node.crypto.merkle import Frontier
from quorate_node.machine.interface import Refused, TooLarge, WatchRequest
from quorate_node.machine.kv import KeyValueMachine
from quorate_node.machine.limits import MachineLimits
from quorate_node.machine.record_cache import RecordCache
from quorate_node.machine.records import U64, escape, is_canonical, split_history_key
from quorate_node.machine.restore import restore_into_new_cluster
from quorate_node.protocol.entry import CHAIN_START, Entry, EntryType, chain_hash, leaf_hash
from quorate_node.protocol.membership import Configuration, MemberRecord
from quorate_node.store.errors import Backpressure
from quorate_node.store.interface import StateStore
from quorate_node.store.memory_disk import MemoryDisk
from quorate_node.store.memory_state import MemoryStateStore
from tests.unit.machine.builders import ALL, Member, content, drain, run_once

CHUNKS = MachineLimits(range_chunk_keys=10, purge_chunk_events=4)


def test_compaction_is_logical_at_once_and_physical_in_chunks(store: StateStore) -> None:
    woken: list[bool] = []
    member = Member(store, CHUNKS, wake=lambda: woken.append(True))
    for at in range(20):
        member.one(Put(b"k", b"%d" % at))
    member.one(DeleteRange(b"k"))
    member.one(Compact(22))
    assert woken == [True]
    with pytest.raises(Refused, match="revision 21 was compacted: the oldest that can be read is 22"):
        member.machine.range(Range(b"k", revision=21))
    steps = 1
    while member.machine.background_step():
        steps += 1
    assert steps >= 5
    assert list(store.items("history", b"")) == []
    assert len(content(store, "revisions")) == 1
    assert member.machine.background_step() is False


def test_a_purge_that_meets_back_pressure_or_a_restart_goes_on(memory_member: Member) -> None:
    store = memory_member.store
    assert isinstance(store, MemoryStateStore)
    member = Member(store, CHUNKS)
    for _ in range(20):
        member.one(Put(b"k"))
    member.one(Compact(20))
    assert member.machine.background_step()
    store.stalled = True
    with pytest.raises(Backpressure):  # Not "there is more": who goes on while there is would spin until the store takes it.
        member.machine.background_step()
    store.stalled = False
    member.restart(store)
    member.purge()
    assert len(content(store, "revisions")) == 2


def test_what_members_have_not_yet_removed_is_not_canonical(memory_member: Member) -> None:
    memory_member.do(*[Put(b"k") for _ in range(5)], Compact(4))
    before = memory_member.canonical()
    memory_member.purge()
    assert memory_member.canonical() == before
    assert not is_canonical("meta", b"local/purged", b"", 0)


@pytest.mark.parametrize("key", [b"", b"a", b"\x00", b"\x00\xff", b"a\x00\x00b", b"\xff" * 3])
def test_history_keys_can_be_read_back(key: bytes) -> None:
    assert split_history_key(escape(key) + U64.pack(7)) == (key, 7)


def test_history_keys_keep_the_order_of_keys() -> None:
    keys = sorted([b"", b"a", b"a\x00", b"a\x00\x00", b"a\x00\xff", b"a\x01", b"ab", b"\x00", b"\x00\x01", b"\xff"])
    assert sorted(keys, key=escape) == keys


async def test_a_large_range_is_read_in_chunks_at_one_revision(store: StateStore) -> None:
    member = Member(store, CHUNKS)
    member.do(*[Put(b"%03d" % at, b"old") for at in range(95)])
    request = Range(*ALL)
    with pytest.raises(TooLarge, match="more than range_chunk_keys 10 keys"):
        member.machine.range(request)
    reading = asyncio.create_task(member.machine.range_async(request))
    await asyncio.sleep(0)
    member.do(*[Put(b"%03d" % at, b"new") for at in range(95)], DeleteRange(b"000"))
    result = await reading
    assert (result.count, len(result.kvs), {kv.value for kv in result.kvs}) == (95, 95, {b"old"})


async def test_a_stream_is_pinned_bounded_and_in_order(store: StateStore) -> None:
    member = Member(store, CHUNKS)
    member.do(*[Put(b"%03d" % at, b"old") for at in range(35)])
    chunks = []
    async for chunk in member.machine.range_stream(Range(*ALL)):
        chunks.append([kv.key for kv in chunk])
        member.do(*[Put(b"%03d" % at, b"new") for at in range(40)])
    assert [len(chunk) for chunk in chunks] == [10, 10, 10, 5]
    assert [key for chunk in chunks for key in chunk] == [b"%03d" % at for at in range(35)]
    limited = [kv async for chunk in member.machine.range_stream(Range(*ALL, limit=12, revision=36, keys_only=True)) for kv in chunk]
    assert [(kv.key, kv.value, kv.mod_revision) for kv in limited] == [(b"%03d" % at, b"", at + 2) for at in range(12)]
    assert [chunk async for chunk in member.machine.range_stream(Range(b"b", b"a"))] == []
    with pytest.raises(Refused, match="leave out sort"):
        await anext(aiter(member.machine.range_stream(Range(*ALL, sort_order=SortOrder.DESCEND))))


async def test_a_long_read_outlives_the_store_it_began_on(memory_member: Member) -> None:
    """A snapshot or a reopening takes the store away midway: a range begins again, a stream says so."""
    member = Member(memory_member.store, CHUNKS)
    member.do(*[Put(b"%03d" % at, b"old") for at in range(50)])
    other = Member(MemoryStateStore(MemoryDisk(), "2"))
    other.do(*[Put(b"%03d" % at, b"new") for at in range(50)], Put(b"999"))
    stream = member.machine.range_stream(Range(*ALL))
    first = await anext(stream)
    reading = asyncio.create_task(member.machine.range_async(Range(*ALL)))
    await asyncio.sleep(0)
    member.machine.replace_store(other.store)
    assert (await reading).count == 51
    assert {kv.value for kv in first} == {b"old"}
    with pytest.raises(Refused, match="replaced during the stream: read on at revision 51") as refused:
        await anext(stream)
    assert refused.value.error == "NotReady"


def test_an_answer_is_bounded_in_bytes_and_says_that_there_is_more(memory_member: Member) -> None:
    member = Member(memory_member.store, MachineLimits(range_bytes_max=3_000))
    member.do(*[Put(b"%d" % at, bytes(1_000)) for at in range(5)])
    result = member.machine.range(Range(*ALL))
    assert (len(result.kvs), result.count, result.more) == (2, 5, True)
    assert len(member.machine.range(Range(*ALL, keys_only=True)).kvs) == 5
    with pytest.raises(Refused, match="sorting the range needs more than range_bytes_max 3000"):
        member.machine.range(Range(*ALL, sort_order=SortOrder.DESCEND))
    with pytest.raises(Refused, match="key is empty"):
        member.machine.range(Range(b""))


def test_chain_and_frontier_are_those_of_the_log(member: Member) -> None:
    member.do(Put(b"a"))
    member.apply([Entry(2, 4)])
    member.machine.apply_membership(Entry(3, 4, EntryType.MEMBERSHIP, b"m"), Configuration(), [], [])
    chain, frontier = CHAIN_START, Frontier()
    for one in (*member.log, Entry(3, 4, EntryType.MEMBERSHIP, b"m")):
        chain = chain_hash(chain, one)
        frontier.append(leaf_hash(one))
    assert member.machine.chain == chain
    assert Frontier.decode(member.machine.state.frontier) == frontier


def test_digests_are_kept_at_the_interval_and_bounded(memory_member: Member) -> None:
    member = Member(memory_member.store, MachineLimits(digests_kept=3), digest_interval=2)
    seen = []
    for at in range(10):
        member.one(Put(b"%d" % at))
        seen.append(member.machine.state.digest)
    assert member.machine.digests() == [(6, seen[5]), (8, seen[7]), (10, seen[9])]
    assert member.machine.digest(8) == seen[7]
    assert member.machine.digest(7) is member.machine.digest(2) is None
    assert len(set(seen)) == 10
    with pytest.raises(ValueError, match="digest_interval is 0"):
        KeyValueMachine.open(memory_member.store, digest_interval=0)


def test_a_restored_cluster_goes_on_beyond_any_revision_of_the_old_one(store: StateStore) -> None:
    member = Member(store)
    member.do(Put(b"a", b"1"), Put(b"a", b"2"), Put(b"b"), LeaseGrant(5_000, 7), Put(b"c", lease=7), SessionCreate(5_000), at_ms=1_000)
    member.machine.apply_membership(Entry(2, 1, EntryType.MEMBERSHIP), Configuration((1, 2)), [MemberRecord(1, "old", "", "")], [])
    new = MemberRecord(9, "new", "peer", "client")
    restore_into_new_cluster(store, [new], Configuration((9,)), revision_step=1_000)
    restored = Member(store)
    machine = restored.machine
    assert (machine.applied_index, machine.revision, machine.compacted_revision, machine.chain) == (0, 1_005, 1_005, CHAIN_START)
    assert (machine.members, machine.configuration) == ({9: new}, Configuration((9,)))
    assert [kv.value for kv in machine.range(Range(b"a")).kvs] == [b"2"]
    assert (machine.lease(7, True).ttl_ms, machine.lease(7, True).keys) == (5_000, (b"c",))
    assert list(store.keys("sessions", b"")) == list(store.keys("replies", b"")) == []
    for revision in (2, 5, 700):
        with pytest.raises(Refused) as refused:
            machine.range(Range(b"a", revision=revision))
        assert refused.value.error == "Compacted"
        assert run_once(machine.watch(WatchRequest(b"a", start_revision=revision))).compact_revision == 1_005
    watch = machine.watch(WatchRequest(b"a", start_revision=1_005))
    assert restored.one(Put(b"a", b"3")).revision == 1_006
    assert [event.kv.mod_revision for event in drain(watch)[0]] == [1_006]
    restored.purge()
    assert len(content(store, "revisions")) == 1
    with pytest.raises(ValueError, match="revision_step is 0"):
        restore_into_new_cluster(store, [], Configuration(), revision_step=0)


def test_the_record_cache_is_bounded_and_never_stale() -> None:
    stored: dict[bytes, bytes] = {}
    cache = RecordCache(lambda key: [stored.get(one) for one in key] if isinstance(key, list) else stored.get(key), 4_000)

    def write(key: bytes, value: bytes) -> None:
        stored[key] = value
        cache.written({key: value}, len(value))

    for at in range(100):
        write(b"%d" % (at % 13), b"%d" % at * (500 if at % 10 == 0 else 1))
        assert all(cache.get(key) == value for key, value in stored.items())
        assert cache.find(stored) == stored
        assert len(cache._young) + len(cache._old) <= 20
    assert cache.get(b"absent") is None
