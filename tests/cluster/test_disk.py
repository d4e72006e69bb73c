"""What disks do to either kind of log: torn last writes, bits that turn over, space that runs out."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import Any

import pytest

from tests.cluster.conftest import StartCluster, needs_root
from tests.cluster.harness.api import Refused, Unknown
from tests.cluster.harness.clients import Clients
from tests.cluster.harness.cluster import ClusterUnderTest
from tests.cluster.harness.disk import SmallDisk, append_rubbish, begin_write, damage_entry, tear
from tests.cluster.harness.member import Member
from tests.cluster.harness.verdict import judge

MIB = 1024 * 1024
OLD_KEY = "one-that-is-old"

Settings = dict[str, dict[str, Any]]


@pytest.fixture(params=["file", "rocksdb"])
def log_settings(request: pytest.FixtureRequest) -> Settings:
    """Of both kinds of log, one in files with segments so small that it goes through some."""
    return {"store": {"log_backend": request.param, "log_segment_bytes": MIB}}


async def under_load(cluster: ClusterUnderTest, seconds: float) -> Clients:
    clients = Clients([member.url for member in cluster.members])
    clients.start()
    await asyncio.sleep(seconds)
    return clients


@pytest.mark.parametrize("damage", ["cut", "begun", "rubbish"])
async def test_a_torn_last_write_costs_nothing_that_was_acknowledged(
    damage: str, log_settings: Settings, start_cluster: StartCluster, tmp_path: Path
) -> None:
    cluster = await start_cluster(settings=log_settings)
    clients = await under_load(cluster, 1.0)
    for _ in range(2):
        victim = await cluster.leader()
        await victim.kill()
        if damage == "cut":
            tear(victim.data, 37)
        elif damage == "begun":
            begin_write(victim.data, 37)
        else:
            append_rubbish(victim.data, os.urandom(300))
        await asyncio.sleep(0.5)
        await victim.start()
        await victim.wait_ready()
        await asyncio.sleep(0.5)
    await judge(cluster, await clients.stop(), tmp_path)


async def test_a_bit_that_turned_over_in_an_old_record_is_found_and_repaired_from_the_peers(
    log_settings: Settings, start_cluster: StartCluster, tmp_path: Path
) -> None:
    cluster = await start_cluster(settings=log_settings)
    clients = await under_load(cluster, 0.5)
    victim = (await cluster.followers())[0]
    await cluster.until(lambda: _accepts(cluster, OLD_KEY), "an old record")
    await cluster.until(lambda: _has(cluster, victim, OLD_KEY), "the old record at the victim")
    await asyncio.sleep(1.0)
    await victim.kill()
    damage_entry(victim.data, OLD_KEY.encode())
    await victim.start()
    await victim.wait_ready()
    await asyncio.sleep(0.5)
    operations = await clients.stop()
    await judge(cluster, operations, tmp_path)
    assert (await cluster.api.status(victim.url))["errors"] == []
    log = victim.log_path.read_text()
    assert "damage" in log.lower() or "repair" in log.lower(), f"nothing was said of the damage:\n{victim.log_tail()}"
    # What was repaired stays repaired, and is good for others: with the two others gone and back it is still one history.
    await victim.stop()
    await victim.start()
    await victim.wait_ready()
    await judge(cluster, operations, tmp_path)


SMALL_STORE = {
    "log_memtable_bytes": MIB,
    "log_memtables_max": 2,
    "state_memtable_bytes": MIB,
    "state_memtables_max": 2,
    "state_memtables_total_bytes": 4 * MIB,
    "reserve_bytes": 32 * MIB,
    "headroom_bytes": 8 * MIB,
}


@pytest.fixture
def small_settings(log_settings: Settings) -> Settings:
    return {"store": SMALL_STORE | log_settings["store"]}


@needs_root
async def test_a_full_disk_refuses_writes_serves_reads_and_recovers(
    small_settings: Settings, start_cluster: StartCluster, tmp_path: Path
) -> None:
    disks = [SmallDisk(tmp_path / f"m{number}", 256 * MIB) for number in range(3)]
    try:
        cluster = await start_cluster(settings=small_settings)
        clients = await under_load(cluster, 1.0)
        leader = await cluster.leader()
        await cluster.api.put(leader.url, "before", "kept")
        for disk in disks:
            disk.fill(leave_bytes=16 * MIB)
        await cluster.until(lambda: _refuses(cluster, leader), "NoSpace as the answer to a write")
        await cluster.until(lambda: _has(cluster, leader, "before"), "reads served all the same")
        await cluster.until(lambda: _alarms(cluster, leader), "the alarm of a full disk")
        for disk in disks:
            disk.empty()
        await cluster.until(lambda: _accepts(cluster), "writes accepted again")
        await judge(cluster, await clients.stop(), tmp_path)
    finally:
        for disk in disks:
            disk.unmount()


@needs_root
async def test_one_member_whose_disk_is_full_stops_nobody(small_settings: Settings, start_cluster: StartCluster, tmp_path: Path) -> None:
    disk = SmallDisk(tmp_path / "m1", 256 * MIB)
    try:
        cluster = await start_cluster(settings=small_settings)
        clients = await under_load(cluster, 1.0)
        disk.fill(leave_bytes=4 * MIB)
        await asyncio.sleep(2.0)
        await cluster.until(lambda: _accepts(cluster), "writes accepted by the others")
        disk.empty()
        await cluster.until(lambda: _is_back(cluster.members[1]), "the member whose disk was full")
        await judge(cluster, await clients.stop(), tmp_path)
    finally:
        disk.unmount()


async def _refuses(cluster: ClusterUnderTest, leader: Member) -> bool:
    try:
        await cluster.api.put(leader.url, "during", "refused")
    except Refused as refused:
        return refused.error == "NoSpace"
    except Unknown:
        return False
    return False


async def _accepts(cluster: ClusterUnderTest, key: str = "after") -> bool:
    leader = await cluster.leader()
    return await cluster.api.put(leader.url, key, "accepted") > 0


async def _has(cluster: ClusterUnderTest, member: Member, key: str) -> bool:
    """A read at the member itself, linearizable: it has applied what was acknowledged."""
    return (await cluster.api.get(member.url, key)).kv is not None


async def _alarms(cluster: ClusterUnderTest, member: Member) -> bool:
    return any("NoSpace" in error for error in (await cluster.api.status(member.url))["errors"])


async def _is_back(member: Member) -> bool:
    """It may stop itself when its disk is full, also a moment after there is room again."""
    if not member.running:
        await member.start()
    return await member.is_ready()
