"""Members that share a place share its end."""

from __future__ import annotations

from collections import Counter

from quorate_operator.decide.quorum import majority, pod_of, voters
from quorate_operator.decide.world import World

REPLICAS_MIN = 3
"""Fewer members survive no loss anyway."""


def concentration(world: World) -> str:
    """Names the node or zone whose loss would take the quorum away; empty when there is none. A single known zone is no choice."""
    count = len(voters(world))
    pods = [pod for member in voters(world) if (pod := pod_of(world, member)) is not None]
    if count < REPLICAS_MIN:
        return ""
    for kind, places in (("node", [pod.node for pod in pods]), ("zone", [pod.zone for pod in pods])):
        for place, members in sorted(Counter(place for place in places if place).items()):
            alone = kind == "zone" and len(set(places)) == 1
            if count - members < majority(count) and not alone:
                return f"{kind} {place} holds {members} of {count} voters: with it the quorum is lost; add {kind}s, or spread the members"
    return ""
