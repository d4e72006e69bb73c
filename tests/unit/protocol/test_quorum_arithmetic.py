"""Quorum arithmetic against a naive second implementation, 50,000 cases; and what makes quorums quorums."""

from __future__ import annotations

from random import Random

from hypothesis import given
from hypothesis import strategies as st

from quorate_node.protocol.quorum import INFINITE_INDEX, VoteResult, joint_index, joint_vote, majority_index, majority_vote
from tests.conformance.raft.naive_quorum import naive_joint_index, naive_majority_index, naive_vote

CASES = 50_000
sets = st.sets(st.integers(1, 9), max_size=7)


def test_joint_quorums_agree_with_the_naive_implementation() -> None:
    random = Random(1)
    for case in range(CASES):
        incoming = {random.randint(1, 6) for _ in range(random.randint(0, 5))}
        outgoing = {random.randint(1, 6) for _ in range(random.choice((0, 0, 3, 5)))}
        known = {member: random.randint(1, 6) for member in incoming | outgoing if random.random() < 0.8}
        votes = {member: random.random() < 0.6 for member in incoming | outgoing if random.random() < 0.8}
        shown = f"case {case}: {incoming} {outgoing} {known} {votes}"
        assert joint_index(incoming, outgoing, lambda m, k=known: k.get(m, 0)) == naive_joint_index(incoming, outgoing, known), shown
        assert joint_vote(incoming, outgoing, votes) == naive_vote(incoming, outgoing, votes), shown


@given(sets, st.dictionaries(st.integers(1, 9), st.integers(1, 99)))
def test_majorities_agree_with_the_naive_implementation(voters: set[int], known: dict[int, int]) -> None:
    known = {member: index for member, index in known.items() if member in voters}
    assert majority_index(voters, lambda member: known.get(member, 0)) == naive_majority_index(voters, known)


def test_nobody_decides_nothing_so_that_the_other_half_of_a_joint_quorum_decides() -> None:
    assert majority_index(set(), lambda member: 7) == INFINITE_INDEX
    assert majority_vote(set(), {}) is VoteResult.WON
    assert joint_index({1}, set(), lambda member: 7) == 7


@given(st.sets(st.integers(1, 9), min_size=1, max_size=7), st.data())
def test_two_won_votes_share_a_member(voters: set[int], data: st.DataObject) -> None:
    first = data.draw(st.sets(st.sampled_from(sorted(voters))))
    second = data.draw(st.sets(st.sampled_from(sorted(voters))))
    if all(majority_vote(voters, {member: member in granted for member in voters}) is VoteResult.WON for granted in (first, second)):
        assert first & second
