"""Locks exclude, elections elect one, barriers hold, queues hand out once."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable

import pytest

from quorate import Barrier, Cluster, DoubleBarrier, Election, Lock, Queue, get, put
from quorate.exceptions import LockLost, QueueFull
from tests.unit.client.fake_member import FakeMember
from tests.unit.client.fake_state import FakeState


async def soon(work: Awaitable[object]) -> object:
    return await asyncio.wait_for(work, 3)


class TestLock:
    async def test_one_at_a_time_in_the_order_of_arrival_with_growing_tokens(self, cluster: Cluster) -> None:
        inside = 0
        order: list[tuple[int, int]] = []

        async def work(number: int) -> None:
            nonlocal inside
            async with Lock(cluster, "jobs") as lock:
                inside += 1
                assert inside == 1
                order.append((number, lock.token))
                await asyncio.sleep(0.01)
                inside -= 1

        tasks = []
        for number in range(5):
            tasks.append(asyncio.create_task(work(number)))
            await asyncio.sleep(0.02)
        await soon(asyncio.gather(*tasks))
        assert [number for number, _ in order] == [0, 1, 2, 3, 4]
        assert sorted(token for _, token in order) == [token for _, token in order]

    async def test_a_waiter_watches_its_predecessor_only(self, cluster: Cluster, member: FakeMember) -> None:
        async with Lock(cluster, "jobs"):
            waiters = [asyncio.create_task(Lock(cluster, "jobs").acquire()) for _ in range(3)]
            await asyncio.sleep(0.1)
            assert member.watches == 3
        await soon(waiters[0])
        await asyncio.sleep(0.05)
        assert member.watches == 3, "a release wakes one waiter, the others' watches stay"
        assert not waiters[1].done() and not waiters[2].done()
        for each in waiters[1:]:
            each.cancel()
        await asyncio.gather(*waiters, return_exceptions=True)

    async def test_waiting_can_time_out_and_leaves_nothing(self, cluster: Cluster, state: FakeState) -> None:
        async with Lock(cluster, "jobs"):
            with pytest.raises(TimeoutError, match=r"waited 0\.1 s for jobs to be free"):
                await Lock(cluster, "jobs").acquire(timeout_s=0.1)
            assert len(state.keys) == 1
            assert len(state.leases) == 1

    async def test_a_cancelled_waiter_leaves_nothing(self, cluster: Cluster, state: FakeState) -> None:
        async with Lock(cluster, "jobs"):
            waiter = asyncio.create_task(Lock(cluster, "jobs").acquire())
            await asyncio.sleep(0.05)
            waiter.cancel()
            with pytest.raises(asyncio.CancelledError):
                await waiter
            assert len(state.keys) == 1
        assert state.keys == {}

    async def test_the_body_is_cancelled_when_the_lease_is_lost(self, cluster: Cluster, state: FakeState) -> None:
        with pytest.raises(LockLost, match="expired"):
            async with Lock(cluster, "jobs", ttl_ms=150):
                state.expire(next(iter(state.leases)))
                await asyncio.sleep(5)
        task = asyncio.current_task()
        assert task is not None
        assert task.cancelling() == 0
        await asyncio.sleep(0)

    async def test_a_loss_without_cancelling_is_flagged_and_raised_at_the_end(self, cluster: Cluster, state: FakeState) -> None:
        with pytest.raises(LockLost):
            async with Lock(cluster, "jobs", ttl_ms=150, cancel_on_loss=False) as lock:
                assert lock.held
                state.expire(next(iter(state.leases)))
                await asyncio.sleep(0.2)
                assert not lock.held
                with pytest.raises(LockLost):
                    lock.check()

    async def test_an_error_of_the_body_is_not_hidden(self, cluster: Cluster) -> None:
        with pytest.raises(KeyError):
            async with Lock(cluster, "jobs"):
                raise KeyError("mine")

    async def test_a_cancellation_from_outside_stays_one(self, cluster: Cluster, state: FakeState) -> None:
        async def work() -> None:
            async with Lock(cluster, "jobs"):
                await asyncio.sleep(5)

        task = asyncio.create_task(work())
        await asyncio.sleep(0.05)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert state.keys == {}

    async def test_fenced_writes_of_a_past_holder_are_refused(self, cluster: Cluster, state: FakeState) -> None:
        old = Lock(cluster, "jobs")
        await old.acquire()
        result = await old.txn().then(put("report", "1"), get("report")).commit()
        assert result.succeeded
        state.expire(next(iter(state.leases)))  # the holder does not know yet: it was paused
        async with Lock(cluster, "jobs") as new:
            assert new.token > old.token
            with pytest.raises(LockLost, match="refused"):
                await old.txn().then(put("report", "2")).commit()
        assert state.keys[b"report"].value == b"1"
        await old.release()

    async def test_a_fenced_transaction_tells_its_own_conditions_apart(self, cluster: Cluster) -> None:
        from quorate import Key

        async with Lock(cluster, "jobs") as lock:
            result = await lock.txn().when(Key("none").exists).then(put("a")).otherwise(put("b")).commit()
            assert not result.succeeded
            assert await cluster.get("b") is not None

    async def test_not_held(self, cluster: Cluster) -> None:
        lock = Lock(cluster, "jobs")
        with pytest.raises(LockLost):
            _ = lock.token
        with pytest.raises(LockLost):
            lock.check()
        with pytest.raises(LockLost):
            lock.txn()
        await lock.release()
        with pytest.raises(ValueError, match="name"):
            Lock(cluster, "")

    async def test_acquiring_twice_is_a_mistake(self, cluster: Cluster) -> None:
        async with Lock(cluster, "jobs") as lock:
            with pytest.raises(RuntimeError, match="contends already"):
                await lock.acquire()


class TestElection:
    async def test_one_leads_and_is_followed_by_the_next(self, cluster: Cluster) -> None:
        first, second = Election(cluster, "e", value="one"), Election(cluster, "e", value="two")
        await first.campaign()
        waiting = asyncio.create_task(second.campaign())
        await asyncio.sleep(0.05)
        leader = await second.leader()
        assert leader is not None
        assert (leader.value, leader.create_revision) == (b"one", first.token)
        assert not waiting.done()
        await first.resign()
        assert await waiting > 0
        leader = await first.leader()
        assert leader is not None and leader.value == b"two"
        await second.resign()
        assert await first.leader() is None

    async def test_a_leader_proclaims(self, cluster: Cluster, state: FakeState) -> None:
        async with Election(cluster, "e", value="one") as election:
            token = election.token
            await election.proclaim("changed")
            leader = await election.leader()
            assert leader is not None
            assert (leader.value, leader.create_revision) == (b"changed", token)
            assert leader.lease in state.leases

    async def test_observers_see_every_leader(self, cluster: Cluster) -> None:
        seen: list[bytes | None] = []

        async def observe() -> None:
            async for leader in Election(cluster, "e").observe():
                seen.append(leader.value if leader else None)

        observer = asyncio.create_task(observe())
        for name in ("one", "two"):
            await asyncio.sleep(0.1)
            async with Election(cluster, "e", value=name):
                await asyncio.sleep(0.1)
        await asyncio.sleep(0.1)
        observer.cancel()
        await asyncio.gather(observer, return_exceptions=True)
        assert seen == [None, b"one", None, b"two", None]


class TestBarriers:
    async def test_a_barrier_holds_until_released(self, cluster: Cluster) -> None:
        barrier = Barrier(cluster, "b")
        await soon(barrier.wait())
        assert await barrier.hold()
        assert not await barrier.hold()
        with pytest.raises(TimeoutError, match=r"waited 0\.05 s for the barrier to be released"):
            await barrier.wait(timeout_s=0.05)
        waiting = asyncio.create_task(barrier.wait())
        await asyncio.sleep(0.05)
        assert await Barrier(cluster, "b").release()
        await soon(waiting)
        assert not await barrier.release()

    async def test_parties_start_and_end_together_round_after_round(self, cluster: Cluster, state: FakeState) -> None:
        for _ in range(2):
            arrived: list[int] = []
            done: list[int] = []
            left: list[int] = []

            async def party(number: int, arrived: list[int] = arrived, done: list[int] = done, left: list[int] = left) -> None:
                await asyncio.sleep(number * 0.03)
                arrived.append(number)
                async with DoubleBarrier(cluster, "d", 3):
                    assert len(arrived) == 3, "nobody starts before all are there"
                    await asyncio.sleep(number * 0.03)
                    done.append(number)
                assert len(done) == 3, "nobody leaves before all are done"
                left.append(number)

            await soon(asyncio.gather(*(party(number) for number in range(3))))
            assert len(left) == 3
            assert state.keys == {}

    async def test_too_few_time_out_and_leave_nothing(self, cluster: Cluster, state: FakeState) -> None:
        with pytest.raises(TimeoutError, match=r"waited 0\.1 s for 2 parties to come"):
            await DoubleBarrier(cluster, "d", 2, timeout_s=0.1).enter()
        assert state.keys == {}


class TestQueue:
    async def test_first_in_first_out_within_a_priority(self, cluster: Cluster) -> None:
        queue = Queue(cluster, "q")
        for number in range(12):
            await queue.put(str(number), priority=number % 2)
        assert await queue.size() == 12
        first = await queue.peek()
        assert first is not None and (first.value, first.priority) == (b"0", 0)
        taken = [(await queue.get()).value for _ in range(12)]
        assert taken == [str(number).encode() for number in (0, 2, 4, 6, 8, 10, 1, 3, 5, 7, 9, 11)]
        assert await queue.get_nowait() is None

    async def test_every_item_is_taken_once(self, cluster: Cluster) -> None:
        queue = Queue(cluster, "q")
        takers = [asyncio.create_task(self._take(Queue(cluster, "q"), 10)) for _ in range(4)]
        await asyncio.gather(*(queue.put(str(number)) for number in range(40)))
        taken = [value for each in await asyncio.gather(*takers) for value in each]
        assert sorted(taken, key=int) == [str(number).encode() for number in range(40)]

    async def _take(self, queue: Queue, count: int) -> list[bytes]:
        return [(await queue.get(timeout_s=3)).value for _ in range(count)]

    async def test_a_taker_waits(self, cluster: Cluster) -> None:
        queue = Queue(cluster, "q")
        with pytest.raises(TimeoutError, match=r"waited 0\.05 s for an item"):
            await queue.get(timeout_s=0.05)
        waiting = asyncio.create_task(queue.get())
        await asyncio.sleep(0.05)
        put_item = await queue.put("x")
        assert await soon(waiting) == put_item

    async def test_it_can_be_bounded(self, cluster: Cluster) -> None:
        queue = Queue(cluster, "q", length_max=1)
        await queue.put("x")
        with pytest.raises(QueueFull, match="length_max is 1"):
            await queue.put("y")

    async def test_bad_settings(self, cluster: Cluster) -> None:
        with pytest.raises(ValueError, match="priority: -1"):
            await Queue(cluster, "q").put("x", priority=-1)
        with pytest.raises(ValueError, match="length_max: -1"):
            Queue(cluster, "q", length_max=-1)
