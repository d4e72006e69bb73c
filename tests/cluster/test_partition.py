"""Cut wires: the side with a majority goes on, the other acknowledges nothing, and after healing there is one history."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tests.cluster.conftest import StartCluster
from tests.cluster.harness.api import Refused, Unknown
from tests.cluster.harness.clients import Clients
from tests.cluster.harness.cluster import ClusterUnderTest
from tests.cluster.harness.member import Member
from tests.cluster.harness.verdict import judge

SLOW_ELECTIONS = {"replica": {"election_timeout_ms": 3_000}}
"""Where leadership must stay: a machine that is held up for a second is no reason for it to move."""


async def test_an_isolated_leader_serves_nothing_while_the_others_go_on(start_cluster: StartCluster, tmp_path: Path) -> None:
    cluster = await start_cluster(wires=True)
    assert cluster.network is not None
    clients = Clients([member.url for member in cluster.members], timeout_s=1.0)
    clients.start()
    await asyncio.sleep(1.0)
    for _ in range(2):
        leader = await cluster.leader()
        others = [member for member in cluster.members if member is not leader]
        cluster.network.isolate(leader.number)
        await cluster.leader(among=others)
        await asyncio.sleep(1.0)
        with pytest.raises((Refused, Unknown)):
            await cluster.api.get(leader.url, "history/0")
        with pytest.raises((Refused, Unknown)):
            await cluster.api.put(leader.url, "alone", "never acknowledged")
        cluster.network.heal()
        await cluster.wait_equal()
    await judge(cluster, await clients.stop(), tmp_path)


@pytest.mark.parametrize("way", ["deaf", "mute"])
async def test_a_leader_that_is_cut_one_way_only(way: str, start_cluster: StartCluster, tmp_path: Path) -> None:
    """Deaf: it is heard and hears nothing. Mute: it hears and is not heard. Either way somebody else must lead soon."""
    cluster = await start_cluster(wires=True)
    assert cluster.network is not None
    clients = Clients([member.url for member in cluster.members], timeout_s=1.0)
    clients.start()
    await asyncio.sleep(1.0)
    leader = await cluster.leader()
    others = [member for member in cluster.members if member is not leader]
    pairs = [(leader.number, other.number) for other in others]
    cluster.network.cut(pairs if way == "mute" else [(other, one) for one, other in pairs])
    await cluster.leader(among=others)
    await asyncio.sleep(1.0)
    cluster.network.heal()
    await cluster.wait_equal()
    await judge(cluster, await clients.stop(), tmp_path)


async def test_a_follower_that_is_cut_off_disturbs_nobody_when_it_returns(start_cluster: StartCluster, tmp_path: Path) -> None:
    """Pre-vote: its many lost elections must not raise the term and depose the leader."""
    cluster = await start_cluster(wires=True, settings=SLOW_ELECTIONS)
    assert cluster.network is not None
    clients = Clients([member.url for member in cluster.members], timeout_s=1.0)
    clients.start()
    leader = await cluster.leader()
    term = int((await cluster.api.status(leader.url))["term"])
    follower = (await cluster.followers())[0]
    cluster.network.isolate(follower.number)
    await cluster.until(lambda: _campaigns(cluster, follower), "a member that is cut off and campaigns")
    await asyncio.sleep(1.0)
    cluster.network.heal()
    await cluster.wait_equal()
    status = await cluster.api.status(leader.url)
    assert (status["role"], int(status["term"])) == ("leader", term)
    await judge(cluster, await clients.stop(), tmp_path)


async def test_one_broken_wire_between_two_members_stops_nothing(start_cluster: StartCluster, tmp_path: Path) -> None:
    """The leader has lost one follower and keeps the other: no change of leader is needed, and none may go back and forth."""
    cluster = await start_cluster(wires=True, settings=SLOW_ELECTIONS)
    assert cluster.network is not None
    clients = Clients([(await cluster.leader()).url], timeout_s=1.0)
    clients.start()
    leader = await cluster.leader()
    term = int((await cluster.api.status(leader.url))["term"])
    lost = (await cluster.followers())[0]
    cluster.network.cut([(leader.number, lost.number), (lost.number, leader.number)])
    await cluster.until(lambda: _campaigns(cluster, lost), "a member that has lost its leader and campaigns")
    await asyncio.sleep(SLOW_ELECTIONS["replica"]["election_timeout_ms"] / 1000)
    status = await cluster.api.status(leader.url)
    assert (status["role"], int(status["term"])) == ("leader", term), "check-quorum must keep a leader that has a majority"
    cluster.network.heal()
    await cluster.wait_equal()
    await judge(cluster, await clients.stop(), tmp_path)


async def _campaigns(cluster: ClusterUnderTest, member: Member) -> bool:
    return bool((await cluster.api.status(member.url))["role"] == "candidate")
