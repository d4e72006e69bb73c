"""A watch hands out every change once and in order, whatever happens to its connections."""

from __future__ import annotations

import asyncio

import pytest

from quorate import Cluster
from quorate.exceptions import ClientClosed, Compacted, Unreachable, WatchCompacted
from quorate.watch import Watch
from tests.unit.client.fake_member import FakeMember
from tests.unit.client.fake_state import FakeState
from tests.unit.client.fast_options import FAST


async def take(watch: Watch, count: int) -> list[int]:
    """The mod revisions of the next `count` events."""
    revisions: list[int] = []
    async with asyncio.timeout(5):
        async for event in watch.events():
            revisions.append(event.kv.mod_revision)
            if len(revisions) == count:
                break
    return revisions


async def test_changes_from_now_on(cluster: Cluster) -> None:
    await cluster.put("a", "before")
    async with cluster.watch("a") as watch:
        await cluster.put("b", "another key")
        await cluster.put("a", "1")
        await cluster.delete("a")
        batches = [await watch.next(), await watch.next()]
    assert [(each.events[0].type, each.events[0].kv.value) for each in batches] == [(0, b"1"), (1, b"")]
    assert [each.revision for each in batches] == [4, 5]


async def test_from_a_revision_and_with_what_was_there_before(cluster: Cluster) -> None:
    await cluster.put("a", "1")
    await cluster.put("a", "2")
    async with cluster.watch("", prefix=True, start_revision=3, previous=True) as watch:
        event = (await watch.next()).events[0]
    assert event.kv.value == b"2"
    assert event.previous is not None
    assert event.previous.value == b"1"


@pytest.mark.parametrize("every", [1, 2, 7])
async def test_cut_connections_leave_no_gap_and_no_duplicate(cluster: Cluster, member: FakeMember, every: int) -> None:
    member.cut_watch_after_events = every
    async with cluster.watch("k", prefix=True) as watch:
        first = watch.next_revision
        writing = asyncio.gather(*(cluster.put(f"k{number}") for number in range(60)))
        assert await take(watch, 60) == list(range(first, first + 60))
        await writing
    assert member.watches >= 60 // every


async def test_what_a_member_sends_again_is_dropped(cluster: Cluster, member: FakeMember) -> None:
    member.watch_repeats = 1
    async with cluster.watch("k", prefix=True) as watch:
        first = watch.next_revision
        for number in range(4):
            await cluster.put(f"k{number}")
            await asyncio.sleep(0.02)
        assert await take(watch, 4) == list(range(first, first + 4))


async def test_changes_between_creation_and_the_first_event_survive_a_cut(cluster: Cluster, member: FakeMember) -> None:
    """From "now" must become a revision at once: a second "now" after the cut would skip what happened between."""
    async with cluster.watch("a") as watch:
        member.cut()
        await cluster.put("a", "1")
        assert await take(watch, 1) == [2]


async def test_it_goes_on_at_another_member(members: list[FakeMember]) -> None:
    async with Cluster([each.url for each in members], options=FAST) as cluster, cluster.watch("a") as watch:
        serving = next(each for each in members if each.watches)
        await serving.stop()
        await cluster.put("a")
        assert await take(watch, 1) == [2]
        await serving.start()


async def test_compaction_is_told_with_the_revision(cluster: Cluster) -> None:
    for number in range(5):
        await cluster.put("a", str(number))
    await cluster.compact(4)
    watch = cluster.watch("a", start_revision=2)
    with pytest.raises(WatchCompacted) as told:
        await watch.next()
    assert isinstance(told.value, Compacted)
    assert (told.value.compact_revision, told.value.next_revision) == (4, 2)
    with pytest.raises(WatchCompacted):
        await watch.next()


async def test_a_cancelled_read_loses_nothing(cluster: Cluster) -> None:
    async with cluster.watch("a") as watch:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(watch.next(), 0.05)
        await cluster.put("a")
        assert await take(watch, 1) == [2]


async def test_nobody_there() -> None:
    async with Cluster(["127.0.0.1:9"], options=FAST._replace(timeout_s=0.2)) as cluster:
        with pytest.raises(Unreachable, match="no member watches"):
            await cluster.watch("a").__aenter__()


async def test_after_closing_it_says_so(cluster: Cluster) -> None:
    async with cluster.watch("a") as watch:
        pass
    with pytest.raises(ClientClosed):
        await watch.next()


def test_a_negative_revision_is_refused() -> None:
    with pytest.raises(ValueError, match="start_revision: -1"):
        Watch(None, b"a", b"", -1)  # type: ignore[arg-type]


class TestOrderedLog:
    async def test_commands_come_in_order_through_cuts(self, cluster: Cluster, member: FakeMember, state: FakeState) -> None:
        async with cluster.follow(5) as follow:
            state.applied += [(5, 0, 0, 0, b"a"), (5, 1, 0, 0, b"b")]
            assert [(await anext(follow)).payload for _ in range(2)] == [b"a", b"b"]
            member.cut()
            state.applied += [(5, 2, 0, 0, b"c"), (9, 0, 0, 0, b"d")]
            got = [await anext(follow) for _ in range(2)]
        assert [(each.index, each.position, each.payload) for each in got] == [(5, 2, b"c"), (9, 0, b"d")]

    async def test_a_repeated_command_of_a_session_is_dropped(self, cluster: Cluster, state: FakeState) -> None:
        state.applied += [
            (2, 0, 7, 1, b"once"),
            (3, 0, 7, 1, b"once"),
            (4, 0, 7, 2, b"next"),
            (5, 0, 0, 0, b"plain"),
            (6, 0, 0, 0, b"plain"),
        ]
        async with cluster.follow() as follow:
            assert [(await anext(follow)).index for _ in range(4)] == [2, 4, 5, 6]

    async def test_it_goes_on_after_a_stored_position(self, cluster: Cluster, state: FakeState) -> None:
        state.applied += [(2, 0, 0, 0, b"a"), (2, 1, 0, 0, b"b"), (3, 0, 0, 0, b"c")]
        async with cluster.follow(2, after_position=0) as follow:
            assert (await anext(follow)).payload == b"b"
