"""The life of a group context: what leads where, and what is refused by name."""

from __future__ import annotations

import pytest

from quorate_node.crypto.epochs.errors import EpochsError, LifecycleError, TransitionRefused
from quorate_node.crypto.epochs.lifecycle import TRANSITIONS, GroupEvent, GroupState, next_state


@pytest.mark.parametrize("event", GroupEvent)
@pytest.mark.parametrize("state", GroupState)
def test_every_pair_leads_where_the_table_says_or_is_refused_by_name(state: GroupState, event: GroupEvent) -> None:
    if (state, event) in TRANSITIONS:
        assert next_state(state, event) is TRANSITIONS[state, event]
        return
    with pytest.raises(TransitionRefused) as refusal:
        next_state(state, event)
    assert isinstance(refusal.value, LifecycleError)
    assert isinstance(refusal.value, EpochsError)
    assert state in str(refusal.value) and event.name in str(refusal.value)


def test_a_refusal_says_what_is_possible() -> None:
    with pytest.raises(TransitionRefused, match="UPDATED, ROTATED, SUSPENDED, DESTROYED is"):
        next_state(GroupState.ACTIVE, GroupEvent.AGREED)


def test_nothing_leads_out_of_destroyed() -> None:
    assert all(source is not GroupState.DESTROYED for source, _ in TRANSITIONS)
    with pytest.raises(TransitionRefused, match="nothing is"):
        next_state(GroupState.DESTROYED, GroupEvent.UPDATED)


def test_every_state_but_the_first_is_reached_from_it() -> None:
    reached = {GroupState.CREATION}
    for _ in GroupState:
        reached |= {target for (source, _), target in TRANSITIONS.items() if source in reached}
    assert reached == set(GroupState)


def test_every_living_state_can_be_destroyed() -> None:
    for state in GroupState:
        assert state is GroupState.DESTROYED or TRANSITIONS[state, GroupEvent.DESTROYED] is GroupState.DESTROYED


def test_a_rotation_stays_one_until_its_members_have_agreed() -> None:
    assert next_state(GroupState.ROTATING, GroupEvent.UPDATED) is GroupState.ROTATING
    assert next_state(GroupState.UPDATING, GroupEvent.ROTATED) is GroupState.ROTATING
    assert next_state(GroupState.ROTATING, GroupEvent.AGREED) is GroupState.ACTIVE
