"""Who counts, and what is left without one of them."""

from __future__ import annotations

from enum import IntEnum

from quorate_operator.decide.world import Lag, Member, Pod, World

_TAKES_PART = frozenset({"leader", "follower", "candidate", "witness"})


def majority(voters: int) -> int:
    return voters // 2 + 1


def voters(world: World) -> tuple[Member, ...]:
    return tuple(member for member in world.members if member.voter)


def learners(world: World) -> tuple[Member, ...]:
    """Those that will get a vote."""
    return tuple(member for member in world.members if not member.voter and not member.non_voting)


def own_members(world: World) -> tuple[Member, ...]:
    """Without the non-voting ones, which are in pods of others: those count for nothing here, whatever they are called."""
    return tuple(member for member in world.members if not member.non_voting)


def started(world: World) -> int:
    """Pods that are wanted and were asked for: all of them when a cluster is made, one more at a time when it grows."""
    return min(world.workload.replicas, world.spec.replicas) if world.workload is not None else 0


def forming(world: World) -> bool:
    """The cluster is still being made: its first voters are a quorum of themselves, and not of what was asked for. A cluster that grows
    never looks like this, since all but the newest of its pods have their vote."""
    count = len(voters(world))
    return count < majority(started(world)) and count < started(world) - 1


def pod_of(world: World, member: Member) -> Pod | None:
    """The pod in which this very member runs: one of its name with another identity is another member."""
    pod = world.pod(member.name)
    if pod is None or pod.answer is None or pod.answer.member_id != member.member_id:
        return None
    return pod


def healthy(world: World, member: Member) -> bool:
    """It takes part: its pod stays, answers as this member, and is no longer than a promotion's lag behind."""
    pod = pod_of(world, member)
    return (
        pod is not None
        and pod.answer is not None
        and not pod.deleting
        and pod.answer.role in _TAKES_PART
        and (leads(world, member) or member.lag in (Lag.NONE, Lag.SMALL))
    )


def leads(world: World, member: Member) -> bool:
    return world.membership is not None and world.membership.leader_id == member.member_id


def member_in(world: World, pod: Pod) -> Member | None:
    """The configured member that runs in `pod`."""
    if pod.answer is None or not pod.answer.member_id:
        return None
    return next((member for member in world.members if member.member_id == pod.answer.member_id), None)


def others_commit(world: World, without: Member) -> bool:
    """The other voters alone can commit, in the configuration as it is."""
    there = [member for member in voters(world) if member != without and healthy(world, member)]
    return len(there) >= majority(len(voters(world)))


class Preference(IntEnum):
    """How much the resource wants a member to lead; lower is more."""

    NAMED = 0
    ZONE = 1
    NONE = 2


def preference(world: World, member: Member) -> Preference:
    placement = world.spec.placement
    if placement.preferred_leader and member.name == placement.preferred_leader:
        return Preference.NAMED
    pod = pod_of(world, member)
    return Preference.ZONE if pod is not None and pod.zone in placement.preferred_leader_zones else Preference.NONE


def successor(world: World, without: Member) -> Member | None:
    """Who should lead instead: whom the resource prefers, caught up most, and of the lowest ordinal."""
    able = [member for member in voters(world) if member != without and healthy(world, member)]

    def rank(member: Member) -> tuple[Preference, bool, int]:
        pod = pod_of(world, member)
        return preference(world, member), member.lag is not Lag.NONE, pod.ordinal if pod is not None else 0

    return min(able, key=rank, default=None)
