"""Who counts as there when membership or leadership is to change, and what is refused because of it."""

from __future__ import annotations

import asyncio

import pytest

from quorate_node.replica.administration_call import AdministrationCall
from quorate_node.replica.service import ServiceError
from tests.unit.replica.network import EmptyPlace, LocalCluster, Node

NOBODY = 77


def count_anew(leader: Node) -> None:
    """What the leader does once an election timeout: from here on nobody was heard, until the next heartbeat is answered."""
    assert leader.replica.member is not None
    core = leader.replica.member.engine.raft.core
    core.election_elapsed = 0  # Else its own next count could come before any answer, and it would step down.
    for progress in core.tracker.progress.values():
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


async def test_a_place_that_asks_twice_to_be_let_in_is_let_in_once() -> None:
    """Its first question was not answered in time. The second is looked at while the first one's joint configuration still shows the old
    member: a second new member would be left behind as a learner that nobody is, and no cluster version could be activated any more."""
    async with LocalCluster(3) as cluster:
        await cluster.formed()
        leader, lost = cluster.leader(), cluster.followers()[0]
        assert leader.replica.member is not None
        member, machine = leader.replica.member, leader.service.machine
        record = machine.members[lost.replica.member_id]
        await lost.crash()
        await cluster.until(lambda: not member.administration._is_active(record.member_id))
        EmptyPlace(cluster.network, record.peer_url)
        asked = AdministrationCall("join", peer_url=record.peer_url, name=record.name, client_url=record.client_url)
        first, second = await asyncio.gather(member.administration.carry_out(asked), member.administration.carry_out(asked))
        assert first == second != record.member_id
        await cluster.until(lambda: not machine.configuration.voters_outgoing)
        assert machine.configuration.learners == (first,)
        assert sorted(machine.members) == sorted((*machine.configuration.voters, first))


async def test_nobody_waits_for_word_of_a_member_that_is_about_to_leave() -> None:
    """An emptied witness asks again when its first answer was late: the joint configuration of that one still shows the old member. Whoever
    waits an election timeout for it answers late again, and the next question meets the next joint configuration."""
    async with LocalCluster(3) as cluster:
        await cluster.formed()
        leader, lost = cluster.leader(), cluster.followers()[0]
        assert leader.replica.member is not None
        administration, machine = leader.replica.member.administration, leader.service.machine
        record = machine.members[lost.replica.member_id]
        await lost.crash()
        is_active = administration._is_active
        await cluster.until(lambda: not is_active(record.member_id))
        EmptyPlace(cluster.network, record.peer_url)
        asked = AdministrationCall("join", peer_url=record.peer_url, name=record.name, client_url=record.client_url, witness=True)
        first = await administration.carry_out(asked)
        assert machine.configuration.voters_outgoing
        waited_for = []
        administration._is_active = lambda member_id: waited_for.append(member_id) or is_active(member_id)  # type: ignore[func-returns-value]
        assert await administration.carry_out(asked) != first
        assert record.member_id not in waited_for


async def test_an_emptied_voter_that_only_earlier_leaders_met_gets_another_id() -> None:
    """Under its old one it would have forgotten what it promised them, and what it acknowledged to them would count as stored."""
    async with LocalCluster(3) as cluster:
        await cluster.formed()
        leader, lost = cluster.leader(), cluster.followers()[0]
        assert leader.replica.member is not None
        administration = leader.replica.member.administration
        record = leader.service.machine.members[lost.replica.member_id]
        await lost.crash()
        administration._met = lambda member_id: member_id != record.member_id
        await cluster.until(lambda: not administration._is_active(record.member_id))
        EmptyPlace(cluster.network, record.peer_url)
        asked = AdministrationCall("join", peer_url=record.peer_url, name=record.name, client_url=record.client_url)
        assert await administration.carry_out(asked) != record.member_id
        await cluster.until(lambda: record.member_id not in leader.service.machine.members)


async def test_a_learner_that_nobody_came_with_is_given_to_whom_it_was_made_for() -> None:
    async with LocalCluster(1) as cluster:
        await cluster.formed()
        service = cluster.leader().service
        made = await service.add_member("http://member-2", "member-2", witness=False, priority=0, expected_configuration_index=None)
        cluster.nodes.append(joining := Node(cluster, 2))
        await joining.start()
        await cluster.formed()
        assert joining.replica.member_id == made


async def test_what_was_expected_of_the_members_is_looked_at_again_when_they_changed_meanwhile() -> None:
    async with LocalCluster(3) as cluster:
        await cluster.formed()
        leader, (lost, staying) = cluster.leader(), cluster.followers()
        assert leader.replica.member is not None
        member = leader.replica.member
        record = leader.service.machine.members[lost.replica.member_id]
        await lost.crash()
        await cluster.until(lambda: not member.administration._is_active(record.member_id))
        EmptyPlace(cluster.network, record.peer_url)
        await member.administration.carry_out(AdministrationCall("join", peer_url=record.peer_url, name=record.name))
        joint_index = member.engine.configuration_index
        assert leader.service.machine.configuration.voters_outgoing, "joint"
        with pytest.raises(ServiceError) as refused:
            await leader.service.remove_member(staying.replica.member_id, expected_configuration_index=joint_index)
        assert refused.value.error == "ConfigurationChanged"


async def test_a_member_that_is_told_of_its_removal_asks_nobody_any_more_and_says_so() -> None:
    async with LocalCluster(3) as cluster:
        await cluster.formed()
        leaving = cluster.followers()[0]
        leaving.replica.on_removed("member 7 was removed from this cluster")
        leaving.replica.on_removed("what the next one says is no news")
        assert "Removed: member 7 was removed from this cluster" in leaving.service.status().errors
        assert leaving.replica._transport._peers == {}  # type: ignore[attr-defined]
        await cluster.leader().service.add_member("http://new", "new", witness=False, priority=0, expected_configuration_index=None)
        assert leaving.replica._transport._peers == {}, "no later configuration has it speak to anybody"  # type: ignore[attr-defined]


async def test_who_was_removed_is_refused_by_all_that_know_of_it() -> None:
    async with LocalCluster(3) as cluster:
        await cluster.formed()
        leader, leaving = cluster.leader(), cluster.followers()[0]
        member_id = leaving.replica.member_id
        await leaving.crash()
        assert leader.replica.member is not None
        await cluster.until(lambda: not leader.replica.member.administration._is_active(member_id))  # type: ignore[union-attr]
        await leader.service.remove_member(member_id, expected_configuration_index=None)
        staying = [node for node in cluster.nodes if node is not leaving]
        await cluster.until(lambda: all(node.replica.has_removed(member_id) for node in staying))
        identity = leader.replica.identity()._replace(member_id=member_id)
        assert "was removed from this cluster" in str(leader.replica.admit(identity))


async def test_calls_that_wait_behind_a_change_that_nobody_can_commit_do_not_queue_up_without_end() -> None:
    async with LocalCluster(3, request_timeout_ms=300) as cluster:
        await cluster.formed()
        leader = cluster.leader()
        assert leader.replica.member is not None
        administration = leader.replica.member.administration
        async with administration._one_at_a_time:
            with pytest.raises(ServiceError) as refused:
                await administration.carry_out(AdministrationCall("join", peer_url="http://stranger", name="stranger"))
        assert refused.value.error == "MembershipChangePending"
        await administration.carry_out(AdministrationCall("join", peer_url="http://stranger", name="stranger"))


async def test_what_a_place_asked_before_it_had_its_id_replaces_nobody_however_late_it_comes() -> None:
    """It lay at a member that stood still, while another one let the place in."""
    async with LocalCluster(3) as cluster:
        await cluster.formed()
        leader, lost = cluster.leader(), cluster.followers()[0]
        assert leader.replica.member is not None
        administration, machine = leader.replica.member.administration, leader.service.machine
        record = machine.members[lost.replica.member_id]
        await lost.crash()
        await cluster.until(lambda: not administration._is_active(record.member_id))
        asked = AdministrationCall("join", peer_url=record.peer_url, name=record.name, client_url=record.client_url)
        with pytest.raises(ServiceError) as refused:
            await administration.carry_out(asked)
        assert refused.value.error == "MemberNotReady", "nobody there says that it is empty"
        EmptyPlace(cluster.network, record.peer_url).member_id = record.member_id
        with pytest.raises(ServiceError) as refused:
            await administration.carry_out(asked)
        assert refused.value.error == "MemberExists"
        assert record.member_id in machine.members
