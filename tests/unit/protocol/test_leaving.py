"""A leader that leaves: no witness may know more than the members with data that stay."""

from __future__ import annotations

from quorate_node.protocol.membership import ChangeKind, Configuration
from quorate_node.protocol.message import MessageType
from quorate_node.protocol.ready import Role
from tests.unit.protocol.group import Group, change

WITNESS = 2
MEMBERS = Configuration(voters=(1, 2, 3), witnesses=(WITNESS,))


def group_of_two_and_a_witness() -> Group:
    group = Group(3, configuration=MEMBERS)
    group.elect(1)
    return group


def test_its_removal_goes_to_the_witness_after_a_member_that_stays() -> None:
    group = group_of_two_and_a_witness()
    before = group[1].commit_index
    group.isolate(3)
    index = group[1].propose_membership(change(ChangeKind.REMOVE, 1))
    group.settle(1, WITNESS)
    assert group[WITNESS].last_index == index - 1, "nobody else that keeps data has it"
    assert group[1].commit_index == before
    group.connect()
    group.tick(1, 2)
    group.settle()
    assert group[WITNESS].last_index >= index and group[3].commit_index >= index


def test_a_change_that_leaves_its_vote_alone_needs_the_witness_alone() -> None:
    group = group_of_two_and_a_witness()
    group.isolate(3)
    index = group[1].propose_membership(change(ChangeKind.ADD_LEARNER, 4))
    group[1].propose(b"x")
    group.settle(1, WITNESS)
    assert group[1].commit_index == index + 1


def test_a_new_leader_finds_its_own_removal_in_the_log() -> None:
    """Its predecessor had proposed it: with the witness alone it commits nothing from there on, but leads until the other is back."""
    group = group_of_two_and_a_witness()
    index = group[1].propose_membership(change(ChangeKind.REMOVE, 3))
    group.lost = lambda message: WITNESS in (message.to, message.sender) or message.sender == 3
    group.settle()
    assert (group[3].last_index, group[1].commit_index) == (index, index - 1)
    group.isolate(1)
    group.wait(10_000)
    group[WITNESS].forget_leader()
    group[3].forget_leader()
    group[3].campaign()
    group.settle(3, WITNESS)
    assert (group[3].role, group[3].commit_index, group[WITNESS].last_index) == (Role.LEADER, index - 1, index - 1)
    group.connect()
    group.tick(3, 4)
    group.settle()
    assert group[1].commit_index > index
    assert group[1].role is Role.LEADER, "the one that left handed over"


def test_one_that_has_left_vouches_for_nothing_any_more() -> None:
    group = group_of_two_and_a_witness()
    index = group[1].propose_membership(change(ChangeKind.REMOVE, 1))
    group[1].propose(b"x")
    group.lost = lambda message: message.to == 3 and (
        message.type == MessageType.TIMEOUT_NOW or any(entry.index > index for entry in message.entries)
    )
    group.settle()
    assert (group[1].commit_index, group[1].role) == (index, Role.LEADER), "it is out, and has not handed over yet"
    assert group[WITNESS].last_index == index, "the next entry is on no disk of a member that stays"
    group.connect()
    group.tick(1, 12)
    group.settle()
    assert group[3].role is Role.LEADER
    assert group.data(3) == [b"x"]
    assert group[WITNESS].last_index == group[3].last_index
