"""`status` of a ConsensusCluster. No ages and no raw lag in it, so that a settled cluster costs no write: all comes from the world."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from quorate_operator.api.model import Model

Text = Annotated[str, Field(max_length=1024)]
Word = Annotated[str, Field(max_length=253)]
Identifier = Annotated[str, Field(max_length=20, pattern=r"^[0-9]*$")]
"""A member's or cluster's id: up to 2^63-1, which JSON numbers do not hold."""

ConditionType = Literal["Available", "Progressing", "Degraded", "Upgrading"]
PLAN_ITEMS_MAX = 16
MEMBERS_MAX = 32


class Condition(Model):
    """As `metav1.Condition`."""

    type: ConditionType
    status: Literal["True", "False", "Unknown"]
    observed_generation: Annotated[int, Field(ge=0)]
    last_transition_time: Word
    reason: Annotated[str, Field(min_length=1, max_length=128, pattern=r"^[A-Z][A-Za-z0-9]*$")]
    message: Text


class MemberStatus(Model):
    """One member of the applied configuration, or a pod that is on its way into it (`memberId` empty)."""

    pod: Word
    member_id: Identifier = ""
    role: Literal["leader", "follower", "candidate", "learner", "witness", "joining", "unreachable", "stopped"] = "unreachable"
    term: Identifier = ""
    version: Word = ""
    lag: Literal["None", "Small", "Large", "Unknown"] = "Unknown"
    node: Word = ""
    zone: Word = ""
    certificate_expires_at: Word = ""
    gpu: Word = ""


class PlanItem(Model):
    """What will be done next, why, and what it waits for. The first item is under way; the others are as far as is known now."""

    step: Word
    action: Text
    why: Text
    waits_for: Text = ""


class ConsensusClusterStatus(Model):
    """What is. Rebuilt from the world on every reconcile; nothing is remembered in it but the times at which conditions changed."""

    observed_generation: Annotated[int, Field(ge=0)] = 0
    phase: Annotated[str, Field(max_length=64)] = ""
    cluster_id: Identifier = ""
    replicas: Annotated[int, Field(ge=0)] = 0
    ready_replicas: Annotated[int, Field(ge=0)] = 0
    selector: Annotated[str, Field(max_length=1024)] = ""
    """Label selector of the pods, for the scale subresource."""
    leader: Word = ""
    term: Identifier = ""
    version: Word = ""
    conditions: Annotated[
        tuple[Condition, ...],
        Field(max_length=8, json_schema_extra={"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["type"]}),
    ] = ()
    members: Annotated[tuple[MemberStatus, ...], Field(max_length=MEMBERS_MAX)] = ()
    plan: Annotated[tuple[PlanItem, ...], Field(max_length=PLAN_ITEMS_MAX)] = ()
