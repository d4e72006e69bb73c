"""Members that never vote: they copy and serve, no quorum counts them, and nothing promotes them."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from quorate_node.replica.service import Consistency, ServiceError
from quorate_node.replica.settings import ReplicaSettings

from .network import LocalCluster, Node
from .test_cluster import get, put

OBSERVER = 4


async def joined(cluster: LocalCluster, number: int = OBSERVER, **changes: object) -> Node:
    """One member more, as non-voting, that has caught up."""
    node = Node(cluster, number, **{"non_voting": True, **changes})
    cluster.nodes.append(node)
    await node.start()
    await cluster.until(lambda: node.replica.member is not None and node.service.machine.members and caught_up(cluster, node))
    return node


def caught_up(cluster: LocalCluster, node: Node) -> bool:
    return node.service.machine.applied_index >= cluster.leader().service.machine.applied_index


def role_of(node: Node, of: Node) -> str:
    _, members = node.service.members()
    return next(member.role for member in members if member.member_id == of.replica.member_id)


async def test_it_copies_and_serves_and_gets_no_vote_however_long_it_has_caught_up() -> None:
    async with LocalCluster(3) as cluster:
        await cluster.formed()
        observer = await joined(cluster)
        await cluster.leader().service.execute(put(b"k", b"v"))
        await cluster.until(lambda: caught_up(cluster, observer))
        assert await get(observer, b"k", Consistency.STALE) == b"v"
        await observer.service.read_barrier(Consistency.LINEARIZABLE, timeout_s=5.0)
        await asyncio.sleep(0.5)  # Promotion is due once in an election timeout, of 0.2 s here.
        configuration = observer.service.machine.configuration
        assert observer.replica.member_id in configuration.learners and len(configuration.voters) == 3
        assert observer.service.status().role == "non-voting"
        assert role_of(cluster.leader(), observer) == "non-voting"


async def test_it_is_not_promoted_when_it_is_asked_for() -> None:
    async with LocalCluster(1) as cluster:
        await cluster.formed()
        observer = await joined(cluster)
        with pytest.raises(ServiceError) as refused:
            await observer.service.promote_member(observer.replica.member_id, expected_configuration_index=None)
        assert refused.value.error == "MemberNotLearner"
        assert "is non-voting and is never promoted: remove it" in refused.value.message


async def test_any_later_leader_and_any_restart_knows_it_for_what_it_is() -> None:
    async with LocalCluster(3) as cluster:
        await cluster.formed()
        observer = await joined(cluster)
        await cluster.leader().service.transfer_leadership(0)
        await observer.stop()
        cluster.nodes.remove(observer)
        again = Node(cluster, OBSERVER)  # Started without the setting: what the cluster remembers counts.
        again.disk = observer.disk
        cluster.nodes.append(again)
        await again.start()
        await cluster.until(lambda: again.replica.member is not None and caught_up(cluster, again))
        await asyncio.sleep(0.5)
        assert again.service.status().role == role_of(cluster.leader(), again) == "non-voting"


async def test_who_comes_by_a_snapshot_knows_it_too() -> None:
    async with LocalCluster(1, log_keep_entries=1, compact_every_entries=5, compact_check_ms=20) as cluster:
        await cluster.formed()
        leader = cluster.leader()
        observer = await joined(cluster)
        for number in range(20):
            await leader.service.execute(put(b"k%d" % number, b"v"))
        await cluster.until(lambda: leader.storage.log.first_index() > 10)
        newcomer = Node(cluster, 5)
        cluster.nodes.append(newcomer)
        await newcomer.start()
        await cluster.until(lambda: newcomer.replica.member is not None and newcomer.service.status().role == "follower")
        assert newcomer.service.machine.members[observer.replica.member_id].non_voting
        assert role_of(newcomer, observer) == "non-voting"


async def test_a_quorum_is_none_the_larger_for_it() -> None:
    """Three voters and three who never vote: one voter and all the others away leave a quorum, as without them."""
    async with LocalCluster(3) as cluster:
        await cluster.formed()
        observers = [await joined(cluster, number) for number in (4, 5, 6)]
        for node in [*observers, cluster.followers()[0]]:
            await node.crash()
            cluster.nodes.remove(node)
        await cluster.until(lambda: any(node.service.is_leader() for node in cluster.nodes))
        await cluster.leader().service.execute(put(b"k", b"v"))


async def test_added_beforehand_it_stays_what_it_was_added_as() -> None:
    async with LocalCluster(1) as cluster:
        await cluster.formed()
        service = cluster.leader().service
        member_id = await service.add_member(
            "http://member-4", "member-4", witness=False, priority=0, expected_configuration_index=None, non_voting=True
        )
        observer = await joined(cluster, non_voting=False)
        assert observer.replica.member_id == member_id
        await asyncio.sleep(0.5)
        assert observer.service.status().role == "non-voting"


async def test_who_must_never_vote_does_not_take_a_place_in_which_it_would() -> None:
    async with LocalCluster(1) as cluster:
        await cluster.formed()
        service = cluster.leader().service
        promised = await service.add_member("http://member-4", "member-4", witness=False, priority=0, expected_configuration_index=None)
        observer = await joined(cluster)
        assert observer.replica.member_id != promised
        assert role_of(cluster.leader(), observer) == "non-voting" and promised not in cluster.leader().service.machine.members


async def test_at_another_address_with_an_empty_directory_it_takes_its_own_place() -> None:
    """A pod whose network was made anew: the name is the same, the address is not."""
    async with LocalCluster(1) as cluster:
        await cluster.formed()
        before = await joined(cluster)
        await before.stop()
        cluster.nodes.remove(before)
        after = await joined(cluster, 5, name="member-4")
        members = cluster.leader().service.machine.members
        assert before.replica.member_id not in members and members[after.replica.member_id].non_voting


async def test_a_live_ones_name_is_not_taken_from_another_address() -> None:
    async with LocalCluster(1) as cluster:
        await cluster.formed()
        observer = await joined(cluster)
        impostor = Node(cluster, 5, non_voting=True, name="member-4")
        cluster.nodes.append(impostor)
        await impostor.start()
        await cluster.until(lambda: "is alive as 'member-4'" in impostor.replica.not_ready_reason())
        assert observer.replica.member_id in cluster.leader().service.machine.members


async def test_whoever_replaces_it_never_votes_either() -> None:
    async with LocalCluster(1) as cluster:
        await cluster.formed()
        observer = await joined(cluster)
        service = cluster.leader().service
        new = await service.replace_member(observer.replica.member_id, "http://member-9", "member-9", expected_configuration_index=None)
        assert service.machine.members[new].non_voting


async def test_their_number_is_limited() -> None:
    async with LocalCluster(1, non_voting_members_max=1) as cluster:
        await cluster.formed()
        await joined(cluster)
        service: Any = cluster.leader().service
        adding = {"witness": False, "priority": 0, "expected_configuration_index": None}
        with pytest.raises(ServiceError) as refused:
            await service.add_member("http://member-5", "member-5", non_voting=True, **adding)
        assert "there are 1 non-voting members, replica.non_voting_members_max is 1" in refused.value.message
        assert await service.add_member("http://member-5", "member-5", non_voting=False, **adding)


async def test_it_founds_no_cluster() -> None:
    async with LocalCluster(1) as cluster:
        await cluster.formed()
        alone = Node(LocalCluster(0), OBSERVER, non_voting=True)
        await alone.start()
        with pytest.raises(ServiceError, match="a cluster of one needs a vote"):
            await alone.service.bootstrap("token")
        await alone.stop()


async def test_no_number_of_them_says_what_the_state_should_be() -> None:
    """Each of three agrees with the others of its kind on something else than the voters: they are told to stop, and no voter is."""
    async with LocalCluster(1, digest_interval_ms=50) as cluster:
        await cluster.formed()
        observers = [await joined(cluster, number) for number in (4, 5, 6)]
        for node in cluster.nodes:
            machine: Any = node.service.machine
            machine._ring.add(3, b"theirs" if node in observers else b"the voters'")
        await cluster.until(lambda: all(node.replica.stopped_because is not None for node in observers))
        assert cluster.nodes[0].replica.stopped_because is None


def test_it_is_a_setting_of_its_own() -> None:
    assert ReplicaSettings().non_voting is False and ReplicaSettings().non_voting_members_max == 32
