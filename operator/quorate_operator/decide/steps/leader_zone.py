"""The leader should be where the resource prefers it."""

from __future__ import annotations

from quorate_operator.decide.actions import Transfer
from quorate_operator.decide.outcome import COMPLETE, Do, Outcome
from quorate_operator.decide.quorum import healthy, leads, pod_of, successor, voters
from quorate_operator.decide.world import World


def leader_zone(world: World) -> Outcome:
    """Moved only while all is well: a preference is never a reason for an election in trouble."""
    preferred = world.spec.placement.preferred_leader_zones
    leader = next((member for member in voters(world) if leads(world, member)), None)
    if not preferred or leader is None or not all(healthy(world, member) for member in voters(world)):
        return COMPLETE
    pod, heir = pod_of(world, leader), successor(world, leader)
    if pod is None or pod.zone in preferred or heir is None:
        return COMPLETE
    there = pod_of(world, heir)
    if there is None or there.zone not in preferred:
        return COMPLETE
    return Do(Transfer(heir.member_id), "MovingLeader", f"{leader.name} leads in zone {pod.zone}: {heir.name} in {there.zone} is preferred")
