"""Changes of membership against a naive second implementation, and the rules for witnesses."""

from __future__ import annotations

from random import Random

import pytest

from quorate_node.protocol.membership import ChangeKind, Configuration, MembershipChange, SingleChange, Transition
from quorate_node.protocol.raft.changer import ChangeError, Changer
from quorate_node.protocol.raft.tracker import Tracker

SEQUENCES = 1_500


def tracker_of(configuration: Configuration) -> Tracker:
    tracker = Tracker(10, 0)
    tracker.restore(configuration, 5)
    return tracker


def apply(tracker: Tracker, change: MembershipChange) -> None:
    tracker.install(*Changer(tracker, 5).change(change))


def naive(now: Configuration, change: MembershipChange) -> Configuration | None:
    """Work out who ends up as what, without steps in between and without progress; None when it is refused."""
    joint = bool(now.voters_outgoing)
    if not change.changes and change.transition == Transition.AUTO:
        if not joint:
            return None
        learners = {*now.learners, *now.learners_next}
        return make(set(now.voters), learners, set(), False, set(now.witnesses) & set(now.voters))
    enters = change.transition != Transition.AUTO or len(change.changes) > 1
    if joint or (enters and not now.voters):
        return None
    outgoing = set(now.voters) if enters else set()
    voters, learners, witnesses = set(now.voters), set(now.learners), set(now.witnesses)
    for single in change.changes:
        member = single.member_id
        if single.kind in (ChangeKind.ADD_VOTER, ChangeKind.ADD_LEARNER) and member in witnesses:
            return None
        if single.kind is ChangeKind.ADD_WITNESS and not (member in witnesses and member in voters):
            if member in voters | learners | outgoing:
                return None
            witnesses.add(member)
        if single.kind is not ChangeKind.UPDATE:
            voters.discard(member)
            learners.discard(member)
        if single.kind in (ChangeKind.ADD_VOTER, ChangeKind.ADD_WITNESS):
            voters.add(member)
        elif single.kind is ChangeKind.ADD_LEARNER:
            learners.add(member)
        elif single.kind is ChangeKind.REMOVE and member not in outgoing:
            witnesses.discard(member)
    if voters <= witnesses or (not enters and len(voters ^ set(now.voters)) > 1):
        return None
    return make(voters, learners, outgoing, enters and change.transition != Transition.JOINT_EXPLICIT, witnesses)


def make(voters: set[int], learners: set[int], outgoing: set[int], auto_leave: bool, witnesses: set[int]) -> Configuration:
    return Configuration(
        voters=tuple(sorted(voters)),
        learners=tuple(sorted(learners - outgoing)),
        voters_outgoing=tuple(sorted(outgoing)),
        learners_next=tuple(sorted(learners & outgoing)),
        auto_leave=auto_leave,
        witnesses=tuple(sorted(witnesses)),
    )


def test_sequences_of_changes_agree_with_the_naive_implementation() -> None:
    random = Random(2)
    accepted = refused = 0
    for _ in range(SEQUENCES):
        tracker = tracker_of(Configuration(voters=(1, 2, 3)))
        for _ in range(8):
            singles = tuple(
                SingleChange(random.choice(list(ChangeKind)), random.randint(1, 6)) for _ in range(random.choice((0, 1, 1, 2, 3)))
            )
            change = MembershipChange(singles, random.choice(list(Transition)))
            now = tracker.members.configuration()
            expected = naive(now, change)
            try:
                apply(tracker, change)
            except ChangeError:
                refused += 1
                assert expected is None, f"{change} on {now} was refused, should give {expected}"
                assert tracker.members.configuration() == now, "a refused change changed something"
            else:
                accepted += 1
                assert tracker.members.configuration() == expected, f"{change} on {now}"
    assert accepted > 1_000
    assert refused > 1_000


def test_a_configuration_is_restored_as_it_was() -> None:
    configuration = Configuration((1, 2, 7), (5,), (1, 2, 4), (4,), True, (7,))
    tracker = tracker_of(configuration)
    assert tracker.members.configuration() == configuration
    assert str(tracker.members) == "voters=(1 2 7)&&(1 2 4) learners=(5) learners_next=(4) witnesses=(7) autoleave"
    assert {m: p.is_learner for m, p in tracker.progress.items()} == {1: False, 2: False, 4: False, 5: True, 7: False}


def test_a_witness_is_never_promoted_and_a_member_with_data_never_becomes_one() -> None:
    tracker = tracker_of(Configuration(voters=(1, 2), learners=(3,)))
    apply(tracker, MembershipChange((SingleChange(ChangeKind.ADD_WITNESS, 4),)))
    apply(tracker, MembershipChange((SingleChange(ChangeKind.ADD_WITNESS, 4),)))
    assert tracker.members.configuration().witnesses == (4,)
    for kind, member in ((ChangeKind.ADD_VOTER, 4), (ChangeKind.ADD_LEARNER, 4), (ChangeKind.ADD_WITNESS, 3), (ChangeKind.ADD_WITNESS, 1)):
        with pytest.raises(ChangeError, match="witness"):
            apply(tracker, MembershipChange((SingleChange(kind, member),)))


def test_only_witnesses_would_leave_nobody_to_lead() -> None:
    tracker = tracker_of(Configuration(voters=(1, 2), witnesses=(2,)))
    with pytest.raises(ChangeError, match="nobody could lead"):
        apply(tracker, MembershipChange((SingleChange(ChangeKind.REMOVE, 1),)))


def test_an_unknown_kind_of_change_is_refused() -> None:
    with pytest.raises(ChangeError, match="unexpected conf type 9"):
        Changer(tracker_of(Configuration(voters=(1,))), 5).simple([SingleChange(9, 1)])  # type: ignore[arg-type]
