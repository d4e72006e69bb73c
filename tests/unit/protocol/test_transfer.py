"""Handing leadership over."""

from __future__ import annotations

import pytest

from quorate_node.protocol.membership import Configuration
from quorate_node.protocol.message import Message, MessageType
from quorate_node.protocol.raft import DropReason, ProposalDropped
from quorate_node.protocol.ready import EventKind, Role
from tests.unit.protocol.group import Group


def test_leadership_goes_to_a_member_that_is_up_to_date() -> None:
    group = Group(3)
    group.elect(1)
    group[1].transfer_leadership(3)
    group.settle()
    assert [group[member].role for member in (1, 2, 3)] == [Role.FOLLOWER, Role.FOLLOWER, Role.LEADER]


def test_a_follower_passes_the_wish_on() -> None:
    group = Group(3)
    group.elect(1)
    group[3].transfer_leadership(2)
    group.settle()
    assert group[2].role is Role.LEADER
    group[2].step(Message(MessageType.TRANSFER_LEADER, to=2, sender=1, term=group[2].term, index=1), group.now_ms)
    group.settle()
    assert group[1].role is Role.LEADER
    group[2].step(Message(MessageType.TRANSFER_LEADER, to=2, sender=3, term=group[2].term, index=3), group.now_ms)
    group.settle()
    assert group[3].role is Role.LEADER


def test_without_a_leader_nothing_happens() -> None:
    group = Group(3)
    group[1].transfer_leadership(2)
    group[1].campaign()
    group[1].transfer_leadership(2)
    assert group[1].lead_transferee == 0


def test_a_member_that_lags_is_brought_up_to_date_first() -> None:
    group = Group(3)
    group.elect(1)
    group.isolate(3)
    group[1].propose(b"x")
    group.settle(1, 2)
    group.connect()
    group[1].report_unreachable(3)
    group[1].transfer_leadership(3)
    with pytest.raises(ProposalDropped) as dropped:
        group[1].propose(b"y")
    assert dropped.value.reason is DropReason.TRANSFER_IN_PROGRESS
    group.settle()
    assert group[3].role is Role.LEADER


def test_those_who_cannot_lead_are_not_asked() -> None:
    group = Group(4, configuration=Configuration(voters=(1, 2, 4), learners=(3,), witnesses=(4,)))
    group.elect(1)
    for target in (1, 3, 4, 9):
        group[1].transfer_leadership(target)
        assert group[1].lead_transferee == 0


def test_a_transfer_that_is_not_taken_ends_after_an_election_timeout() -> None:
    group = Group(3)
    group.elect(1)
    group.lost = lambda message: message.type == MessageType.TIMEOUT_NOW
    group[1].transfer_leadership(3)
    group[1].transfer_leadership(3)
    group[1].transfer_leadership(2)
    assert group[1].lead_transferee == 2
    for _ in range(10):
        group.tick(1)
        group.settle()
    assert group[1].lead_transferee == 0
    assert [event.member_id for event in group.events[1] if event.kind is EventKind.TRANSFER_ABORTED] == [3, 2]
    group[1].propose(b"x")
    group.settle()
    assert group.data(1) == [b"x"]


def test_a_candidate_needs_no_offer() -> None:
    group = Group(3)
    group[1].campaign()
    group[1].step(Message(MessageType.TIMEOUT_NOW, to=1, sender=2, term=group[1].term), group.now_ms)
    assert group[1].role is Role.PRE_CANDIDATE


def preferred(**settings: int) -> Group:
    group = Group(3, **settings)
    group.elect(1)
    group[1].set_priorities({2: 1, 3: 2})
    return group


def test_the_caught_up_member_of_highest_priority_gets_the_lead() -> None:
    group = preferred()
    for _ in range(10):
        group.tick(1)
        group.settle()
    assert group[3].role is Role.LEADER


def test_one_that_lags_or_is_silent_does_not() -> None:
    group = preferred(promotion_lag_entries=1)
    group.isolate(3)
    for number in range(3):
        group[1].propose(bytes([number]))
    for _ in range(10):
        group.tick(1)
        group.settle()
    assert group[2].role is Role.LEADER


def test_attempts_that_fail_become_rarer() -> None:
    group = preferred()
    group.lost = lambda message: message.type == MessageType.TIMEOUT_NOW
    for _ in range(300):
        group.tick(1)
        group.settle()
    offers = sum(message.type == MessageType.TIMEOUT_NOW for message in group.sent)
    assert 3 <= offers <= 6
    assert group[1].core.hand_over_backoff >= 8
    group[1].set_priorities({})
    for _ in range(10):
        group.tick(1)
        group.settle()
    assert group[1].core.hand_over_backoff == 1


def test_an_offer_that_was_lost_is_repeated_on_request() -> None:
    group = Group(3)
    group.elect(1)
    group.lost = lambda message: message.type == MessageType.TIMEOUT_NOW
    group[1].repeat_transfer()
    group[1].transfer_leadership(3)
    group.settle()
    group.connect()
    group[2].repeat_transfer()
    group[1].repeat_transfer()
    group.settle()
    assert group[3].role is Role.LEADER
