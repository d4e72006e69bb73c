"""The way through all that the operator does: what is asked for, one after the other, and where it dies meanwhile.

A unit test holds this equal to the operator's steps: a new one that acts has to be walked through.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from tests.kubernetes.consensus_cluster import ConsensusCluster

Change = Callable[[ConsensusCluster], Mapping[str, Any]]


@dataclass(frozen=True)
class Phase:
    """`change`: what is asked for, seen from the cluster as it is then. `steps`: those that do something because of it, in order, by name
    or with the action's; the operator dies before and after each. `between`: places inside of an action."""

    name: str
    change: Change
    steps: tuple[str, ...]
    between: tuple[str, ...] = ()

    @property
    def places(self) -> Iterable[str]:
        yield from (f"{step}.{when}" for step in self.steps for when in ("before", "after"))
        yield from self.between


def asks(**spec: Any) -> Change:
    return lambda _: spec


def _leader_is_lost(cluster: ConsensusCluster) -> Mapping[str, Any]:
    """The hardest to replace: it has to hand over first."""
    return {"lostMembers": [next(each["memberId"] for each in cluster.status()["members"] if each["role"] == "leader")]}


def _another_leads(cluster: ConsensusCluster) -> Mapping[str, Any]:
    return {"placement": {"preferredLeader": next(each["pod"] for each in cluster.status()["members"] if each["role"] != "leader")}}


RESOURCES = {"limits": {"memory": "512Mi"}}
LIFE = (
    Phase("made", asks(), ("children", "workload", "founding", "record", "volumes")),
    Phase("grown", asks(replicas=4), ("scale-up",)),
    Phase("led by the one that is to go", asks(placement={"preferredLeader": "kv-3"}), ("preferred-leader",)),
    Phase(
        "shrunk",
        asks(replicas=3, placement={"preferredLeader": None}),
        ("scale-down.Transfer", "scale-down.Remove", "surplus-pods", "dead-volumes"),
    ),
    Phase("led by another", _another_leads, ("preferred-leader.Transfer",)),
    Phase(
        "without its leader",
        _leader_is_lost,
        ("lost-members.Transfer", "lost-members.Remove", "dead-volumes.DeleteVolume", "dead-volumes.Evict"),
    ),
    Phase(
        "changed",
        asks(resources=RESOURCES, limits={"watchesMax": 100}, placement={"preferredLeader": None}),
        ("template", "restart.Evict", "restart.Transfer", "old-settings"),
    ),
    Phase("asleep", asks(hibernated=True), ("hibernation",)),
    Phase("awake", asks(hibernated=False), ("hibernation",)),
)
CERTIFICATES = (
    Phase("made", asks(), ("authority", "certificates"), ("certificates.Sign.approved",)),
    Phase(
        "another CA",
        asks(tls={"mode": "Operator", "rotateAuthorityAt": "2026-11-22T00:00:00Z"}),
        ("trust-new", "sign-new", "drop-old"),
    ),
)
"""With the operator as the issuer, one member."""

NOT_WALKED = {
    "promotion": "the node does it by itself, and comes first",
    "non-voting": "its one action is that of lost-members, and waits for a pod of somebody else's to be gone for half a minute",
    "expansion": "no driver here grows a volume, so that each step of it waits for the test's own hand: test_expansion.py",
}
