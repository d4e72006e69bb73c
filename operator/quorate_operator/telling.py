"""Which Events are written, and in which words: what people want to find later, and not every child that was made."""

from __future__ import annotations

from quorate_operator.act.events import Events
from quorate_operator.api.status import ConsensusClusterStatus
from quorate_operator.decide.actions import Apply, Delete, Deny
from quorate_operator.decide.order import Decided
from quorate_operator.decide.outcome import Do
from quorate_operator.decide.world import World
from quorate_operator.objects.disruption import BUDGET_REPLICAS_MIN
from quorate_operator.objects.identity import Identity

_QUIET = frozenset({"Creating", "Volumes", "Recording", "Signing"})
_NO_BUDGET = (
    "spec.replicas is {}: there is no PodDisruptionBudget, since one that allows nothing would block every drain. A drain of a member's"
    " node interrupts the service; with 3 or more members it does not"
)


async def tell(events: Events, world: World, decided: Decided) -> None:
    """After the action was carried out."""
    outcome = decided.outcome
    assert isinstance(outcome, Do)
    action = outcome.action
    if decided.step == "workload" and isinstance(action, Apply):
        await events.normal(world.identity, "Creating", f"{world.spec.replicas} members are being made")
        if world.spec.replicas < BUDGET_REPLICAS_MIN:
            await events.warning(world.identity, "NoDisruptionBudget", _NO_BUDGET.format(world.spec.replicas))
        return
    if isinstance(action, Delete) and action.kind == "PodDisruptionBudget" and world.spec.replicas < BUDGET_REPLICAS_MIN:
        await events.warning(world.identity, "NoDisruptionBudget", _NO_BUDGET.format(world.spec.replicas))
        return
    if isinstance(action, Deny):
        # Whoever may make requests decides how many there are; each is in the log, and in the metric.
        await events.warning(world.identity, outcome.reason, outcome.message, action.reason)
    elif outcome.reason not in _QUIET:
        await events.normal(world.identity, outcome.reason, outcome.message)


async def tell_condition(events: Events, identity: Identity, previous: ConsensusClusterStatus, now: ConsensusClusterStatus) -> None:
    """That something began to be wrong, or is right again: once, when the status first says so."""
    before = next((each for each in previous.conditions if each.type == "Degraded"), None)
    after = next(each for each in now.conditions if each.type == "Degraded")
    if after.status == "True" and (before is None or (before.status, before.reason) != (after.status, after.reason)):
        await events.warning(identity, after.reason, after.message)
    elif after.status == "False" and before is not None and before.status == "True":
        await events.normal(identity, "Recovered", f"{before.reason} has passed")


async def tell_unknown(events: Events, identity: Identity, fields: tuple[str, ...]) -> None:
    """Fields of a newer definition than this operator's, once each time that they change: it cannot do what they ask for."""
    if fields:
        message = f"{', '.join(fields)}: of a newer release than this operator, which leaves it out of account: upgrade the operator"
        await events.warning(identity, "FieldsLeftOut", message)


async def tell_missing(events: Events, identity: Identity, previous: ConsensusClusterStatus, now: ConsensusClusterStatus) -> None:
    """Pods that asked for a member beside them and have none: once each, where the pod's owner looks and where the cluster's does."""
    told = {each.uid for each in previous.injection.missing}
    for each in now.injection.missing:
        if each.uid not in told:
            await events.warning_of_pod(identity, each.pod, each.uid, "SidecarMissing", each.reason)
            await events.warning(identity, "SidecarMissing", f"pod {each.pod} has no member beside it: {each.reason}")
