"""Every failpoint is reached: by members in one process, by stores on a real disk, and (see `reached.REAL_MEMBERS`) by real processes."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from quorate.wire.commands import Command, CommandKind, LeaseGrant
from quorate_node.failpoints import SITES, Failpoints
from quorate_node.replica.recovery import recover_log
from quorate_node.replica.service import Consistency
from quorate_node.replica.settings import ReplicaSettings
from quorate_node.store import Identity
from quorate_node.telemetry.telemetry import Telemetry
from quorate_node.transport.interface import PeerFailure
from tests.unit.replica.damaged import left_behind
from tests.unit.replica.network import LocalCluster, Node
from tests.unit.replica.test_cluster import get, put
from tests.unit.store.spoiled import in_files, spoil
from tests.unit.store.support import VOTERS, Member, append, entries, entry, file_backend, persist
from tests.unit.store.support import put as write

from . import reached
from .reached import names

FAR_BEHIND = {"compact_every_entries": 20, "log_keep_entries": 5, "compact_check_ms": 50}


def assert_reached(failpoints: Failpoints, *scenarios: str) -> None:
    missing = sorted(name for scenario in scenarios for name in names(scenario) if not failpoints.hits.get(name))
    assert missing == []


def test_all_of_them_belong_to_a_scenario() -> None:
    claimed = set().union(*map(names, reached.SCENARIOS))
    assert sorted(set(SITES) - claimed) == [], "add them to a scenario that reaches them"
    assert sorted(claimed - set(SITES)) == []


async def test_a_cluster_that_is_founded_joined_and_used(failpoints: Failpoints) -> None:
    async with LocalCluster(3) as cluster:
        await cluster.formed()
        for node in cluster.nodes:
            await node.service.execute(put(b"key", b"value"))
            assert await get(node, b"key") == b"value"
        leader = cluster.leader()
        await cluster.until(leader.service.lease_holds)
        assert await get(leader, b"key", Consistency.LEASE) == b"value"
    assert_reached(failpoints, reached.FOUNDED, reached.AT_WORK)


async def test_a_cluster_that_is_cared_for(failpoints: Failpoints) -> None:
    quick = {"digest_interval_ms": 20, "scrub_interval_ms": 20, "expiry_interval_ms": 20, "disk_stall_ms": 50}
    async with LocalCluster(3, **quick) as cluster:
        await cluster.formed()
        leader = cluster.leader()
        grant = msgspec.Raw(msgspec.msgpack.encode(LeaseGrant(1000, 7)))
        await leader.service.execute(Command(CommandKind.LEASE_GRANT, 1, 0, 0, 0, "", 0, grant))
        await cluster.until(lambda: not leader.service.machine.leases().leases)  # type: ignore[attr-defined]
        _stall(cluster.leader(), 0.5)
        await cluster.leader().service.execute(put(b"key", b"value"))
        await cluster.until(lambda: failpoints.hits.get("transfer.before_request", 0) > 0)
    assert_reached(failpoints, reached.CARED_FOR)


def _stall(node: Node, seconds: float) -> None:
    """Of this member alone: a failpoint would stall them all, and leave no successor."""
    log: Any = node.storage.log
    inner = log.write

    def stalled(batches: Any) -> None:
        time.sleep(seconds)
        inner(batches)

    log.write = stalled


async def test_a_member_that_falls_behind_is_sent_a_snapshot(failpoints: Failpoints) -> None:
    async with LocalCluster(3, **FAR_BEHIND) as cluster:
        await cluster.formed()
        behind = cluster.followers()[0]
        await behind.crash()
        leader = cluster.leader()
        for number in range(60):
            await leader.service.execute(put(b"k%d" % number, b"v"))
        await cluster.until(lambda: leader.service.status().first_index > behind.disk_last_index())
        await behind.start()
        await cluster.until(lambda: behind.replica.member is not None and behind.service.status().first_index > 20)
    assert_reached(failpoints, reached.COMPACTED, reached.SNAPSHOT)


def has_a_successor(node: Node) -> bool:
    """It leads, and has heard of one that could: before that, a leader that stops has nobody to hand over to."""
    member = node.replica.member
    return not node.replica.stopping and node.service.is_leader() and member is not None and member.administration.best_successor() != 0


async def test_leaders_that_stop_and_die(failpoints: Failpoints) -> None:
    async with LocalCluster(3) as cluster:
        await cluster.formed()
        await cluster.leader().crash()
        await cluster.until(lambda: any(has_a_successor(node) for node in cluster.nodes))
        await cluster.leader().stop()
    assert_reached(failpoints, reached.STOPPED)


async def test_a_snapshot_that_is_restored(failpoints: Failpoints) -> None:
    async with LocalCluster(1) as cluster:
        await cluster.formed()
        await cluster.nodes[0].service.execute(put(b"key", b"value"))
        pieces = [piece async for piece in cluster.nodes[0].service.snapshot_stream()]

    async def stream() -> AsyncIterator[bytes]:
        for piece in pieces:
            yield piece

    restored = LocalCluster(1)
    restored.nodes[0].token = ""
    async with restored:
        await restored.nodes[0].service.bootstrap("another", stream())
        await restored.formed()
    assert_reached(failpoints, reached.RESTORED)


@pytest.mark.parametrize("tail", [False, True])
async def test_a_log_that_is_repaired(tail: bool, failpoints: Failpoints) -> None:
    async with LocalCluster(3) as cluster:
        await cluster.formed()
        for number in range(10):
            await cluster.leader().service.execute(put(b"k%d" % number, b"v"))
        hurt = cluster.followers()[0]
        await cluster.until(lambda: hurt.service.status().applied_index == cluster.leader().service.status().applied_index)
        last = hurt.disk_last_index()
        await hurt.crash()
        if tail:
            hurt.disk.damage_record(last)
            hurt.disk.damage_marker()
        else:
            hurt.disk.damage_record(last - 4)
        await hurt.start()
        await cluster.until(lambda: hurt.replica.member is not None)
    assert_reached(failpoints, "recovery.before", reached.FETCHED_ANEW if tail else reached.REPAIRED)


class Nobody:
    """A transport that reaches no peer."""

    async def request(self, *_: object) -> bytes:
        raise PeerFailure("nobody is there", sent=False)


async def test_a_log_whose_damage_the_state_outlived(failpoints: Failpoints, tmp_path: Path) -> None:
    async with LocalCluster(1) as cluster:
        await cluster.formed()
        node = cluster.nodes[0]
        for number in range(10):
            await node.service.execute(put(b"k%d" % number, b"v"))
        machine = node.service.machine
        node.disk.damage_record(3)
        node.storage.log.scrub(1, machine.applied_index + 1)
        await recover_log(ReplicaSettings(join_retry_ms=1), node.storage, machine, Nobody(), (2,), Telemetry())  # type: ignore[arg-type]
        assert node.storage.log.damaged() == [] and node.storage.log.first_index() == machine.applied_index + 1
    assert_reached(failpoints, reached.REBASED)


async def test_damage_that_everybody_has_compacted(failpoints: Failpoints) -> None:
    async with left_behind() as (cluster, hurt):
        hurt.disk.damage_record(hurt.disk_last_index() - 4)
        await hurt.start()
        await cluster.until(lambda: hurt.replica.member is not None)
    assert_reached(failpoints, reached.STATE_FETCHED)


async def test_a_witness_that_keeps_how_far_it_is(failpoints: Failpoints) -> None:
    cluster = LocalCluster(2)
    cluster.nodes.append(Node(cluster, 3, witness=True))
    async with cluster:
        await cluster.formed()
    assert_reached(failpoints, reached.WITNESSED)


def test_stores_in_rocksdb(failpoints: Failpoints, tmp_path: Path) -> None:
    member = Member("rocksdb", tmp_path)
    append(member.log, 1, 11)
    member.log.forget_tail(5)
    member.stores.directory.set_identity(Identity(1, 2, "m"))
    member.stores.switch_state(member.stores.build_state())
    member.stores.close()
    assert_reached(failpoints, reached.ROCKSDB_STORE)


def test_a_log_in_rocksdb_with_a_block_that_cannot_be_read(failpoints: Failpoints, tmp_path: Path) -> None:
    spoil(in_files(tmp_path), 20)
    Member("rocksdb", tmp_path).stores.close()
    assert_reached(failpoints, reached.ROCKSDB_REBUILT)


def test_stores_with_a_log_in_files(failpoints: Failpoints, tmp_path: Path) -> None:
    member = Member("file", tmp_path)
    for index in range(1, 60):
        write(member.log, persist([entry(index, data=bytes(16 * 1024))]))
    member.log.compact(50, VOTERS)
    batches = [persist(entries(60, 62))]
    assert member.stores.log.begin(batches) is not None
    member.stores.log.synced(0)
    member.stores.log.written(batches)
    file_backend(member.log).pool.wait()
    member.stores.close()
    assert_reached(failpoints, reached.FILE_STORE)
