"""Nothing is done to a resource that is being deleted, or that is paused. Failover needs nobody and goes on."""

from __future__ import annotations

from quorate_operator.decide.outcome import COMPLETE, Outcome, Wait
from quorate_operator.decide.world import World


def deletion(world: World) -> Outcome:
    if not world.deleting:
        return COMPLETE
    return Wait("Deleting", "the resource is being deleted; Kubernetes deletes what it owns")


def pause(world: World) -> Outcome:
    if not world.spec.paused:
        return COMPLETE
    return Wait("Paused", "spec.paused is true: nothing is changed; failover goes on. Set it to false to go on")
