"""The StatefulSet: there, with as many pods as there are members, and none while hibernated."""

from __future__ import annotations

from quorate_operator.decide.actions import Apply, Scale
from quorate_operator.decide.outcome import COMPLETE, Do, Outcome, Wait
from quorate_operator.decide.quorum import own_members
from quorate_operator.decide.world import World
from quorate_operator.objects.statefulset import TEMPLATES, stateful_set


def workload(world: World) -> Outcome:
    """Made, or made again: as many pods as there are volumes, since each may be a member that counts."""
    found = world.workload
    if found is None:
        item = stateful_set(world.spec, world.identity, replicas=_pods_wanted(world))
        return Do(Apply(item), "Creating", "the StatefulSet is not there")
    if found.template_version not in TEMPLATES:
        message = f"the pods were made with template version {found.template_version}, unknown to this operator: install a newer one"
        return Wait("OperatorTooOld", message, degraded=True)
    return COMPLETE


def hibernation(world: World) -> Outcome:
    found = world.workload
    if found is None:
        return COMPLETE
    if world.spec.hibernated:
        if found.replicas:
            return Do(Scale(0, found.uid, found.resource_version), "Hibernating", "spec.hibernated is true: all pods stop")
        if world.pods:
            return Wait("Hibernating", f"{world.pods[0].name} is stopping")
        return Wait("Hibernated", "no pods run and the volumes stay; set spec.hibernated to false to go on")
    if not found.replicas:
        count = _pods_wanted(world)
        return Do(Scale(count, found.uid, found.resource_version), "Waking", f"{count} pods start on their volumes")
    if found.replicas < _members_end(world):
        # Somebody scaled the StatefulSet by hand.
        action = Scale(_members_end(world), found.uid, found.resource_version)
        return Do(action, "Repairing", f"{found.replicas} pods are too few: there are members without one")
    return COMPLETE


def _members_end(world: World) -> int:
    """One above the highest ordinal of a member. With nobody to tell who is one, each volume may be of one, and of the quorum."""
    if world.membership is None:
        return world.volumes_end
    ordinals = [world.identity.ordinal(member.name) for member in own_members(world)]
    return max((ordinal + 1 for ordinal in ordinals if ordinal is not None), default=0)


def _pods_wanted(world: World) -> int:
    if world.spec.hibernated:
        return 0
    return world.volumes_end or world.spec.replicas
