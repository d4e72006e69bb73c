"""The client against a member: what each call does, and what it does when answers are lost."""

from __future__ import annotations

import asyncio

import pytest

from quorate import Cluster, Key, delete, get, put, txn
from quorate.exceptions import (
    ClientClosed,
    Compacted,
    DeadlineExceeded,
    KeyTooLarge,
    LeaseExists,
    LeaseNotFound,
    NoLeader,
    OutcomeUnknown,
    SessionExpired,
    Timeout,
    TooManyPending,
    Unreachable,
)
from quorate.wire.commands import CommandKind, Put
from quorate.wire.results import DeleteRangeResult, RangeResult, TxnResult
from tests.unit.client.fake_member import FakeMember
from tests.unit.client.fake_state import FakeState
from tests.unit.client.fast_options import FAST


class TestKeys:
    async def test_what_is_put_is_got(self, cluster: Cluster) -> None:
        assert (await cluster.put("a", "1")).revision == 2
        kv = await cluster.get("a")
        assert kv is not None
        assert (kv.key, kv.value, kv.create_revision, kv.version) == (b"a", b"1", 2, 1)
        assert await cluster.get("b") is None

    async def test_put_returns_what_was_there_when_asked(self, cluster: Cluster) -> None:
        await cluster.put(b"a", b"\xff")
        result = await cluster.put(b"a", b"2", previous=True)
        assert result.previous is not None and result.previous.value == b"\xff"

    async def test_ranges_and_prefixes(self, cluster: Cluster) -> None:
        for name in ("a", "b/1", "b/2", "c"):
            await cluster.put(name, name)
        assert [kv.key for kv in (await cluster.range("b/", prefix=True)).kvs] == [b"b/1", b"b/2"]
        assert [kv.key for kv in (await cluster.range("a", "b/2")).kvs] == [b"a", b"b/1"]
        assert (await cluster.range("", prefix=True, count_only=True)).count == 4
        assert [kv.key for kv in (await cluster.range("a", b"\x00", sort_order="descend", limit=1)).kvs] == [b"c"]

    async def test_scan_reads_every_page(self, cluster: Cluster) -> None:
        await asyncio.gather(*(cluster.put(f"k/{number:03}", "v") for number in range(57)))
        keys = [kv.key async for kv in cluster.scan("k/", prefix=True, page_keys=10)]
        assert keys == [f"k/{number:03}".encode() for number in range(57)]

    async def test_delete_counts(self, cluster: Cluster) -> None:
        await cluster.put("a/1")
        await cluster.put("a/2", "x")
        result = await cluster.delete("a/", prefix=True, previous=True)
        assert result.deleted == 2
        assert [kv.value for kv in result.previous] == [b"", b"x"]

    async def test_transaction_takes_the_branch_its_conditions_choose(self, cluster: Cluster) -> None:
        def claim(owner: str) -> object:
            return cluster.txn().when(Key("owner").missing).then(put("owner", owner)).otherwise(get("owner")).commit()

        first = await claim("me")  # type: ignore[misc]
        second = await claim("you")  # type: ignore[misc]
        assert isinstance(first, TxnResult) and first.succeeded
        assert isinstance(second, TxnResult) and not second.succeeded
        found = second.results[0]
        assert isinstance(found, RangeResult) and found.kvs[0].value == b"me"

    async def test_transactions_nest(self, cluster: Cluster) -> None:
        await cluster.put("a", "1")
        inner = txn([Key("a").value == "1"], [delete("a")], [put("b", "no")])
        result = await cluster.txn().when(Key("a").version > 0, Key("a").mod_revision < 99).then(inner).commit()
        nested = result.results[0]
        assert isinstance(nested, TxnResult) and nested.succeeded
        assert isinstance(nested.results[0], DeleteRangeResult) and nested.results[0].deleted == 1

    async def test_compaction(self, cluster: Cluster) -> None:
        await cluster.put("a")
        await cluster.compact(2)
        with pytest.raises(Compacted, match="already"):
            await cluster.compact(2)


class TestPipelining:
    async def test_calls_of_one_turn_share_a_message(self, cluster: Cluster, member: FakeMember) -> None:
        await cluster.put("warm")
        before = member.messages
        await asyncio.gather(*(cluster.put(f"k{number}", "v") for number in range(200)))
        assert member.messages - before <= 3

    async def test_in_flight_is_bounded_and_all_get_their_turn(self, member: FakeMember) -> None:
        async with Cluster([member.url], options=FAST._replace(inflight_max=4)) as cluster:
            await asyncio.gather(*(cluster.put(f"k{number}") for number in range(50)))
            assert len(member.state.keys) == 50

    async def test_waiting_callers_are_bounded(self, member: FakeMember) -> None:
        member.silent = True
        async with Cluster([member.url], options=FAST._replace(inflight_max=1, waiting_max=1, timeout_s=0.2)) as cluster:
            results = await asyncio.gather(*(cluster.get("a") for _ in range(3)), return_exceptions=True)
        assert [type(each) for each in results].count(TooManyPending) == 1
        assert [type(each) for each in results].count(DeadlineExceeded) == 2


class TestExactlyOnce:
    async def test_a_write_whose_answer_is_lost_takes_effect_once(self, cluster: Cluster, member: FakeMember, state: FakeState) -> None:
        await cluster.put("n", "0")
        member.cut_after = 1
        result = await cluster.put("n", "1")
        assert result.revision == 3
        assert [each.value for each in state.executed if isinstance(each, Put)] == [b"0", b"1"]
        assert len([each for each in member.requests if each.kind == CommandKind.PUT]) == 3

    async def test_many_writes_through_many_cuts(self, members: list[FakeMember], state: FakeState) -> None:
        for each in members:
            each.cut_after = 3
        async with Cluster([each.url for each in members], options=FAST) as cluster:
            for start in range(0, 200, 20):
                await asyncio.gather(*(cluster.put(f"k{number}", str(number)) for number in range(start, start + 20)))
        keys = [each.key for each in state.executed if isinstance(each, Put)]
        assert len(keys) == 200
        assert len(set(keys)) == 200

    async def test_without_a_session_a_lost_answer_is_an_unknown_outcome(
        self, cluster: Cluster, member: FakeMember, state: FakeState
    ) -> None:
        await cluster.put("n", "0")
        member.cut_after = 1
        with pytest.raises(OutcomeUnknown, match="may have taken effect"):
            await cluster.put("n", "1", retry=False)
        assert len(state.executed) == 2

    async def test_an_expired_session_is_told_and_not_retried(self, cluster: Cluster, state: FakeState) -> None:
        await cluster.put("a", "1")
        state.sessions.clear()
        with pytest.raises(SessionExpired) as told:
            await cluster.put("a", "2")
        assert not told.value.outcome_unknown
        assert len(state.executed) == 1
        await cluster.put("a", "3")  # the next write has a new session
        assert len(state.executed) == 2

    async def test_a_session_that_expires_between_tries_leaves_the_outcome_unknown(
        self, cluster: Cluster, member: FakeMember, state: FakeState
    ) -> None:
        await cluster.put("a", "1")
        member.cut_after = 1
        member.when_cut = state.sessions.clear
        with pytest.raises(SessionExpired) as told:
            await cluster.put("a", "2")
        assert told.value.outcome_unknown
        assert len(state.executed) == 2

    async def test_acked_below_follows_what_is_settled(self, cluster: Cluster, member: FakeMember) -> None:
        for number in range(5):
            await cluster.put("a", str(number))
        puts = [each for each in member.requests if each.kind == CommandKind.PUT]
        assert [(each.seq, each.acked_below) for each in puts] == [(1, 1), (2, 2), (3, 3), (4, 4), (5, 5)]

    async def test_no_number_beyond_the_window(self, member: FakeMember) -> None:
        async with Cluster([member.url], options=FAST._replace(session_window_max=4)) as cluster:
            await asyncio.gather(*(cluster.put(f"k{number}") for number in range(40)))
        assert all(each.seq < each.acked_below + 4 for each in member.requests if each.kind == CommandKind.PUT)
        assert len(member.state.keys) == 40

    async def test_an_idle_session_is_replaced_before_it_can_have_expired(self, member: FakeMember) -> None:
        async with Cluster([member.url], options=FAST._replace(session_ttl_ms=1000)) as cluster:
            await cluster.put("a")
            await asyncio.sleep(0.55)
            await cluster.put("b")
        assert len({each.session for each in member.requests if each.kind == CommandKind.PUT}) == 2

    async def test_the_session_is_closed_with_the_client(self, member: FakeMember, state: FakeState) -> None:
        async with Cluster([member.url], options=FAST) as cluster:
            await cluster.put("a")
            assert len(state.sessions) == 1
        assert state.sessions == {}


class TestFailures:
    async def test_a_refusal_that_passes_is_retried(self, cluster: Cluster, member: FakeMember) -> None:
        member.refuse = ["NoLeader", "TooManyRequests", "Timeout"]
        await cluster.put("a", "1")
        assert member.refuse == []

    async def test_without_a_session_a_timeout_answer_is_raised_as_unknown(self, cluster: Cluster, member: FakeMember) -> None:
        member.refuse = ["Timeout"]
        with pytest.raises(OutcomeUnknown) as told:
            await cluster.put("a", "1", retry=False)
        assert isinstance(told.value, Timeout)

    async def test_a_final_refusal_is_raised_as_its_cause(self, cluster: Cluster, member: FakeMember) -> None:
        member.refuse = ["KeyTooLarge"]
        with pytest.raises(KeyTooLarge) as told:
            await cluster.put("a", "1")
        assert (told.value.code, told.value.retryable, told.value.leader) == (3, False, (2, ""))

    async def test_the_last_refusal_tells_why_the_deadline_passed(self, cluster: Cluster, member: FakeMember) -> None:
        member.refuse = ["NoLeader"] * 1000
        with pytest.raises(NoLeader):
            await cluster.get("a", timeout_s=0.2)

    async def test_nobody_there(self) -> None:
        async with Cluster(["127.0.0.1:9"], options=FAST) as cluster:
            with pytest.raises(Unreachable, match=r"127\.0\.0\.1:9"):
                await cluster.put("a", timeout_s=0.3)

    async def test_a_silent_member_leaves_a_read_unanswered_and_a_write_unknown(self, cluster: Cluster, member: FakeMember) -> None:
        await cluster.put("a")
        member.silent = True
        with pytest.raises(DeadlineExceeded):
            await cluster.get("a", timeout_s=0.1)
        with pytest.raises(OutcomeUnknown):
            await cluster.put("a", timeout_s=0.1)

    async def test_a_cancelled_call_is_forgotten(self, cluster: Cluster, member: FakeMember) -> None:
        await cluster.put("a")
        member.silent = True
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(cluster.put("a", "2"), 0.05)
        assert cluster._dispatcher.live == 0
        member.silent = False
        assert (await cluster.put("a", "3")).revision == 4

    async def test_outside_of_its_block_the_client_says_so(self, member: FakeMember) -> None:
        cluster = Cluster([member.url])
        with pytest.raises(ClientClosed, match="async with"):
            await cluster.get("a")
        async with cluster:
            pass
        with pytest.raises(ClientClosed):
            await cluster.get("a")
        with pytest.raises(ClientClosed):
            cluster.watch("a")

    async def test_closing_ends_what_is_under_way(self, member: FakeMember) -> None:
        member.silent = True
        async with Cluster([member.url], options=FAST) as cluster:
            reading = asyncio.create_task(cluster.get("a"))
            await asyncio.sleep(0.05)
        with pytest.raises(ClientClosed):
            await reading

    async def test_a_number_beyond_64_bits_is_refused_here(self, cluster: Cluster) -> None:
        with pytest.raises(ValueError, match="cannot be encoded"):
            await cluster.put("a", lease=2**70)
        assert cluster._dispatcher.live == 0


class TestFailover:
    async def test_the_leader_is_found_and_preferred(self, members: list[FakeMember]) -> None:
        async with Cluster([members[1].url], options=FAST) as cluster:
            await cluster.put("a")
            await asyncio.sleep(0.1)
            await cluster.put("b")
        assert [each.kind for each in members[0].requests].count(CommandKind.PUT) == 1

    async def test_not_leader_names_where_to_go(self, members: list[FakeMember]) -> None:
        members[1].refuse = ["NotLeader"]
        members[1].refuse_leader_url = members[2].url
        async with Cluster([members[1].url], options=FAST._replace(prefer_leader=True, leader_check_s=60)) as cluster:
            members[1].leader_url = members[1].url
            await cluster.put("a")
        assert [each.kind for each in members[2].requests].count(CommandKind.PUT) == 1

    async def test_calls_go_on_when_a_member_dies(self, members: list[FakeMember]) -> None:
        async with Cluster([each.url for each in members], options=FAST) as cluster:
            await cluster.put("a", "1")
            await members[0].stop()
            for each in members[1:]:
                each.leader_url = members[1].url
            results = await asyncio.gather(*(cluster.put(f"k{number}") for number in range(20)))
            assert len(results) == 20
            await members[0].start()

    async def test_a_frozen_member_is_left_by_its_silence(self, members: list[FakeMember], monkeypatch: pytest.MonkeyPatch) -> None:
        """Only pings can tell a frozen member: the connection stays up."""
        async with Cluster([members[0].url, members[1].url], options=FAST) as cluster:
            await cluster.put("a")
            await asyncio.sleep(0.05)
            connection = cluster._connector.current
            assert connection is not None
            frozen = next(each for each in members if each.url == connection.url)
            for each in members:
                each.leader_url = next(other.url for other in members[:2] if other is not frozen)
            for socket in frozen.sockets:
                assert socket._req is not None and socket._req.transport is not None
                socket._req.transport.pause_reading()  # type: ignore[attr-defined]
            assert (await cluster.put("b")).revision == 3

    async def test_one_that_was_refused_is_asked_again_while_another_hangs(self, member: FakeMember) -> None:
        """A pod that has gone hangs for all of `connect_timeout_s`; one whose name was unknown at first has come meanwhile."""
        silent = await asyncio.start_server(swallow, "127.0.0.1", 0)
        hanging = f"http://127.0.0.1:{silent.sockets[0].getsockname()[1]}"
        await member.stop()
        options = FAST._replace(connect_timeout_s=1.8, hedge_s=0.02)
        async with Cluster([hanging, member.url], options=options) as cluster:
            writing = asyncio.create_task(cluster.put("a", "1"))
            await asyncio.sleep(0.2)
            assert not writing.done()
            await member.start()
            await asyncio.wait_for(writing, 0.9)
        silent.close()

    async def test_a_member_that_accepts_and_says_nothing_costs_little(self, members: list[FakeMember]) -> None:
        """A frozen process still accepts connections: its kernel does."""
        frozen = await asyncio.start_server(swallow, "127.0.0.1", 0)
        address = f"127.0.0.1:{frozen.sockets[0].getsockname()[1]}"
        async with Cluster([address, members[0].url], options=FAST._replace(connect_timeout_s=5.0, hedge_s=0.05)) as cluster:
            for _ in range(3):  # the order of the endpoints is drawn: at least once the frozen one is asked first
                cluster._endpoints._given.sort(key=lambda url: url != f"http://{address}")
                await asyncio.wait_for(cluster.put("a"), 1.0)
                for each in members:
                    each.cut()
                await asyncio.sleep(0.01)
        frozen.close()


async def swallow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Of a member that takes a connection and never says anything."""
    await reader.read()
    writer.close()


class TestLeases:
    async def test_a_lease_keeps_itself_alive_and_is_revoked_at_the_end(
        self, cluster: Cluster, member: FakeMember, state: FakeState
    ) -> None:
        async with cluster.lease(150) as lease:
            await cluster.put("here", "yes", lease=lease.id)
            await asyncio.sleep(0.4)
            lease.check()
            assert [each.kind for each in member.requests].count(CommandKind.LEASE_KEEPALIVE) >= 4
        assert state.leases == {} and state.keys == {}

    async def test_a_lease_that_is_gone_is_told(self, cluster: Cluster, state: FakeState) -> None:
        async with cluster.lease(150) as lease:
            state.expire(lease.id)
            await asyncio.wait_for(lease.lost.wait(), 1)
            assert "expired" in lease.reason

    async def test_a_lease_that_cannot_be_renewed_is_given_up_in_time(self, cluster: Cluster, member: FakeMember) -> None:
        async with cluster.lease(200) as lease:
            await asyncio.sleep(0.1)
            assert [each.kind for each in member.requests].count(CommandKind.LEASE_KEEPALIVE) == 1
            member.silent = True
            await asyncio.wait_for(lease.lost.wait(), 0.5)
            assert lease.remaining_s == 0
            member.silent = False

    async def test_by_hand(self, cluster: Cluster) -> None:
        granted = await cluster.lease_grant(5000, lease=7)
        assert (granted.lease, granted.ttl_ms) == (7, 5000)
        with pytest.raises(LeaseExists):
            await cluster.lease_grant(5000, lease=7)
        assert await cluster.lease_keep_alive(7, 8) == {7: 5000, 8: -1}
        assert await cluster.lease_revoke(7) == 1
        with pytest.raises(LeaseNotFound):
            await cluster.lease_revoke(7)


async def test_what_no_request_may_hold_is_refused_before_it_is_sent(cluster: Cluster) -> None:
    with pytest.raises(ValueError, match="revision: -1; neither may be negative"):
        await cluster.get("a", revision=-1)
    with pytest.raises(ValueError, match="consistency: 'strong' must be one of linearizable, lease, stale"):
        await cluster.get("a", consistency="strong")  # type: ignore[arg-type]
