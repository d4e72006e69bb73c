"""Quorum arithmetic: majority and joint. Pure functions over sets of member ids (Raft section 5; Ongaro's thesis 4.3)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from collections.abc import Set as AbstractSet
from enum import IntEnum

INFINITE_INDEX = 2**64 - 1
"""What an empty half of a joint quorum has committed: everything, so that the other half decides alone."""


class VoteResult(IntEnum):
    PENDING = 1
    LOST = 2
    WON = 3


def majority_index(voters: AbstractSet[int], acknowledged: Callable[[int], int]) -> int:
    """The highest index that a majority of `voters` has acknowledged; `INFINITE_INDEX` for no voters.

    `acknowledged` gives a voter's index, 0 when nothing is known of it.
    """
    count = len(voters)
    if count == 0:
        return INFINITE_INDEX
    indexes = sorted(map(acknowledged, voters))
    return indexes[count - (count // 2 + 1)]


def majority_vote(voters: AbstractSet[int], votes: Mapping[int, bool]) -> VoteResult:
    """Whether `votes` decide an election among `voters`. No voters: won, so that the other half of a joint quorum decides."""
    if not voters:
        return VoteResult.WON
    if len(votes) < len(voters) - len(voters) // 2:
        # Too few to win or to lose: an election among many does not count all of them with every answer.
        return VoteResult.PENDING
    granted = 0
    missing = 0
    for voter in voters:
        vote = votes.get(voter)
        if vote is None:
            missing += 1
        elif vote:
            granted += 1
    needed = len(voters) // 2 + 1
    if granted >= needed:
        return VoteResult.WON
    if granted + missing >= needed:
        return VoteResult.PENDING
    return VoteResult.LOST


def joint_index(incoming: AbstractSet[int], outgoing: AbstractSet[int], acknowledged: Callable[[int], int]) -> int:
    """What both halves have committed (thesis 4.3: agreement needs separate majorities of the old and the new configuration)."""
    if not outgoing:
        return majority_index(incoming, acknowledged)
    return min(majority_index(incoming, acknowledged), majority_index(outgoing, acknowledged))


def joint_vote(incoming: AbstractSet[int], outgoing: AbstractSet[int], votes: Mapping[int, bool]) -> VoteResult:
    """Won only when both halves are won, lost as soon as one is lost."""
    first = majority_vote(incoming, votes)
    second = majority_vote(outgoing, votes)
    if first == second:
        return first
    if VoteResult.LOST in (first, second):
        return VoteResult.LOST
    return VoteResult.PENDING
