"""Disks under real members that stall, fail, tear and fill up: who hands over, who stops with which words, and what was acknowledged."""

from __future__ import annotations

import asyncio
import errno
import os
import shutil
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.cluster.harness.clients import Clients
from tests.cluster.harness.cluster import ClusterUnderTest
from tests.cluster.harness.member import Member
from tests.cluster.harness.verdict import judge
from tests.cluster.shim.disk_fault import DiskFault

pytestmark = [
    pytest.mark.skipif(shutil.which("cc") is None, reason="needs a C compiler (Debian: apt-get install gcc libc6-dev)"),
    pytest.mark.timeout(400),
]

DISK_STALL_MS = 1_000
END_TIMEOUT_S = 60.0
STOPPED = 1
"""Exit status of a member that stopped itself."""
UNUSABLE = 3
"""Exit status of a member that could not start with its data directory."""
KINDS = ("rocksdb", "file", "file-thread")
"""The log's kind, and for the one in files who syncs it."""
FAILED_SYNC = {
    "rocksdb": "this member stops: the log could not be synced: ",
    "file": "this member stops: the log could not be synced: Input/output error",
    "file-thread": "this member stops: the log could not be written: [Errno 5] Input/output error",
}


class Faulty(NamedTuple):
    cluster: ClusterUnderTest
    disks: list[DiskFault]
    """Of each member, sound until a test says otherwise."""
    kind: str
    log_directory: str


@pytest.fixture(params=KINDS)
async def faulty(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Faulty]:
    """Three voters, each on a disk of its own that can be made to fail."""
    kind: str = request.param
    settings = {"store": {"log_backend": kind.partition("-")[0]}, "replica": {"disk_stall_ms": DISK_STALL_MS}}
    async with AsyncExitStack() as stack:
        cluster = await stack.enter_async_context(ClusterUnderTest(tmp_path, 3, settings=settings))
        disks = []
        for member in cluster.members:
            disks.append(stack.enter_context(DiskFault(member.data, kernel_sync=kind != "file-thread")))
            member.environment |= disks[-1].environment()
        await cluster.start()
        yield Faulty(cluster, disks, kind, "/log/" if kind == "rocksdb" else "/segments/")


async def under_load(cluster: ClusterUnderTest) -> Clients:
    clients = Clients([member.url for member in cluster.members])
    clients.start()
    await asyncio.sleep(0.5)
    return clients


@pytest.mark.parametrize("what", ["the log", "everything"])
async def test_a_leader_whose_disk_stalls_hands_over_and_clients_go_on(what: str, faulty: Faulty, tmp_path: Path) -> None:
    cluster = faulty.cluster
    clients = await under_load(cluster)
    slow = await cluster.leader()
    rest = [member for member in cluster.members if member is not slow]
    disk = faulty.disks[slow.number]
    disk.only(faulty.log_directory if what == "the log" else "")
    disk.delay(8_000)
    # Not at once where leadership moved just before, or another disk was slow too: `replica.stalls` says why.
    await cluster.leader(among=rest)
    since_s = time.monotonic()
    await cluster.until(lambda: _succeeds(clients, since_s), "writes going on without the slow disk")
    disk.clear()
    assert "handing leadership over: the disk stalls" in slow.log_path.read_text()
    operations = await clients.stop()
    assert slow.running, "a slow disk is no failed one"
    await judge(cluster, operations, tmp_path)


async def _succeeds(clients: Clients, since_s: float) -> bool:
    return clients.succeeded(since_s) > 10


async def test_a_member_whose_sync_fails_stops_with_the_reason_and_acknowledges_nothing_of_it(faulty: Faulty, tmp_path: Path) -> None:
    cluster = faulty.cluster
    clients = await under_load(cluster)
    broken = await cluster.leader()
    faulty.disks[broken.number].only(faulty.log_directory)
    faulty.disks[broken.number].fail(errno.EIO)
    assert broken.process is not None
    assert await asyncio.wait_for(broken.process.wait(), END_TIMEOUT_S) == STOPPED
    assert FAILED_SYNC[faulty.kind] in broken.log_path.read_text()
    await cluster.leader(among=[member for member in cluster.members if member is not broken])
    faulty.disks[broken.number].clear()
    await broken.start()
    await broken.wait_ready()
    await judge(cluster, await clients.stop(), tmp_path)


async def test_a_full_disk_refuses_and_recovers_without_a_restart(faulty: Faulty, tmp_path: Path) -> None:
    cluster = faulty.cluster
    clients = await under_load(cluster)
    full = await cluster.leader()
    disk = faulty.disks[full.number]
    disk.only(faulty.log_directory)
    disk.fail(errno.ENOSPC, ("write", "allocate"))
    await cluster.until(lambda: _alarms(cluster, full.url), "the alarm of a full disk")
    disk.clear()
    await cluster.until(lambda: _no_alarm(cluster, full.url), "the end of the alarm")
    operations = await clients.stop()
    assert full.running
    await judge(cluster, operations, tmp_path)


async def _alarms(cluster: ClusterUnderTest, url: str) -> bool:
    return any("NoSpace" in error for error in (await cluster.api.status(url))["errors"])


async def _no_alarm(cluster: ClusterUnderTest, url: str) -> bool:
    return not await _alarms(cluster, url)


async def test_a_write_that_power_loss_tears_costs_nothing_that_was_acknowledged(faulty: Faulty, tmp_path: Path) -> None:
    cluster = faulty.cluster
    clients = await under_load(cluster)
    for bytes_kept in (0, 37):
        victim = await cluster.leader()
        disk = faulty.disks[victim.number]
        disk.only(faulty.log_directory)
        disk.tear(bytes_kept)
        assert victim.process is not None
        assert await asyncio.wait_for(victim.process.wait(), END_TIMEOUT_S) == -9
        disk.clear()
        await victim.start()
        await victim.wait_ready()
    await judge(cluster, await clients.stop(), tmp_path)


@pytest.mark.parametrize("faulty", ["file"], indirect=True)
async def test_a_member_that_cannot_keep_its_vote_gives_none_and_stops_with_the_reason(faulty: Faulty, tmp_path: Path) -> None:
    cluster = faulty.cluster
    clients = await under_load(cluster)
    leader, (broken, other) = await cluster.leader(), await cluster.followers()
    faulty.disks[broken.number].only("/hard-state")
    faulty.disks[broken.number].fail(errno.EIO)
    await leader.kill()
    assert broken.process is not None
    assert await asyncio.wait_for(broken.process.wait(), END_TIMEOUT_S) == STOPPED
    assert f"{broken.data}/hard-state: term and vote could not be synced: [Errno 5] Input/output error" in _absolute(broken)
    assert (await cluster.api.status(other.url))["role"] != "leader", "elected by a vote that nobody kept"
    faulty.disks[broken.number].clear()
    await leader.start()
    await broken.start()
    await cluster.wait_ready()
    await judge(cluster, await clients.stop(), tmp_path)


def _absolute(member: Member) -> str:
    """The member's log; it names its files as its settings do, from its own directory."""
    return member.log_path.read_text().replace(f" {member.data.name}/", f" {member.data}/")


@pytest.mark.parametrize("number", [errno.EIO, errno.ENOSPC])
async def test_a_member_whose_directory_cannot_be_written_does_not_start_and_says_why(number: int, tmp_path: Path) -> None:
    cluster = ClusterUnderTest(tmp_path, 1)
    (member,) = cluster.members
    with DiskFault(member.data) as disk:
        disk.fail(number, ("sync", "write"))
        await member.start(environment=disk.environment())
        assert member.process is not None
        assert await asyncio.wait_for(member.process.wait(), END_TIMEOUT_S) == UNUSABLE
        assert f"cannot start: [Errno {number}] {os.strerror(number)}" in member.log_path.read_text()
    await member.start(token="again")
    await member.wait_ready()
    await member.kill()
