"""Members in pods of others, which never vote: when such a pod is gone for good, its member leaves the configuration."""

from __future__ import annotations

from quorate_operator.decide.actions import Remove
from quorate_operator.decide.outcome import COMPLETE, Do, Outcome, Wait
from quorate_operator.decide.world import Member, World
from quorate_operator.objects.injection import pod_uid_of


def podless(world: World) -> tuple[Member, ...]:
    """Non-voting members whose pod is not there. Its uid is in the member's name, and no other pod ever has that. One that was added by
    hand has another name, and stays until it is removed by hand."""
    live = {pod.uid for pod in world.injected}
    named = [(member, pod_uid_of(member.name)) for member in world.members if member.non_voting]
    return tuple(member for member, uid in named if uid and uid not in live)


def departed(world: World) -> Outcome:
    """Nothing is counted on it, so no quorum is asked; but a pod that is not seen for a moment is not gone."""
    if world.membership is None:
        return COMPLETE
    gone = podless(world)
    for member in gone:
        if member.member_id in world.overdue:
            action = Remove(member.member_id, world.membership.configuration_index)
            return Do(action, "RemovingNonVoting", f"non-voting member {member.name}: its pod is gone")
    if gone:
        after_s = world.spec.injection.remove_after_seconds
        return Wait("PodGone", f"the pod of non-voting member {gone[0].name} is gone: it is removed after {after_s} s", holds=False)
    return COMPLETE
