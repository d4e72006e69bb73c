"""The whole status, from the world and the decision alone; `previous` gives nothing but the times at which conditions changed."""

from __future__ import annotations

from typing import Literal

from quorate_operator.api.status import (
    MEMBERS_MAX,
    MISSING_MAX,
    PLAN_ITEMS_MAX,
    Condition,
    ConditionType,
    ConsensusClusterStatus,
    InjectionStatus,
    MemberStatus,
    MissingSidecar,
    PlanItem,
)
from quorate_operator.decide.lifetime import runs_out
from quorate_operator.decide.order import Decided, Decision
from quorate_operator.decide.outcome import Do
from quorate_operator.decide.placement import concentration
from quorate_operator.decide.quorum import forming, healthy, leads, majority, member_in, started, voters
from quorate_operator.decide.steps.rollout import outdated
from quorate_operator.decide.world import Pod, World
from quorate_operator.objects.statefulset import TEMPLATES

_ROLES = frozenset({"leader", "follower", "candidate", "learner", "witness", "stopped"})
_AT_REST = frozenset({"Hibernated", "Paused"})
TEXT_CHARACTERS_MAX = 1024
UNSEEN = "no webhook has seen it: the operator, or its webhook, was away when it was made; delete the pod, and the next one gets it"


def status(world: World, decision: Decision, previous: ConsensusClusterStatus, now: str) -> ConsensusClusterStatus:
    """`now`: RFC 3339; only a condition whose status changes takes it, so that a settled cluster's status is always the same."""
    leader = next((member for member in voters(world) if leads(world, member)), None)
    terms = [pod.answer.term for pod in world.pods if pod.answer is not None]
    versions = sorted({pod.answer.version for pod in world.pods if pod.answer is not None and pod.answer.version})
    conditions = _conditions(world, decision, now)
    return ConsensusClusterStatus(
        observed_generation=world.generation,
        phase=_phase(decision, conditions),
        cluster_id=world.recorded_cluster_id or (str(world.cluster_id) if world.cluster_id else ""),
        replicas=len(world.pods),
        ready_replicas=sum(pod.ready for pod in world.pods),
        selector=",".join(f"{name}={value}" for name, value in sorted(world.identity.selector.items())),
        leader=leader.name if leader is not None else "",
        term=str(max(terms)) if terms else "",
        version=", ".join(versions),
        conditions=tuple(_timed(condition, previous, now) for condition in conditions),
        members=tuple(_member(world, pod) for pod in sorted(world.pods, key=lambda pod: pod.ordinal))[:MEMBERS_MAX],
        injection=_injection(world),
        plan=tuple(_plan_item(each) for each in decision.open)[:PLAN_ITEMS_MAX],
    )


def _injection(world: World) -> InjectionStatus:
    missing = [pod for pod in world.injected if not pod.has_sidecar]
    return InjectionStatus(
        pods=len(world.injected),
        members=sum(member.non_voting for member in world.members),
        missing=tuple(
            MissingSidecar(pod=pod.name, uid=pod.uid, reason=(pod.refused or UNSEEN)[:TEXT_CHARACTERS_MAX]) for pod in missing[:MISSING_MAX]
        ),
    )


def unseen(previous: ConsensusClusterStatus, generation: int, reason: str, message: str, now: str) -> ConsensusClusterStatus:
    """When the world could not be looked at: what was known stays, whether it still holds is unknown, and why is said."""
    text = message[:TEXT_CHARACTERS_MAX]
    told: list[tuple[ConditionType, Literal["True", "False", "Unknown"]]] = [
        ("Available", "Unknown"), ("Progressing", "False"), ("Degraded", "True"), ("Upgrading", "Unknown"),
    ]  # fmt: skip
    fields = {"observed_generation": generation, "last_transition_time": "", "reason": reason, "message": text}
    conditions = tuple(_timed(Condition.model_validate({"type": kind, "status": value, **fields}), previous, now) for kind, value in told)
    plan = (PlanItem(step="observation", action="Wait", why=reason, waits_for=text),)
    return previous.model_copy(update={"observed_generation": generation, "phase": "Degraded", "conditions": conditions, "plan": plan})


def _plan_item(decided: Decided) -> PlanItem:
    outcome = decided.outcome
    if isinstance(outcome, Do):
        return PlanItem(step=decided.step, action=type(outcome.action).__name__, why=outcome.message[:TEXT_CHARACTERS_MAX])
    return PlanItem(step=decided.step, action="Wait", why=outcome.reason, waits_for=outcome.message[:TEXT_CHARACTERS_MAX])


def _member(world: World, pod: Pod) -> MemberStatus:
    member, answer = member_in(world, pod), pod.answer
    role = answer.role if answer is not None and answer.role in _ROLES else "joining" if answer is not None else "unreachable"
    if member is not None and leads(world, member):
        role = "leader"
    return MemberStatus.model_validate(
        {
            "pod": pod.name,
            "memberId": str(answer.member_id) if answer is not None and answer.member_id else "",
            "role": role,
            "term": str(answer.term) if answer is not None else "",
            "version": answer.version if answer is not None else "",
            "lag": member.lag.value if member is not None else "Unknown",
            "node": pod.node,
            "zone": pod.zone,
            "certificateExpiresAt": answer.certificate.expires_at if answer is not None and answer.certificate is not None else "",
        }
    )


def _phase(decision: Decision, conditions: list[Condition]) -> str:
    """One word for people; programs read the conditions."""
    by_type = {condition.type: condition for condition in conditions}
    last = decision.open[-1].outcome if decision.open else None
    if last is not None and last.reason in _AT_REST:
        return last.reason
    told: tuple[ConditionType, ...] = ("Degraded", "Upgrading", "Progressing")
    for kind in told:
        if by_type[kind].status == "True":
            return kind
    return "Available" if by_type["Available"].status == "True" else "Unavailable"


def _conditions(world: World, decision: Decision, now: str) -> list[Condition]:
    return [_available(world), _progressing(world, decision), _degraded(world, decision, now), _upgrading(world)]


def _condition(world: World, kind: ConditionType, true: bool, reason: str, message: str) -> Condition:
    return Condition(
        type=kind,
        status="True" if true else "False",
        observed_generation=world.generation,
        last_transition_time="",
        reason=reason,
        message=message[:TEXT_CHARACTERS_MAX],
    )


def _available(world: World) -> Condition:
    """A leader answers, and a majority of the voters takes part: reads and writes are served. Not before the voters are a majority of the
    members that were asked for: a first one alone serves, and whoever waits for this condition wants to lose one of three."""
    count = len(voters(world))
    if world.spec.hibernated:
        return _condition(world, "Available", False, "Hibernated", "spec.hibernated is true: no pods run; set it to false to go on")
    there = sum(healthy(world, member) for member in voters(world))
    if world.membership is None or there < majority(count):
        return _condition(world, "Available", False, "NoQuorum", "no leader with a quorum answers: nothing is served")
    if forming(world):
        wanted = started(world)
        message = f"{count} of {wanted} members have their vote; with {majority(wanted)} the cluster counts as made"
        return _condition(world, "Available", False, "Forming", message)
    return _condition(world, "Available", True, "Serving", f"{there} of {count} voters take part, {majority(count)} are needed")


def _progressing(world: World, decision: Decision) -> Condition:
    last = decision.open[-1].outcome if decision.open else None
    if last is None or last.reason in _AT_REST:
        reason, message = (last.reason, last.message) if last is not None else ("AsSpecified", "everything is as the resource says")
        return _condition(world, "Progressing", False, reason, message)
    return _condition(world, "Progressing", True, last.reason, last.message)


def _degraded(world: World, decision: Decision, now: str) -> Condition:
    for each in decision.open:
        if not isinstance(each.outcome, Do) and each.outcome.degraded:
            return _condition(world, "Degraded", True, each.outcome.reason, each.outcome.message)
    shared = concentration(world)
    if shared:
        return _condition(world, "Degraded", True, "QuorumInOnePlace", shared)
    for pod in world.pods:
        certificate = pod.answer.certificate if pod.answer is not None else None
        if certificate is not None and runs_out(certificate, now):
            message = f"the certificate of {pod.name} ends at {certificate.expires_at} and was not renewed: see the member's log"
            return _condition(world, "Degraded", True, "CertificateExpiring", message)
    return _condition(world, "Degraded", False, "AsExpected", "nothing is wrong")


def _upgrading(world: World) -> Condition:
    due = [pod.name for pod, _ in outdated(world)] if _template_known(world) else []
    if not due:
        return _condition(world, "Upgrading", False, "UpToDate", "every pod is as the template makes it")
    message = f"{len(due)} of {len(world.pods)} pods are still to be replaced, {due[0]} first"
    return _condition(world, "Upgrading", True, "RollingOut", message)


def _template_known(world: World) -> bool:
    return world.workload is not None and world.workload.template_version in TEMPLATES


def _timed(condition: Condition, previous: ConsensusClusterStatus, now: str) -> Condition:
    before = next((each for each in previous.conditions if each.type == condition.type), None)
    same = before is not None and before.status == condition.status
    return condition.model_copy(update={"last_transition_time": before.last_transition_time if same and before is not None else now})
