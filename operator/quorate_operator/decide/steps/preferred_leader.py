"""The leader should be who the resource names, or else where it prefers one."""

from __future__ import annotations

from quorate_operator.decide.actions import Transfer
from quorate_operator.decide.outcome import COMPLETE, Do, Outcome
from quorate_operator.decide.quorum import Preference, healthy, leads, preference, successor, voters
from quorate_operator.decide.world import World

_WHY = {
    Preference.NAMED: "spec.placement.preferredLeader names {heir}",
    Preference.ZONE: "{heir} is in a zone of spec.placement.preferredLeaderZones",
}


def preferred_leader(world: World) -> Outcome:
    """Moved only while all is well: a preference is never a reason for an election in trouble."""
    leader = next((member for member in voters(world) if leads(world, member)), None)
    if leader is None or not all(healthy(world, member) for member in voters(world)):
        return COMPLETE
    heir = successor(world, leader)
    if heir is None or preference(world, heir) >= preference(world, leader):
        return COMPLETE
    why = _WHY[preference(world, heir)].format(heir=heir.name)
    return Do(Transfer(heir.member_id), "MovingLeader", f"{leader.name} leads, and {why}")
