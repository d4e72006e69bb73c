"""Members that die, or meet an error, between two steps of their lives, in one process: what they do then, or when they are started
again."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from quorate_node.failpoints import FailpointError, Failpoints
from quorate_node.protocol.membership import ChangeKind, MembershipChange, SingleChange
from quorate_node.replica.administration_call import AdministrationCall
from quorate_node.replica.service import ServiceError
from tests.unit.replica.damaged import left_behind, whole
from tests.unit.replica.network import LocalCluster, Node
from tests.unit.replica.test_cluster import get, put


@pytest.mark.parametrize("place", ["join.before_request", "join.after_answer", "identity.before_write", "join.after_identity"])
async def test_a_joiner_that_dies_and_comes_back_is_led_by_its_leader(place: str, failpoints: Failpoints) -> None:
    async with LocalCluster(1) as cluster:
        await cluster.formed()
        await cluster.nodes[0].service.execute(put(b"key", b"value"))
        failpoints.configure(place, "1*error")
        joiner = Node(cluster, 2)
        cluster.nodes.append(joiner)
        await joiner.start()
        await cluster.until(lambda: joiner.replica.stopped_because is not None)
        await joiner.crash()
        await joiner.start()
        await cluster.formed()
        assert await get(joiner, b"key") == b"value"
        assert len(cluster.nodes[0].service.machine.members) == 2, "it is the same member, not a third one"


@pytest.mark.parametrize("with_learner", [False, True])
@pytest.mark.parametrize("place", ["join.after_answer", "identity.before_write", "join.after_identity"])
async def test_a_witness_that_dies_while_it_joins_a_lone_founder_comes_back_with_the_vote_that_it_was_given(
    place: str, with_learner: bool, failpoints: Failpoints
) -> None:
    """It votes from its first moment: without it the founder has no quorum, and can take nobody in any more."""
    async with LocalCluster(1) as cluster:
        await cluster.formed()
        founder, witness = cluster.nodes[0], Node(cluster, 2, witness=True)
        if with_learner:
            await founder.service.add_member("http://nobody", "nobody", witness=False, priority=0, expected_configuration_index=None)
        failpoints.configure(place, "1*error")
        cluster.nodes.append(witness)
        await witness.start()
        await cluster.until(lambda: witness.replica.stopped_because is not None)
        await witness.crash()
        await cluster.until(lambda: founder.service.status().leader_id == 0)
        stranger = Node(cluster, 3)
        await stranger.start()
        await witness.start()
        await cluster.until(lambda: founder.service.status().leader_id != 0)
        await founder.service.execute(put(b"key", b"value"))
        assert {record.name for record in founder.service.machine.members.values()} >= {"member-1", "member-2"}
        assert len([one for one in founder.service.machine.members.values() if one.witness]) == 1
        await stranger.crash()


@pytest.mark.parametrize("leads_on", [False, True])
async def test_such_a_witness_is_told_its_id_again_whatever_change_of_voters_waits_for_it(leads_on: bool, failpoints: Failpoints) -> None:
    """The founder proposed the change itself, so it knows that nobody can have committed it; and no queue of changes stands before who is
    to end them all."""
    async with LocalCluster(1, request_timeout_ms=60_000) as cluster:
        await cluster.formed()
        founder, witness = cluster.nodes[0], Node(cluster, 2, witness=True)
        member = founder.replica.member
        assert member is not None
        core = member.engine.raft.core
        core.config = replace(core.config, check_quorum=not leads_on)
        learner = await founder.service.add_member("http://nobody", "nobody", witness=False, priority=0, expected_configuration_index=None)
        failpoints.configure("identity.before_write", "1*error")
        cluster.nodes.append(witness)
        await witness.start()
        await cluster.until(lambda: witness.replica.stopped_because is not None)
        await witness.crash()
        index = member.engine.raft.propose_membership(MembershipChange((SingleChange(ChangeKind.ADD_VOTER, learner),)))
        member.engine.wake()
        asked = AdministrationCall("join", peer_url="http://stranger", name="stranger")
        waiting = asyncio.ensure_future(member.administration.carry_out(asked))
        await cluster.until(lambda: leads_on or founder.service.status().leader_id == 0)
        await witness.start()
        await cluster.until(lambda: witness.replica.member_id in founder.service.machine.configuration.voters)
        await cluster.until(lambda: member.engine.raft.commit_index >= index)
        await asyncio.gather(waiting, return_exceptions=True)


@pytest.mark.parametrize("end_lost", [False, True])
@pytest.mark.parametrize(
    "place",
    [
        "recovery.state.after_pin", "snapshot.fetch.before_write", "snapshot.fetch.complete", "snapshot.install.before_meta",
        "recovery.state.before_switch", "snapshot.install.before_switch", "state.switch.after_pointer", "recovery.state.before_log",
        "recovery.before_rebase",
    ],
)  # fmt: skip
async def test_a_recovery_by_a_peers_state_that_dies_at_any_step_is_begun_again(place: str, end_lost: bool, failpoints: Failpoints) -> None:
    async with left_behind() as (cluster, hurt):
        if end_lost:
            hurt.disk.damage_marker()
        else:
            hurt.disk.damage_record(hurt.disk_last_index() - 4)
        failpoints.configure(place, "1*error(StoreFailed)")
        await hurt.start()
        await cluster.until(lambda: hurt.replica.stopped_because is not None)
        await hurt.crash()
        await hurt.start()
        await whole(cluster, hurt)
        assert await get(hurt, b"k59") == b"v60"


async def test_a_deposed_leader_that_dies_between_a_snapshots_state_and_its_log_gives_up_its_own_longer_log(failpoints: Failpoints) -> None:
    """Its log ends behind the state, but tells another history: nothing of it was committed from where the two part."""
    settings = {"compact_every_entries": 20, "log_keep_entries": 5, "compact_check_ms": 20, "batch_commands_max": 1}
    async with LocalCluster(3, pipeline_entries_max=1_000, **settings) as cluster:
        await cluster.formed()
        deposed = cluster.leader()
        cluster.network.cut.add(deposed.url)
        lost = [asyncio.ensure_future(deposed.service.execute(put(b"lost", b"%d" % number))) for number in range(200)]
        await cluster.until(lambda: deposed.disk_last_index() > 200)
        others = [node for node in cluster.nodes if node is not deposed]
        await cluster.until(lambda: any(node.service.is_leader() for node in others))
        leader = next(node for node in others if node.service.is_leader())
        for number in range(60):
            await leader.service.execute(put(b"k%d" % number, b"v"))
        await cluster.until(lambda: leader.storage.log.first_index() > 40)
        failpoints.configure("snapshot.install.after_switch_before_log", "1*error(StoreFailed)")
        cluster.network.cut.clear()
        await cluster.until(lambda: deposed.replica.stopped_because is not None)
        await asyncio.gather(*lost, return_exceptions=True)
        await deposed.crash()
        await deposed.start()
        await cluster.formed()
        await whole(cluster, deposed)
        assert await get(deposed, b"lost") is None
        assert await get(deposed, b"k59") == b"v"


async def test_an_error_in_the_report_of_a_written_batch_stops_the_member(failpoints: Failpoints) -> None:
    """Its writer would be busy with it for ever, and the member alive and dumb."""
    async with LocalCluster(1) as cluster:
        await cluster.formed()
        replica = cluster.nodes[0].replica
        failpoints.configure("writer.after_sync_before_report", "1*error")
        with pytest.raises(ServiceError):
            await cluster.nodes[0].service.execute(put(b"key", b"value"))
        await cluster.until(lambda: replica.stopped_because is not None)
        assert isinstance(replica.stopped_because, FailpointError)


async def test_a_founder_that_was_killed_keeps_its_log_where_its_state_was_flushed_in_the_middle() -> None:
    """The log's chain and the state's begin at the same place: told apart, the log would be given up with all that it had acknowledged."""
    async with LocalCluster(1) as cluster:
        await cluster.formed()
        node = cluster.nodes[0]
        await node.service.execute(put(b"key", b"flushed"))
        await node.storage.flush_state()
        machine = node.service.machine
        assert node.storage.log.chain(machine.applied_index) == machine.chain
        await node.service.execute(put(b"key", b"acknowledged"))
        last, term = node.disk_last_index(), node.storage.log.term(node.disk_last_index())
        await node.crash()
        await node.start()
        await cluster.formed()
        assert (node.storage.log.first_index(), node.storage.log.term(last)) == (1, term)
        assert await get(node, b"key") == b"acknowledged"
