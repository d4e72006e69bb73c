"""A log that begins anew after the state: what that ends of its damage, and what not; the same over all kinds of log."""

from __future__ import annotations

import pytest

from quorate_node.protocol.message import SnapshotMetadata
from quorate_node.protocol.ready import HardState
from quorate_node.store.errors import Compacted
from tests.unit.store.damaging import damage, damage_marker
from tests.unit.store.support import VOTERS, Member, append, before_and_after, entries, entry, persist, put, read_all


def test_rebasing_on_the_state_ends_damage_below_it_and_keeps_damage_above(member: Member) -> None:
    append(member.log, 1, 21)
    chain = member.log.chain(10)
    damage(member, 8, 10, 15)
    member.log.rebase(SnapshotMetadata(10, 1, VOTERS, chain))
    for log in before_and_after(member.restart, member):
        assert log.damaged() == [(15, 16)]
        assert (log.first_index(), log.chain(10), log.term(10)) == (11, chain, 1)
    member.log.repair([entry(15)])
    assert read_all(member.log) == entries(11, 21)
    with pytest.raises(Compacted):
        member.log.rebase(SnapshotMetadata(10, 1, VOTERS, chain))


def test_rebasing_beyond_the_end_leaves_an_empty_log_there(member: Member) -> None:
    append(member.log, 1, 21)
    damage(member, 8)
    beyond = SnapshotMetadata(30, 2, VOTERS, b"x" * 32)
    member.log.rebase(beyond)
    for log in before_and_after(member.restart, member):
        assert log.damaged() == []
        assert (log.snapshot(), log.first_index(), log.last_index()) == (beyond, 31, 30)
        assert (log.chain(30), log.term(30), log.initial()[0].commit) == (b"x" * 32, 2, 30)
    append(member.log, 31, 34, term=2)
    assert read_all(member.restart().log) == entries(31, 34, term=2)


def test_rebasing_beyond_a_lost_end_does_not_end_the_doubt_about_what_was_behind_it(member: Member) -> None:
    """What was in the lost batch may have been acknowledged, and the state may know of its first entries alone."""
    append(member.log, 1, 21)
    member.crash()
    damage_marker(member)
    assert member.crash().log.last_index() < 30
    member.log.rebase(SnapshotMetadata(30, 2, VOTERS, b"x" * 32))
    for log in before_and_after(member.restart, member):
        assert log.damaged() == [(31, 32)]
        assert (log.first_index(), log.last_index()) == (31, 30)
    append(member.log, 31, 34, term=2)
    for log in before_and_after(member.restart, member):
        assert log.damaged() == []
        assert read_all(log) == entries(31, 34, term=2)


def test_a_lost_end_behind_the_state_is_given_up_where_a_confirmed_leader_has_nothing_there(member: Member) -> None:
    append(member.log, 1, 21)
    member.crash()
    damage_marker(member)
    member.crash()
    member.log.rebase(SnapshotMetadata(30, 2, VOTERS, b"x" * 32))
    member.log.forget_tail(31)
    for log in before_and_after(member.restart, member):
        assert (log.damaged(), log.first_index(), log.last_index()) == ([], 31, 30)


def test_a_term_that_is_entered_is_durable_with_no_vote_in_it(member: Member) -> None:
    put(member.log, persist(entries(1, 21), hard_state=HardState(3, 2, 10)))
    damage(member, 8)
    member.log.enter_term(5)
    for log in before_and_after(member.crash, member):
        assert log.initial()[0] == HardState(5, 0, 10)
        assert log.damaged() == [(8, 9)], "it says nothing of the log"
    member.log.enter_term(4)
    assert member.log.initial()[0].term == 5, "terms never fall"



def test_rebasing_on_a_state_of_another_history_damages_what_follows(member: Member) -> None:
    append(member.log, 1, 21)
    member.log.rebase(SnapshotMetadata(10, 1, VOTERS, b"x" * 32))
    assert member.log.damaged() == [(11, 21)]
