"""Failpoints in real processes: what only they can reach is reached, and members that die at the worst moments lose nothing."""

from __future__ import annotations

import asyncio
import secrets
import urllib.request
from collections import Counter
from functools import partial
from pathlib import Path

import pytest

from tests.cluster.harness.clients import Clients
from tests.cluster.harness.cluster import ClusterUnderTest
from tests.cluster.harness.failpoints import MemberFailpoints
from tests.cluster.harness.member import Member
from tests.cluster.harness.verdict import judge
from tests.unit.failpoints.reached import REAL_MEMBERS, names

WORST_MOMENTS = {
    "rocksdb": (
        "hard_state.save.after_sync",
        "log.rocksdb.before_sync",
        "log.write.after_commit",
        "writer.after_sync_before_report",
        "engine.after_apply_before_answer",
        "state.flush.before",
    ),
    "file": ("log.begin.after_write", "log.synced.before_report", "propose.before", "engine.before_apply"),
}
"""By the log's kind, of a leader under load. At `hard_state` it is the follower that votes for the next one."""
FOLLOWERS_MOMENT = "hard_state.save.after_sync"


def _download(url: str) -> bytes:
    with urllib.request.urlopen(url, timeout=10) as answer:
        return bytes(answer.read())


async def test_what_only_real_members_have_is_reached(tmp_path: Path) -> None:
    async with ClusterUnderTest(tmp_path, 3) as cluster:
        failpoints = [MemberFailpoints(member) for member in cluster.members]
        for member in cluster.members:
            await member.start()
        first, token = cluster.members[0].url, secrets.token_hex(8)

        async def founded() -> bool:
            return "cluster_id" in await cluster.api.call(first, "POST", "/v1/bootstrap", {"token": token})

        await cluster.until(founded, "a cluster")
        await cluster.wait_voters(3)
        for member in cluster.members:
            await cluster.api.put(member.url, "key", "value")
        assert await asyncio.to_thread(_download, f"{first}/v1/snapshot")
        leader = await cluster.leader()
        counted: Counter[str] = Counter(await failpoints[leader.number].hits())
        await leader.kill()
        await cluster.leader()
        for member in cluster.members:
            if member is not leader:
                counted.update(await failpoints[member.number].hits())
        assert sorted(name for name in names(REAL_MEMBERS) if not counted[name]) == []


@pytest.mark.parametrize("log_backend", list(WORST_MOMENTS))
async def test_members_that_die_at_the_worst_moments_lose_nothing(log_backend: str, tmp_path: Path) -> None:
    settings = {"store": {"log_backend": log_backend}, "replica": {"compact_every_entries": 200, "log_keep_entries": 50}}
    async with ClusterUnderTest(tmp_path, 3, settings=settings) as cluster:
        failpoints = [MemberFailpoints(member) for member in cluster.members]
        await cluster.start()
        clients = Clients([member.url for member in cluster.members])
        clients.start()
        for moment in WORST_MOMENTS[log_backend]:
            await asyncio.sleep(0.3)
            leader = await cluster.leader()
            if moment == FOLLOWERS_MOMENT:
                victim = (await cluster.followers())[0]
                await failpoints[victim.number].set(moment, "panic")
                await leader.kill()
                await failpoints[victim.number].wait_died()
                await leader.start()
            else:
                victim = leader
                await failpoints[victim.number].set(moment, "panic" if moment == "state.flush.before" else "5*off->panic")
                await _dies_leading(cluster, victim)
                await failpoints[victim.number].wait_died()
            await victim.start()
            await cluster.wait_ready()
        await judge(cluster, await clients.stop(), tmp_path)


async def test_a_leader_whose_loop_is_held_up_is_replaced_and_serves_no_stale_read(tmp_path: Path) -> None:
    async with ClusterUnderTest(tmp_path, 3) as cluster:
        failpoints = [MemberFailpoints(member) for member in cluster.members]
        await cluster.start()
        clients = Clients([member.url for member in cluster.members])
        clients.start()
        for place in ("engine.before_apply", "messages.receive", "lease.after_check", "read.before_round"):
            victim = await cluster.leader()
            await failpoints[victim.number].set(place, "1*sleep(1500)")
            await cluster.until(partial(_is_held_up, cluster, failpoints[victim.number], victim, place), f"a fire of {place}")
            await asyncio.sleep(2.0)
        await judge(cluster, await clients.stop(), tmp_path)


async def test_a_cluster_that_loses_a_fifth_of_its_frames_goes_on(tmp_path: Path) -> None:
    async with ClusterUnderTest(tmp_path, 3) as cluster:
        failpoints = [MemberFailpoints(member) for member in cluster.members]
        await cluster.start()
        clients = Clients([member.url for member in cluster.members])
        clients.start()
        for each in failpoints:
            await each.set("transport.send", "20%skip")
        await asyncio.sleep(3.0)
        await cluster.until(partial(_has_succeeded, clients, 20), "operations that succeed all the same")
        for each in failpoints:
            await each.wait_fired("transport.send")
            await each.remove("transport.send")
        await judge(cluster, await clients.stop(), tmp_path)


async def test_a_leader_that_is_paused_before_its_writes_hands_over_and_goes_on_when_it_is_let_go(tmp_path: Path) -> None:
    async with ClusterUnderTest(tmp_path, 3, settings={"replica": {"disk_stall_ms": 500}}) as cluster:
        failpoints = [MemberFailpoints(member) for member in cluster.members]
        await cluster.start()
        clients = Clients([member.url for member in cluster.members])
        clients.start()
        held = await cluster.leader()
        await failpoints[held.number].set("log.begin.before", "skip")  # Not by the kernel, whose sync no failpoint can hold.
        await failpoints[held.number].set("log.write.before_commit", "pause")
        # Not at once where leadership moved just before, or another member's disk was slow too: `replica.stalls` says why.
        await cluster.leader(among=[member for member in cluster.members if member is not held])
        assert (await failpoints[held.number].state("log.write.before_commit"))["held"] == 1
        await failpoints[held.number].remove("log.write.before_commit")
        await judge(cluster, await clients.stop(), tmp_path)


async def _dies_leading(cluster: ClusterUnderTest, victim: Member) -> None:
    """Until it has died. Some of the moments are a leader's alone, and leadership may move before one of them comes."""

    async def dead() -> bool:
        if victim.running:
            await cluster.leads(victim)
        return not victim.running

    await cluster.until(dead, f"the end of {victim.name}")


async def _is_held_up(cluster: ClusterUnderTest, failpoints: MemberFailpoints, victim: Member, place: str) -> bool:
    """Whether it was, at last: a leader is, and one that lost the leadership before is made to lead again."""
    if (await failpoints.state(place))["fired"]:
        return True
    await cluster.leads(victim)
    if place == "lease.after_check":
        await cluster.api.get(victim.url, "key", "lease")
    return False


async def _has_succeeded(clients: Clients, count: int) -> bool:
    return clients.succeeded() > count
