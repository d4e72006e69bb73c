"""A second, naive implementation of quorum arithmetic: by trying every index and every completion of the votes."""

from __future__ import annotations

from itertools import product

from quorate_node.protocol.quorum import INFINITE_INDEX, VoteResult


def naive_majority_index(voters: set[int], acknowledged: dict[int, int]) -> int:
    """The highest acknowledged index that more than half of the voters have reached, by counting for each."""
    if not voters:
        return INFINITE_INDEX
    best = 0
    for index in acknowledged.values():
        if 2 * sum(1 for voter in voters if acknowledged.get(voter, 0) >= index) > len(voters):
            best = max(best, index)
    return best


def naive_joint_index(incoming: set[int], outgoing: set[int], acknowledged: dict[int, int]) -> int:
    """The highest index with a majority in each half that is not empty, by trying every acknowledged one."""
    halves = [half for half in (incoming, outgoing) if half]
    if not halves:
        return INFINITE_INDEX
    candidates = [0, *acknowledged.values()]
    return max(
        index
        for index in candidates
        if all(2 * sum(1 for voter in half if acknowledged.get(voter, 0) >= index) > len(half) for half in halves)
    )


def naive_vote(incoming: set[int], outgoing: set[int], votes: dict[int, bool]) -> VoteResult:
    """By completing the open votes in every way: won if all ways win, lost if none does."""
    voters = sorted(incoming | outgoing)
    missing = [voter for voter in voters if voter not in votes]
    outcomes = set()
    for completion in product((False, True), repeat=len(missing)):
        complete = votes | dict(zip(missing, completion, strict=True))
        outcomes.add(
            all(2 * sum(complete[voter] for voter in half) > len(half) for half in (incoming, outgoing) if half)
        )
    if outcomes == {True}:
        return VoteResult.WON
    return VoteResult.PENDING if True in outcomes else VoteResult.LOST
