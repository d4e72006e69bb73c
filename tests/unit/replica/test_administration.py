"""Who counts as there when membership or leadership is to change, and what is refused because of it."""

from __future__ import annotations

import pytest

from quorate_node.replica.service import ServiceError
from tests.unit.replica.network import LocalCluster, Node

NOBODY = 77


def count_anew(leader: Node) -> None:
    """What the leader does once an election timeout: from here on nobody was heard, until the next heartbeat is answered."""
    assert leader.replica.member is not None
    for progress in leader.replica.member.engine.raft.core.tracker.progress.values():
        progress.recent_active = False


async def test_leadership_moves_also_in_the_moment_when_who_is_heard_is_counted_anew() -> None:
    async with LocalCluster(3) as cluster:
        await cluster.formed()
        old = cluster.leader()
        count_anew(old)
        await old.service.transfer_leadership(0)
        await cluster.until(lambda: cluster.leader() is not old)


async def test_a_leader_that_is_stopped_in_that_moment_hands_over_first() -> None:
    async with LocalCluster(3) as cluster:
        await cluster.formed()
        old = cluster.leader()
        count_anew(old)
        await old.replica.drain()
        assert any(node.service.is_leader() for node in cluster.nodes if node is not old)


async def test_a_member_is_removed_also_in_that_moment() -> None:
    async with LocalCluster(3) as cluster:
        await cluster.formed()
        leader, leaving = cluster.leader(), cluster.followers()[0]
        count_anew(leader)
        await leader.service.remove_member(leaving.replica.member_id, expected_configuration_index=None)
        assert len(leader.service.machine.configuration.voters) == 2


async def test_a_member_is_not_removed_where_the_others_would_have_no_quorum() -> None:
    async with LocalCluster(3) as cluster:
        await cluster.formed()
        leader, (staying, lost) = cluster.leader(), cluster.followers()
        lost_id = lost.replica.member_id
        await lost.crash()
        assert leader.replica.member is not None
        await cluster.until(lambda: not leader.replica.member.administration._is_active(lost_id))  # type: ignore[union-attr]
        with pytest.raises(ServiceError) as refused:
            await leader.service.remove_member(staying.replica.member_id, expected_configuration_index=None)
        assert refused.value.error == "QuorumWouldBeLost"
        assert "only 1 of 2 voters answer" in refused.value.message


async def test_a_learner_that_never_came_is_not_promoted_however_short_the_log_is() -> None:
    """With its vote a cluster of one would need two, and stand still."""
    async with LocalCluster(1) as cluster:
        await cluster.formed()
        service = cluster.leader().service
        member_id = await service.add_member("http://nobody", "nobody", witness=False, priority=0, expected_configuration_index=None)
        with pytest.raises(ServiceError) as refused:
            await service.promote_member(member_id, expected_configuration_index=None)
        assert refused.value.error == "MemberNotReady"
        assert f"member {member_id} does not answer" in refused.value.message
        assert service.machine.configuration.voters == (cluster.leader().replica.member_id,)


async def test_leadership_does_not_go_to_a_member_that_is_none() -> None:
    async with LocalCluster(1) as cluster:
        await cluster.formed()
        with pytest.raises(ServiceError) as refused:
            await cluster.leader().service.transfer_leadership(NOBODY)
        assert refused.value.error == "MemberNotFound"
