"""What housekeeping sees and does: divergence stops a member, a stalled disk moves the leadership, a full one refuses writes."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any, cast
from unittest.mock import Mock

import pytest

from quorate_node.machine.kv import KeyValueMachine
from quorate_node.protocol.message import SnapshotMetadata
from quorate_node.replica.housekeeping import Diverged
from quorate_node.replica.service import Consistency, ServiceError
from quorate_node.replica.storage import Storage

from .network import LocalCluster
from .test_cluster import get, put


async def test_a_member_whose_state_differs_from_the_majority_stops_and_says_so() -> None:
    async with LocalCluster(3, digest_interval_ms=50) as cluster:
        await cluster.formed()
        for number in range(5):
            await cluster.leader().service.execute(put(b"k%d" % number, b"v"))
        wrong = cluster.followers()[0]
        for node in cluster.nodes:
            machine: Any = node.service.machine
            machine._ring.add(3, b"another" if node is wrong else b"the same")
        await cluster.until(lambda: wrong.replica.stopped_because is not None)
        assert isinstance(wrong.replica.stopped_because, Diverged)
        status = wrong.service.status()
        assert status.role == "stopped" and any("differs from the majority" in error for error in status.errors)
        rest = [node for node in cluster.nodes if node is not wrong]
        assert all(node.replica.stopped_because is None for node in rest)
        assert await rest[0].service.execute(put(b"after", b"v"))


async def test_a_leader_whose_disk_stalls_hands_over() -> None:
    async with LocalCluster(3, disk_stall_ms=150) as cluster:
        await cluster.formed()
        await asyncio.sleep(0.1)
        slow = cluster.leader()
        log: Any = slow.storage.log
        write = log.write

        def stalled(batches: Any) -> None:
            time.sleep(1.5)
            write(batches)

        log.write = stalled
        pending = asyncio.create_task(slow.service.execute(put(b"k", b"v")))
        await cluster.until(lambda: any(node.service.is_leader() for node in cluster.nodes if node is not slow), timeout_s=1.4)
        await pending
        for node in cluster.nodes:
            assert await get(node, b"k") == b"v"


@contextmanager
def slowed_down(cluster: LocalCluster, writes_s: Callable[[], float]) -> Iterator[None]:
    """Every write of every member's log takes so long: all of them are on one machine, and its disk has too much to do."""
    logs: list[Any] = [node.storage.log for node in cluster.nodes]
    sound = [log.write for log in logs]

    def slow(write: Callable[[Any], None], batches: Any) -> None:
        time.sleep(writes_s())
        write(batches)

    for log, write in zip(logs, sound, strict=True):
        log.write = partial(slow, write)
    yield
    for log, write in zip(logs, sound, strict=True):
        log.write = write


async def terms_under_load(cluster: LocalCluster, seconds: float) -> tuple[int, int]:
    """(changes of the term, writes that succeeded) while one client writes."""
    before, succeeded = cluster.leader().service.status().term, 0
    until_s = asyncio.get_running_loop().time() + seconds
    while asyncio.get_running_loop().time() < until_s:
        try:
            leader = next(node for node in cluster.nodes if node.service.is_leader())
            await leader.service.execute(put(b"k%d" % succeeded, b"v"))
            succeeded += 1
        except (ServiceError, StopIteration):
            await asyncio.sleep(0.01)
    return max(node.service.status().term for node in cluster.nodes) - before, succeeded


async def test_where_all_disks_are_slow_leadership_stays() -> None:
    """Nobody has on disk what the leader has not: leading would be no better elsewhere, and the change costs more than it brings."""
    async with LocalCluster(3, disk_stall_ms=50) as cluster:
        await cluster.formed()
        with slowed_down(cluster, lambda: 0.3):
            changes, succeeded = await terms_under_load(cluster, 3.0)
    assert changes <= 1, f"{changes} leaders in 3 s"
    assert succeeded >= 3


async def test_where_now_this_disk_and_now_that_is_slow_leadership_does_not_go_round() -> None:
    """Another is always faster at the moment. A leader that has just come stays a while all the same."""
    generator = random.Random(7)
    async with LocalCluster(3, disk_stall_ms=150) as cluster:
        await cluster.formed()
        with slowed_down(cluster, lambda: generator.choice((0.0, 0.25))):
            changes, succeeded = await terms_under_load(cluster, 4.0)
    assert changes <= 4, f"{changes} leaders in 4 s"
    assert succeeded >= 10


async def test_a_leader_without_space_refuses_writes_serves_reads_and_recovers() -> None:
    async with LocalCluster(3, space_check_ms=20) as cluster:
        await cluster.formed()
        leader = cluster.leader()
        await leader.service.execute(put(b"k", b"v"))
        storage: Any = leader.storage
        storage.space_error = lambda: "free space on the data volume is below 1 byte"
        await cluster.until(lambda: any("NoSpace" in error for error in leader.service.status().errors))
        with pytest.raises(ServiceError) as refused:
            await leader.service.execute(put(b"k", b"more"))
        assert refused.value.error == "NoSpace" and "free space" in refused.value.message
        assert await get(leader, b"k", Consistency.LINEARIZABLE) == b"v"
        storage.space_error = lambda: None
        await cluster.until(lambda: leader.service.status().errors == ())
        assert await leader.service.execute(put(b"k", b"more"))


async def test_a_failed_sync_stops_the_member_and_the_others_go_on() -> None:
    async with LocalCluster(3) as cluster:
        await cluster.formed()
        broken = cluster.leader()
        broken.disk.sync_fails = True
        write = asyncio.create_task(broken.service.execute(put(b"k", b"v")))
        await cluster.until(lambda: broken.replica.stopped_because is not None)
        write.cancel()
        await broken.crash()
        rest = [node for node in cluster.nodes if node is not broken]
        await cluster.until(lambda: any(node.service.is_leader() for node in rest))
        assert await rest[0].service.execute(put(b"after", b"v"))


async def test_compaction_leaves_a_log_alone_whose_place_a_snapshot_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    """A snapshot's state is swapped in before its log begins: in between the state is far ahead of the log."""
    swap, ahead = Storage.swap_state, []

    async def swap_and_compact(storage: Storage, metadata: SnapshotMetadata) -> None:
        await swap(storage, metadata)
        ahead.append(storage.log.last_index() < metadata.index)
        member = behind.replica.member
        assert member is not None
        await member.housekeeping._compact()

    monkeypatch.setattr(Storage, "swap_state", swap_and_compact)
    changes = {"compact_every_entries": 20, "log_keep_entries": 5, "compact_check_ms": 50}
    async with LocalCluster(3, **changes) as cluster:
        await cluster.formed()
        behind = cluster.followers()[0]
        await behind.crash()
        for number in range(60):
            await cluster.leader().service.execute(put(b"k%d" % number, b"v"))
        await cluster.until(lambda: cluster.leader().service.status().first_index > behind.disk_last_index())
        await behind.start()
        await cluster.until(lambda: behind.replica.member is not None and behind.service.status().first_index > 20)
        assert ahead and all(ahead)
        assert behind.replica.stopped_because is None


async def test_a_log_is_not_compacted_while_a_snapshot_takes_its_place() -> None:
    """The machine has the snapshot's members already: the old log would be said to begin with them."""
    async with LocalCluster(1, compact_every_entries=20, log_keep_entries=5, compact_check_ms=3_600_000) as cluster:
        await cluster.formed()
        node = cluster.leader()
        for number in range(40):
            await node.service.execute(put(b"k%d" % number, b"v"))
        member = node.replica.member
        assert member is not None
        member.engine._paused = True
        await member.housekeeping._compact()
        assert node.storage.log.snapshot().index == 0
        member.engine._paused = False
        await member.housekeeping._compact()
        assert node.storage.log.snapshot().index > 0


async def test_compaction_lets_a_log_be_that_begins_later_already() -> None:
    """The state's flush takes a while, in which a snapshot may be installed: then there is nothing to compact any more."""
    async with LocalCluster(1, compact_every_entries=20, log_keep_entries=5, compact_check_ms=3_600_000) as cluster:
        await cluster.formed()
        node = cluster.leader()
        for number in range(40):
            await node.service.execute(put(b"k%d" % number, b"v"))
        member, storage = node.replica.member, cast(Any, node.storage)
        assert member is not None
        flush = storage.flush_state

        async def flush_and_reset() -> None:
            await flush()
            machine = node.service.machine
            await storage.reset_log(SnapshotMetadata(machine.applied_index, machine.applied_term, machine.configuration, machine.chain))

        storage.flush_state = flush_and_reset
        await member.housekeeping._compact()
        assert storage.log.first_index() == node.service.machine.applied_index + 1
        assert node.replica.stopped_because is None


async def test_a_state_is_never_flushed_while_a_snapshot_takes_its_place() -> None:
    """The exchange closes the old state; compaction, about to flush it, found it closed and stopped the member."""
    async with LocalCluster(1) as cluster:
        await cluster.formed()
        storage = cast(Any, cluster.nodes[0].storage)
        order: list[str] = []

        class Slow:
            def flush(self) -> None:
                order.append("flush begins")
                time.sleep(0.1)
                order.append("flush ends")

        class Stores:
            state = Slow()

            def switch_state(self, built: object) -> None:
                order.append("switch")

        stores, storage._stores = storage._stores, Stores()
        machine, storage._machine = storage._machine, Mock(spec=KeyValueMachine)
        storage._built = object()
        flushing = asyncio.create_task(storage.flush_state())
        await asyncio.sleep(0.02)
        await storage.swap_state(SnapshotMetadata(9, 1, machine.configuration))
        await flushing
        storage._stores, storage._machine = stores, machine
        assert order == ["flush begins", "flush ends", "switch"]
