"""`spec` of a ConsensusCluster: what a user wants. Every field has a default, so that the smallest resource has an empty one."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from quorate_operator.api.exposure import Metrics, NetworkPolicy, Services, Tls
from quorate_operator.api.injection import Injection
from quorate_operator.api.model import MemberId, Model, rule, rules
from quorate_operator.api.placement import Placement
from quorate_operator.api.pod import PodTemplate, Sidecar
from quorate_operator.api.tuning import KeyRotation, Limits, Timing
from quorate_operator.api.workload import Gpu, Image, Resources, Storage

REPLICAS_MAX = 9
"""Every write goes to every member: beyond this, more members make a group slower and no safer."""


class ConsensusClusterSpec(Model):
    """What is wanted. The operator works towards it one safe step at a time; `status.plan` says which is next."""

    model_config = rules(
        rule(
            f"self.replicas >= 1 && self.replicas <= {REPLICAS_MAX}",
            f"replicas must be 1 to {REPLICAS_MAX}: 3 survive the loss of one member, 5 of two; to stop all pods and keep the data set"
            " spec.hibernated to true",
            field=".replicas",
        ),
        rule(
            "!self.hibernated || self.replicas == oldSelf.replicas",
            "replicas cannot be changed while the cluster is or gets hibernated: members join and leave by a vote, and none is running; set"
            " spec.hibernated to false first",
            field=".replicas",
        ),
        rule(
            "has(self.sidecar) == has(oldSelf.sidecar)",
            "sidecar cannot be added to or taken from a cluster: its pods are of another kind;"
            " make a new cluster and restore a snapshot into it",
        ),
        rule(
            "self.lostMembers.size() * 2 < self.replicas || self.lostMembers.size() == 0",
            "lostMembers names half of the members or more: the others are no quorum and could not replace them; name fewer, or restore a"
            " snapshot into a new cluster",
            field=".lostMembers",
        ),
    )

    mode: Literal["raft"] = "raft"
    """The protocol: crash-tolerant Raft."""
    replicas: Annotated[int, Field(ge=0, le=1000)] = 3
    """Members with a vote. The rule on it says more than a bound here could."""
    image: Image = Image()
    version: Annotated[str, Field(max_length=64, pattern=r"^[0-9A-Za-z._-]*$")] = ""
    """The node's release. Empty: the operator's own."""
    storage: Storage = Storage()
    resources: Resources = Resources()
    gpu: Gpu = Gpu()
    placement: Placement = Placement()
    tls: Tls = Tls()
    key_rotation: KeyRotation = KeyRotation()
    timing: Timing = Timing()
    limits: Limits = Limits()
    services: Services = Services()
    metrics: Metrics = Metrics()
    network_policy: NetworkPolicy = NetworkPolicy()
    pod_template: PodTemplate = PodTemplate()
    sidecar: Sidecar | None = None
    injection: Injection = Injection()
    paused: bool = False
    """The operator changes nothing. Failover goes on: it needs no operator."""
    hibernated: bool = False
    """No pods; the volumes stay."""
    restarted_at: Annotated[str, Field(max_length=64, pattern=r"^[0-9A-Za-z:.+-]*$")] = ""
    """Change it, usually to the present time, and every member is restarted once, one at a time."""
    lost_members: Annotated[tuple[MemberId, ...], Field(max_length=8, json_schema_extra={"x-kubernetes-list-type": "set"})] = ()
    """Ids of members whose volumes are lost for good. Each is removed, its volume deleted, and its pod joins again as a new member. An id
    is never used twice: one that is left here does nothing more."""
