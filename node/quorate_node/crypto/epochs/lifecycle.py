"""The life of a member's group context, as a table. What is not in it is refused by name."""

from __future__ import annotations

from enum import StrEnum

from quorate_node.crypto.epochs.errors import TransitionRefused


class GroupState(StrEnum):
    CREATION = "Creation"
    """No epoch was installed yet: every link uses the recovery class."""
    ACTIVE = "Active"
    """One epoch, which all members have announced, or whose grace is over."""
    UPDATING = "Updating"
    """A new epoch is installed, because of members or leaves, and not all members have announced it."""
    ROTATING = "Rotating"
    """The same, because the group's pre-shared key is rotated."""
    SUSPENDED = "Suspended"
    """This member cannot follow the group to its newest epoch: what it holds dies with its grace, until it joins again."""
    DESTROYED = "Destroyed"
    """This member has left the group. Everything is erased, for good."""


class GroupEvent(StrEnum):
    UPDATED = "an epoch of a membership or leaf update is installed"
    ROTATED = "an epoch of a rotation is installed"
    AGREED = "all have announced the newest epoch, or its grace is over"
    SUSPENDED = "this member cannot follow a commit"
    DESTROYED = "this member is removed, or shuts down"


TRANSITIONS: dict[tuple[GroupState, GroupEvent], GroupState] = {
    (GroupState.CREATION, GroupEvent.UPDATED): GroupState.UPDATING,
    (GroupState.CREATION, GroupEvent.ROTATED): GroupState.ROTATING,
    (GroupState.CREATION, GroupEvent.SUSPENDED): GroupState.SUSPENDED,
    (GroupState.CREATION, GroupEvent.DESTROYED): GroupState.DESTROYED,
    (GroupState.ACTIVE, GroupEvent.UPDATED): GroupState.UPDATING,
    (GroupState.ACTIVE, GroupEvent.ROTATED): GroupState.ROTATING,
    (GroupState.ACTIVE, GroupEvent.SUSPENDED): GroupState.SUSPENDED,
    (GroupState.ACTIVE, GroupEvent.DESTROYED): GroupState.DESTROYED,
    (GroupState.UPDATING, GroupEvent.UPDATED): GroupState.UPDATING,
    (GroupState.UPDATING, GroupEvent.ROTATED): GroupState.ROTATING,
    (GroupState.UPDATING, GroupEvent.AGREED): GroupState.ACTIVE,
    (GroupState.UPDATING, GroupEvent.SUSPENDED): GroupState.SUSPENDED,
    (GroupState.UPDATING, GroupEvent.DESTROYED): GroupState.DESTROYED,
    # A rotation is over when its members have the new keys, whatever epochs came in between.
    (GroupState.ROTATING, GroupEvent.UPDATED): GroupState.ROTATING,
    (GroupState.ROTATING, GroupEvent.ROTATED): GroupState.ROTATING,
    (GroupState.ROTATING, GroupEvent.AGREED): GroupState.ACTIVE,
    (GroupState.ROTATING, GroupEvent.SUSPENDED): GroupState.SUSPENDED,
    (GroupState.ROTATING, GroupEvent.DESTROYED): GroupState.DESTROYED,
    (GroupState.SUSPENDED, GroupEvent.UPDATED): GroupState.UPDATING,
    (GroupState.SUSPENDED, GroupEvent.ROTATED): GroupState.ROTATING,
    (GroupState.SUSPENDED, GroupEvent.DESTROYED): GroupState.DESTROYED,
}


def next_state(state: GroupState, event: GroupEvent) -> GroupState:
    """Where `event` leads from `state`. Raises `TransitionRefused`."""
    target = TRANSITIONS.get((state, event))
    if target is None:
        possible = ", ".join(known.name for source, known in TRANSITIONS if source is state) or "nothing"
        raise TransitionRefused(f"group context in state {state}: {event.name} ({event}) is not possible there; {possible} is")
    return target
