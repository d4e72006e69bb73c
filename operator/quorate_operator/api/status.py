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
MISSING_MAX = 16


class Condition(Model):
    """As `metav1.Condition`."""

    type: ConditionType
    """What it is about: docs/failure-modes.md has each with its reasons."""
    status: Literal["True", "False", "Unknown"]
    """Whether it is so."""
    observed_generation: Annotated[int, Field(ge=0)]
    """The generation of the resource that it was judged by."""
    last_transition_time: Word
    """When `status` changed last, RFC 3339."""
    reason: Annotated[str, Field(min_length=1, max_length=128, pattern=r"^[A-Z][A-Za-z0-9]*$")]
    """Why, in one word for programs."""
    message: Text
    """Why, for people, with the remedy where there is one."""


class MemberStatus(Model):
    """One member of the applied configuration, or a pod that is on its way into it (`memberId` empty)."""

    pod: Word
    """Name of its pod."""
    member_id: Identifier = ""
    """Its id, which is bound to its volume; empty while it has none."""
    role: Literal["leader", "follower", "candidate", "learner", "witness", "joining", "unreachable", "stopped"] = "unreachable"
    """What it says it is; `unreachable`: it does not answer the operator."""
    term: Identifier = ""
    """The newest term that it knows."""
    version: Word = ""
    """Its release."""
    lag: Literal["None", "Small", "Large", "Unknown"] = "Unknown"
    """How far it is behind the leader, in buckets: `Small` is within what a learner is promoted with."""
    node: Word = ""
    """The node that its pod runs on."""
    zone: Word = ""
    """That node's zone."""
    certificate_expires_at: Word = ""
    """When its certificate ends, RFC 3339; empty without TLS, or while it is not known."""
    gpu: Word = ""
    """Its GPU; empty without one."""


class MissingSidecar(Model):
    """A pod that asks for a member beside it and has none."""

    pod: Word
    """Its name."""
    uid: Word
    """Its uid: a later pod of the same name is another one."""
    reason: Text
    """Why, as far as is known: what the webhook said of it, or that no webhook has seen it."""


class InjectionStatus(Model):
    """Pods of others with the label `quorate.io/inject`, and the members in them."""

    pods: Annotated[int, Field(ge=0)] = 0
    """Pods that ask for a member beside them."""
    members: Annotated[int, Field(ge=0)] = 0
    """Non-voting members of the applied configuration, those that were added by hand too."""
    missing: Annotated[tuple[MissingSidecar, ...], Field(max_length=MISSING_MAX)] = ()
    """Pods that ask and have none, the first ones by name. An Event of the pod and one of this resource say the same."""


class PlanItem(Model):
    """What will be done next, why, and what it waits for. The first item is under way; the others are as far as is known now."""

    step: Word
    """The step of the operator's list (docs/operator.md)."""
    action: Text
    """What it does, or `Wait`."""
    why: Text
    """The reason; of a `Wait`, in one word."""
    waits_for: Text = ""
    """What must happen first; empty when it is done now."""


class ConsensusClusterStatus(Model):
    """What is. Rebuilt from the world on every reconcile; nothing is remembered in it but the times at which conditions changed."""

    observed_generation: Annotated[int, Field(ge=0)] = 0
    """The generation of the resource that all of this is about."""
    phase: Annotated[str, Field(max_length=64)] = ""
    """One word for people; programs read the conditions."""
    cluster_id: Identifier = ""
    """The id that the cluster got when it was founded."""
    replicas: Annotated[int, Field(ge=0)] = 0
    """Pods that are there."""
    ready_replicas: Annotated[int, Field(ge=0)] = 0
    """Pods that are ready: voters that have caught up."""
    selector: Annotated[str, Field(max_length=1024)] = ""
    """Label selector of the pods, for the scale subresource."""
    leader: Word = ""
    """Name of the leader's pod; empty while nobody leads."""
    term: Identifier = ""
    """The newest term that any member knows."""
    version: Word = ""
    """Releases that run, separated by commas."""
    conditions: Annotated[
        tuple[Condition, ...],
        Field(max_length=8, json_schema_extra={"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["type"]}),
    ] = ()
    """How the cluster stands, for programs and for `kubectl wait`."""
    members: Annotated[tuple[MemberStatus, ...], Field(max_length=MEMBERS_MAX)] = ()
    """Every pod, in the order of the ordinals."""
    injection: InjectionStatus = InjectionStatus()
    """Members in pods of others."""
    plan: Annotated[tuple[PlanItem, ...], Field(max_length=PLAN_ITEMS_MAX)] = ()
    """What is done next, why, and what it waits for; empty when everything is as the resource says."""
