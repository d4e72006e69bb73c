"""Members that are lost, that are new, and that are too many."""

from __future__ import annotations

from quorate_operator.decide.actions import Apply, DeleteVolume, Evict, Promote, Remove, Scale, Transfer
from quorate_operator.decide.gate import gate
from quorate_operator.decide.outcome import COMPLETE, Do, Outcome, Wait
from quorate_operator.decide.quorum import (
    healthy,
    leads,
    learners,
    member_in,
    others_commit,
    own_members,
    pod_of,
    successor,
    voters,
)
from quorate_operator.decide.world import Lag, Member, Pod, Volume, World
from quorate_operator.objects.claims import claim


def lost(world: World) -> Outcome:
    """A member whose volume will never come back is removed by a vote of the others; its pod then joins as a new one."""
    if world.membership is None:
        return COMPLETE
    for member in world.members:
        why = _why_lost(world, member)
        heir = successor(world, member) if why and leads(world, member) else None
        if heir is not None:
            return Do(Transfer(heir.member_id), "MovingLeader", f"{member.name} leads and is to be replaced: {heir.name} takes over first")
        if why and member.voter and not others_commit(world, member):
            message = f"{member.name} is lost ({why}) and the others are no quorum to vote it out"
            return Wait("QuorumLost", message, holds=False, degraded=True)
        if why:
            action = Remove(member.member_id, world.membership.configuration_index)
            return Do(action, "ReplacingMember", f"member {member.member_id} of {member.name} is lost: {why}")
    return COMPLETE


def _why_lost(world: World, member: Member) -> str:
    """A pod without any identity says nothing: it starts, or it joins and has not heard of its place yet. An empty directory in a lost
    member's place is given that place by the node itself."""
    pod = world.pod(member.name)
    if str(member.member_id) in world.spec.lost_members:
        return "spec.lostMembers names it"
    if pod is not None and pod.answer is not None and pod.answer.member_id not in (0, member.member_id):
        return "its pod has another data directory"
    volume = next((volume for volume in world.volumes if volume.member_id == member.member_id), None)
    return "its volume's node is gone" if volume is not None and volume.node_gone else ""


def dead_volumes(world: World) -> Outcome:
    """A volume whose member was voted out never comes back: it is kept for its data alone where the resource says so and its place is not
    wanted; else it is deleted, and its pod joins anew."""
    if world.membership is None:
        return COMPLETE
    known = {member.member_id for member in world.members}
    for volume in world.volumes:
        pod = world.pod(world.identity.pod(volume.ordinal))
        if volume.deleting:
            if pod is not None and not pod.deleting:
                return _let_go(world, pod)
            return Wait("ReplacingMember", f"volume {volume.name} is being deleted", holds=False)
        if volume.member_id and volume.member_id not in known and (pod is None or member_in(world, pod) is None):
            out = _voted_out(world, volume)
            if out is not None:
                return out
            continue
        if _never_a_members(world, volume):
            message = f"volume {volume.name} was made for a pod too many, and no member is on it"
            return Do(DeleteVolume(volume.name, volume.uid), "ScalingDown", message)
    return COMPLETE


def _voted_out(world: World, volume: Volume) -> Do | None:
    """None: it is kept already."""
    of = f"volume {volume.name} is of member {volume.member_id}, which was voted out"
    if volume.ordinal < world.spec.replicas:
        # Also one that was kept so far: two members cannot be on one volume, and that a place is wanted again is said in the resource.
        return Do(DeleteVolume(volume.name, volume.uid), "ReplacingMember", f"{of}: it goes, and its place gets a new one")
    if world.spec.storage.retention == "Delete" or volume.node_gone:
        return Do(DeleteVolume(volume.name, volume.uid), "ScalingDown", f"{of}: it goes")
    if volume.retired:
        return None
    item = claim(world.spec, world.identity, volume.name, volume.uid, volume.size, volume.member_id, retired=True)
    return Do(Apply(item), "ScalingDown", f"{of}: it is kept for its data alone (spec.storage.retention is Retain)")


def _let_go(world: World, pod: Pod) -> Outcome:
    """Kubernetes takes a volume back no more once its deletion was asked for, and keeps it while its pod runs: that ends at the gate."""
    why = f"{pod.name} holds a volume that is being deleted"
    passed = gate(world, pod)
    if isinstance(passed, Wait):
        return Wait(passed.reason, f"{why}; {passed.message}", holds=False, degraded=passed.degraded)
    return passed if isinstance(passed, Do) else Do(Evict(pod.name, pod.uid), "ReplacingMember", why)


def _never_a_members(world: World, volume: Volume) -> bool:
    """Above all that is wanted, without a pod, and no member has its name: its pod went before anybody was seen on it."""
    name = world.identity.pod(volume.ordinal)
    pods = world.workload.replicas if world.workload is not None else volume.ordinal + 1
    named = any(member.name == name for member in world.members)
    return not volume.member_id and not named and world.pod(name) is None and volume.ordinal >= max(pods, world.spec.replicas)


def promotion(world: World) -> Outcome:
    """A learner that has caught up gets its vote; the leader does so by itself, and here it is seen to."""
    if world.membership is None:
        return COMPLETE
    for member in learners(world):
        pod = pod_of(world, member)
        if pod is not None and not pod.deleting and member.lag in (Lag.NONE, Lag.SMALL) and pod.answer is not None:
            action = Promote(member.member_id, world.membership.configuration_index)
            return Do(action, "Promoting", f"{member.name} has caught up: it gets its vote")
    behind = [member.name for member in learners(world)]
    if behind:
        return Wait("CatchingUp", f"{behind[0]} is a learner and has not caught up", holds=False)
    joining = [pod for pod in world.pods if pod.name not in {member.name for member in world.members}]
    if joining:
        trouble = f": {joining[0].trouble}" if joining[0].trouble else ""
        return Wait("Joining", f"{joining[0].name} is on its way into the cluster{trouble}", holds=False, degraded=bool(trouble))
    return COMPLETE


def scale_down(world: World) -> Outcome:
    """The highest ordinal first: leadership moved, removed by a vote, and only then its pod. Refused while one that stays is sick."""
    if world.membership is None:
        return COMPLETE
    own = own_members(world)
    ordinal = {member.name: world.identity.ordinal(member.name) for member in own}
    numbered = sorted(((ordinal[member.name], member) for member in own), key=lambda each: -1 if each[0] is None else each[0])
    number, member = numbered[-1]
    if number is None or number < world.spec.replicas:
        return COMPLETE
    staying = [each for each in voters(world) if each != member]
    sick = [each.name for each in staying if not healthy(world, each)]
    if sick:
        message = f"{member.name} is to go and {sick[0]} is away or behind: it must come back first"
        return Wait("SickMember", message, holds=False, degraded=True)
    if any(pod.deleting for pod in world.pods):
        return Wait("RestartInProgress", f"{member.name} is to go; a pod is on its way out", holds=False)
    if leads(world, member):
        heir = successor(world, member)
        if heir is None:
            return Wait("NoSuccessor", f"{member.name} is to go and leads, and nobody can take over", holds=False, degraded=True)
        return Do(Transfer(heir.member_id), "MovingLeader", f"{member.name} leads and is to go: {heir.name} takes over first")
    action = Remove(member.member_id, world.membership.configuration_index)
    return Do(action, "ScalingDown", f"spec.replicas is {world.spec.replicas}: {member.name} loses its vote, then its pod")


def surplus_pods(world: World) -> Outcome:
    """Pods above every member and above what is wanted."""
    if world.membership is None or world.workload is None:
        return COMPLETE
    ordinals = [world.identity.ordinal(member.name) for member in own_members(world)]
    keep = max(world.spec.replicas, *(0 if number is None else number + 1 for number in ordinals))
    if world.workload.replicas <= keep:
        return COMPLETE
    action = Scale(keep, world.workload.uid, world.workload.resource_version)
    return Do(action, "ScalingDown", f"pods from {world.identity.pod(keep)} on are of no member any more")


def scale_up(world: World) -> Outcome:
    """One pod more, when all members are well and nobody is joining: it joins as a learner, which costs no quorum anything."""
    found = world.workload
    if found is None or world.membership is None or found.replicas >= world.spec.replicas:
        return COMPLETE
    away = [member.name for member in own_members(world) if not member.voter or not healthy(world, member)]
    joining = [pod.name for pod in world.pods if pod.deleting or pod.name not in {member.name for member in world.members}]
    if away or joining or len(world.pods) < found.replicas:
        waiting = (away + joining or ["a pod"])[0]
        message = f"{found.replicas} of {world.spec.replicas} pods: {waiting} must be a voter that has caught up first"
        return Wait("ScalingUp", message, holds=False)
    name, volume = world.identity.pod(found.replicas), world.volume(found.replicas)
    if volume is not None and (volume.deleting or volume.retired):
        return Wait("ScalingUp", f"{name} is to start, and the volume of the member before it, {volume.name}, is not gone yet", holds=False)
    return Do(Scale(found.replicas + 1, found.uid, found.resource_version), "ScalingUp", f"{name} starts, and joins as a learner")
