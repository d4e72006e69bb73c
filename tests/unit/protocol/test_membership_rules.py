"""Changes of membership as a cluster carries them out: one at a time, joint when needed, and never without a leader for long."""

from __future__ import annotations

import msgspec
import pytest

from quorate_node.protocol.entry import Entry, EntryType
from quorate_node.protocol.membership import ChangeKind, Configuration, MembershipChange, SingleChange, Transition
from quorate_node.protocol.message import Message, MessageType
from quorate_node.protocol.raft import DropReason, InvariantBroken, MembershipRefused, ProposalDropped, decode_change, encode_change
from quorate_node.protocol.raft.progress import ProgressEvent
from quorate_node.protocol.ready import EventKind, Role
from tests.unit.protocol.group import Group, change


def test_a_change_survives_the_wire_and_nothing_means_leave() -> None:
    original = change(ChangeKind.ADD_WITNESS, 7, SingleChange(ChangeKind.REMOVE, 2))
    assert decode_change(encode_change(original)) == original
    assert decode_change(b"") == MembershipChange()
    with pytest.raises(msgspec.DecodeError):
        decode_change(b"\xc1")


def test_members_are_added_one_by_one() -> None:
    group = Group(1, spares=2, snapshot_retry_ticks=10)
    group.elect(1)
    for member in (2, 3):
        group.logs[1].compact(group.logs[1].start.__class__(group[1].applied_index, group[1].term, group[1].configuration))
        group[1].propose_membership(change(ChangeKind.ADD_LEARNER, member))
        group.settle()
        _meet(group, member)
        group[1].propose_membership(change(ChangeKind.ADD_VOTER, member))
        group.settle()
    assert {group[member].configuration for member in (1, 2, 3)} == {Configuration(voters=(1, 2, 3))}


def _meet(group: Group, member: int) -> None:
    """Let a new member get the snapshot: it holds nothing, and the group's log begins later."""
    for _ in range(10):
        metadata = group.logs[1].start.__class__(group[1].applied_index, group[1].term, group[1].configuration)
        group.logs[1].compact(metadata)
        group.tick(1, 2)
        group.settle()
    assert group[member].applied_index == group[1].applied_index


def test_only_one_change_at_a_time() -> None:
    group = Group(3)
    group.elect(1)
    group.isolate(1)
    group[1].propose_membership(change(ChangeKind.ADD_LEARNER, 7))
    assert group[1].pending_membership
    with pytest.raises(MembershipRefused, match="possible unapplied conf change") as refused:
        group[1].propose_membership(change(ChangeKind.ADD_LEARNER, 8))
    assert refused.value.reason is DropReason.MEMBERSHIP


def test_what_could_never_be_applied_is_refused_before_it_is_in_the_log() -> None:
    group = Group(1)
    group.elect(1)
    last = group[1].last_index
    for wrong in (
        change(ChangeKind.REMOVE, 1),
        MembershipChange(),
        MembershipChange((SingleChange(ChangeKind.REMOVE, 1),), Transition.JOINT_IMPLICIT),
    ):
        with pytest.raises(MembershipRefused):
            group[1].propose_membership(wrong)
    assert group[1].last_index == last


def test_an_impossible_committed_change_stops_the_member() -> None:
    group = Group(1)
    with pytest.raises(InvariantBroken, match="removed all voters"):
        group[1].apply_membership(change(ChangeKind.REMOVE, 1))


def test_a_change_that_enters_by_another_way_is_checked_as_well() -> None:
    group = Group(1, disable_proposal_forwarding=False)
    group.elect(1)
    leave = Entry(0, 0, EntryType.MEMBERSHIP, b"")
    with pytest.raises(ProposalDropped, match="not in joint state"):
        group[1].step(_proposal(leave))


def _proposal(entry: Entry) -> Message:
    return Message(MessageType.PROPOSE, to=1, sender=2, entries=[entry])


def test_etcd_puts_an_empty_entry_in_place_of_a_refused_change() -> None:
    for simple, shown in ((True, "type:ConfChangeRemoveNode node_id:2"), (False, "transition:ConfChangeTransitionAuto changes:{type:")):
        group = Group(3, replace_refused_membership=True)
        group.elect(1)
        group.isolate(1)
        group[1].propose_membership(change(ChangeKind.REMOVE, 2), simple=simple)
        index = group[1].propose_membership(change(ChangeKind.REMOVE, 2), simple=simple)
        assert group[1].core.log.slice(index, index + 1, 100)[0].data == b""
        assert any("ignoring conf change " + shown in line for line in group.traced)


def test_two_voters_are_replaced_through_a_joint_configuration() -> None:
    group = Group(5, configuration=Configuration(voters=(1, 2, 3), learners=(4, 5)))
    group.elect(1)
    swap = change(ChangeKind.ADD_VOTER, 4, SingleChange(ChangeKind.ADD_VOTER, 5), SingleChange(ChangeKind.ADD_LEARNER, 2))
    group[1].propose_membership(swap)
    group.settle()
    assert group[1].configuration == Configuration(voters=(1, 3, 4, 5), learners=(2,))
    assert any("initiating automatic transition out of joint" in line for line in group.traced)


def test_an_explicit_joint_configuration_waits_to_be_left() -> None:
    group = Group(3)
    group.elect(1)
    group[1].propose_membership(MembershipChange((SingleChange(ChangeKind.ADD_LEARNER, 3),), Transition.JOINT_EXPLICIT))
    group.settle()
    assert group[1].configuration.voters_outgoing == (1, 2, 3)
    group.tick(1, 2)
    group.settle()
    group.tick(1, 8)
    assert group.has_event(1, EventKind.LEAVE_JOINT_DUE)
    with pytest.raises(MembershipRefused, match="must transition out"):
        group[1].propose_membership(change(ChangeKind.ADD_LEARNER, 9))
    group[1].propose_membership(MembershipChange())
    group.settle()
    assert group[1].configuration == Configuration(voters=(1, 2), learners=(3,))


def test_leaving_a_joint_configuration_waits_for_a_transfer() -> None:
    group = Group(3)
    group.elect(1)
    group[1].propose_membership(MembershipChange((SingleChange(ChangeKind.ADD_LEARNER, 3),), Transition.JOINT_IMPLICIT))
    group.lost = lambda message: message.type == MessageType.TIMEOUT_NOW
    group[1].transfer_leadership(2)
    group.settle()
    assert group[1].configuration.auto_leave
    assert any("not initiating automatic transition" in line for line in group.traced)
    while group[1].lead_transferee:
        group.tick(1)
        group.settle()
    assert group.has_event(1, EventKind.LEAVE_JOINT_DUE), "the driver proposes it"
    group[1].propose_membership(MembershipChange())
    group.settle()
    assert group[1].configuration == Configuration(voters=(1, 2), learners=(3,))


def test_a_smaller_quorum_may_commit_at_once() -> None:
    group = Group(2)
    group.elect(1)
    group[1].propose_membership(change(ChangeKind.REMOVE, 2))
    group.lost = lambda message: message.to == 2 and message.index > group[1].commit_index
    group.pump(1)
    group[1].propose(b"x")
    group.settle()
    assert group[1].configuration.voters == (1,)
    assert group.data(1) == [b"x"]


def test_a_removed_leader_hands_over() -> None:
    group = Group(3)
    group.elect(1)
    group[1].propose_membership(change(ChangeKind.REMOVE, 1))
    group.settle()
    group.tick(1, 2)
    group.settle()
    assert group[1].role is Role.FOLLOWER, "its heartbeats are answered by a newer term"
    leaders = [member for member in (2, 3) if group[member].role is Role.LEADER]
    assert len(leaders) == 1
    assert group[leaders[0]].configuration.voters == (2, 3)


def test_a_demoted_leader_accepts_no_proposals() -> None:
    group = Group(3)
    group.elect(1)
    group.lost = lambda message: message.type == MessageType.TIMEOUT_NOW
    group[1].propose_membership(change(ChangeKind.ADD_LEARNER, 1))
    group.settle()
    assert group[1].role is Role.LEADER
    with pytest.raises(ProposalDropped) as dropped:
        group[1].propose(b"x")
    assert dropped.value.reason is DropReason.REMOVED
    group.connect()
    for _ in range(30):
        group.tick(1, 1)
        group.settle()
    assert group[1].role is Role.FOLLOWER


def test_a_removed_leader_steps_down_at_once_where_that_is_asked_for() -> None:
    group = Group(3, step_down_on_removal=True, hand_over_on_removal=False)
    group.elect(1)
    group[1].propose_membership(change(ChangeKind.REMOVE, 1))
    group.settle()
    assert group[1].role is Role.FOLLOWER
    assert group[2].lead == 1, "nobody was told"


def test_a_member_without_a_vote_stands_in_where_nobody_else_can_win() -> None:
    """1 alone hands its vote to 2, keeps a longer log, and nobody hears of the change's commit."""
    group = Group(2, configuration=Configuration(voters=(1,), learners=(2,)))
    group.elect(1)
    group[1].propose_membership(
        MembershipChange((SingleChange(ChangeKind.ADD_VOTER, 2), SingleChange(ChangeKind.REMOVE, 1)), Transition.JOINT_IMPLICIT)
    )
    group.settle(1)
    group[1].propose(b"tail")
    group.lost = lambda message: message.to == 2 and message.commit > 3
    group.settle()
    for _ in range(40):
        group.tick(1)
    assert group[1].role is Role.FOLLOWER
    assert group[1].configuration.voters == (2,)
    group.connect()
    for _ in range(120):
        group.tick(1)
        group.tick(2)
        group.settle()
    assert group[2].role is Role.LEADER
    assert group[2].configuration == Configuration(voters=(2,))


def test_a_transfer_to_a_removed_member_is_given_up() -> None:
    group = Group(3)
    group.elect(1)
    group[1].propose_membership(change(ChangeKind.REMOVE, 3))
    group.lost = lambda message: message.type == MessageType.TIMEOUT_NOW
    group[1].transfer_leadership(3)
    group.settle()
    assert group[1].lead_transferee == 0
    assert group.has_event(1, EventKind.TRANSFER_ABORTED)


def test_a_removed_member_that_wins_leads_without_progress_of_its_own() -> None:
    group = Group(2)
    group.elect(1)
    group.lost = lambda message: message.to == 2 and message.type != MessageType.APPEND
    group[1].propose_membership(change(ChangeKind.REMOVE, 1))
    group.settle()
    group[1].step(Message(MessageType.HEARTBEAT_RESPONSE, to=1, sender=1, term=group[1].term), group.now_ms)
    core = group[1].core
    core.become_follower(core.term, 0)
    core.log.append([Entry(core.log.last_index + 1, core.term)])
    group.connect()
    group.wait(10_000)
    group[2].forget_leader()
    for _ in range(80):
        group.tick(1)
        group.settle()
    assert group[2].role is Role.LEADER
    assert group[2].configuration.voters == (2,)


def test_a_leader_without_a_vote_finds_nobody_to_hand_over_to_while_all_need_snapshots() -> None:
    group = Group(2)
    group.elect(1)
    group[1].core.tracker.progress[2].handle(ProgressEvent.COMPACTED, 3)
    group[1].apply_membership(change(ChangeKind.REMOVE, 1))
    assert group[1].role is Role.LEADER
    assert group[1].lead_transferee == 0
