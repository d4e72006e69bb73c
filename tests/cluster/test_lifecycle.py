"""Starting, stopping, restarting, replacing: what an operator does all day."""

from __future__ import annotations

import asyncio
import time
from itertools import pairwise
from pathlib import Path

from quorate_node.simulator.checkers.outcomes import wrote
from quorate_node.simulator.history import Operation
from tests.cluster.conftest import StartCluster
from tests.cluster.harness.clients import Clients
from tests.cluster.harness.cluster import ClusterUnderTest
from tests.cluster.harness.verdict import judge

DRAIN_DEADLINE_S = 30.0
LONG_ELECTION_MS = 30_000
"""Whoever waits for it is told from a machine that is slow."""


async def test_three_members_form_a_cluster_without_waiting_for_an_election_timeout(tmp_path: Path) -> None:
    async with ClusterUnderTest(tmp_path, settings={"replica": {"election_timeout_ms": LONG_ELECTION_MS}}) as cluster:
        for member in cluster.members:
            await member.start(token="first" if member.number == 0 else "")
        await cluster.until(lambda: _all_answer(cluster), "three processes that answer")
        begun_s = time.monotonic()
        members = await cluster.wait_voters(3)
        took_s = time.monotonic() - begun_s
        assert sorted(member["name"] for member in members) == ["m0", "m1", "m2"]
        assert {member["role"] for member in members} == {"voter"}
        assert took_s < LONG_ELECTION_MS / 1000, f"{took_s:.1f} s"


async def _all_answer(cluster: ClusterUnderTest) -> bool:
    return all([await cluster.api.call(member.url, "GET", "/health/live") is not None for member in cluster.members])


async def test_sigterm_hands_leadership_over_and_ends_within_the_deadline(start_cluster: StartCluster, tmp_path: Path) -> None:
    cluster = await start_cluster(settings={"replica": {"election_timeout_ms": LONG_ELECTION_MS}})
    clients = Clients([member.url for member in cluster.members])
    clients.start()
    await asyncio.sleep(1.0)
    for _ in range(3):
        leader = await cluster.leader()
        others = [member for member in cluster.members if member is not leader]
        begun_s = time.monotonic()
        stopping = asyncio.create_task(leader.stop(DRAIN_DEADLINE_S))
        await cluster.leader(among=others, timeout_s=LONG_ELECTION_MS / 1000)
        handed_over_s = time.monotonic() - begun_s
        assert await stopping == 0, leader.log_tail()
        assert handed_over_s < LONG_ELECTION_MS / 1000, f"a leader after {handed_over_s:.2f} s: not handed over, but elected anew"
        await leader.start()
        await leader.wait_ready()
    operations = await clients.stop()
    await judge(cluster, operations, tmp_path)
    longest_s = max(later - earlier for earlier, later in _gaps(operations))
    assert longest_s < LONG_ELECTION_MS / 1000, f"no write was acknowledged for {longest_s:.2f} s although every stop was planned"


def _gaps(operations: list[Operation]) -> list[tuple[float, float]]:
    ends = sorted(operation.completed_ns / 1e9 for operation in operations if wrote(operation))
    return list(pairwise(ends))


async def test_all_members_restart_without_flags_and_everything_is_there(start_cluster: StartCluster) -> None:
    cluster = await start_cluster()
    leader = await cluster.leader()
    for number in range(200):
        await cluster.api.put(leader.url, f"k/{number:03d}", f"v{number}")
    before = await cluster.ask("GET", "/v1/members")
    for how in ("stop", "kill"):
        await asyncio.gather(*(getattr(member, how)() for member in cluster.members))
        for member in cluster.members:
            await member.start()
        await cluster.wait_voters(3)
        _, found = await cluster.api.scan((await cluster.leader()).url, "k/")
        assert found == {f"k/{number:03d}": f"v{number}" for number in range(200)}
    after = await cluster.ask("GET", "/v1/members")
    assert after["cluster_id"] == before["cluster_id"]
    assert {member["member_id"] for member in after["members"]} == {member["member_id"] for member in before["members"]}


async def test_a_member_that_lost_its_volume_is_replaced_by_a_new_one(start_cluster: StartCluster, tmp_path: Path) -> None:
    cluster = await start_cluster()
    clients = Clients([member.url for member in cluster.members])
    clients.start()
    await asyncio.sleep(1.0)
    lost = (await cluster.followers())[0]
    old_id = str((await cluster.api.status(lost.url))["member_id"])
    await lost.kill()
    lost.wipe()
    await cluster.remove(old_id)
    await lost.start()
    members = await cluster.wait_voters(3)
    ids = {member["member_id"] for member in members if member["role"] == "voter"}
    assert old_id not in ids, "an empty directory must never come back as the member it was"
    await asyncio.sleep(0.5)
    await judge(cluster, await clients.stop(), tmp_path)


async def test_a_cluster_is_never_bootstrapped_twice_under_one_token(start_cluster: StartCluster) -> None:
    """The first member loses its volume and is started with its old token still set: it must join, not found a second cluster."""
    cluster = await start_cluster()
    first = cluster.members[0]
    old_id = str((await cluster.api.status(first.url))["member_id"])
    await cluster.api.put(first.url, "kept", "yes")
    cluster_id = (await cluster.ask("GET", "/v1/members"))["cluster_id"]
    await first.kill()
    first.wipe()
    await cluster.remove(old_id)
    await first.start(token="another-token")
    await cluster.wait_voters(3)
    assert (await cluster.api.call(first.url, "GET", "/v1/members"))["cluster_id"] == cluster_id
    await cluster.until(lambda: _reads(cluster, first.url, "kept", "yes"), "the old data at the new member")


async def _reads(cluster: ClusterUnderTest, url: str, key: str, value: str) -> bool:
    return (await cluster.api.get(url, key)).value == value
