"""What a member runs on: image, volume, processor and memory, GPU."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from quorate_operator.api.model import Annotations, Labels, Model, Name, Quantity, rule, rules

GPU_RESOURCE = "nvidia.com/gpu"


class Image(Model):
    """The node's image. All empty: the one that the operator was released with."""

    reference: Annotated[str, Field(max_length=512, pattern=r"^\S*$")] = ""
    """Repository with a tag or digest. Without either, `spec.version` is the tag."""
    pull_policy: Literal["Always", "IfNotPresent", "Never"] = "IfNotPresent"
    """When a node pulls the image."""
    pull_secrets: Annotated[tuple[Name, ...], Field(max_length=8)] = ()
    """Secrets of this namespace with which it is pulled."""


class Storage(Model):
    """Each member's own volume. It outlives its pod, the StatefulSet and, with `Retain`, the resource."""

    model_config = rules(
        rule(
            "has(self.className) == has(oldSelf.className) && (!has(self.className) || self.className == oldSelf.className)",
            "storage.className cannot be changed: a volume keeps the class it was made with; make a new cluster of that class and restore"
            " a snapshot into it",
            field=".className",
        ),
        rule(
            "!isQuantity(self.size) || !isQuantity(oldSelf.size) || quantity(self.size).compareTo(quantity(oldSelf.size)) >= 0",
            "storage.size cannot shrink: volumes only grow; make a new cluster with the smaller size and restore a snapshot into it",
            field=".size",
        ),
        rule(
            "isQuantity(self.size) && quantity(self.size).compareTo(quantity('1Gi')) >= 0",
            "storage.size must be at least 1Gi: a log takes 128Mi from the start, and a reserve is kept free; 10Gi suits most",
            field=".size",
        ),
    )

    class_name: Name | None = None
    """StorageClass of the volumes. Left out: the default class."""
    size: Quantity = "10Gi"
    """May grow where the class allows expansion."""
    retention: Literal["Retain", "Delete"] = "Retain"
    """What becomes of the volumes when the resource is deleted, and of those of members that a scale-down has removed. Deleting a child
    never deletes one. No pod starts again on a volume whose member was removed by a vote, since its old copy must never come back: one
    that was kept is deleted when its place is wanted again (a scale-up), and so is that of a lost member that is replaced."""


class Amounts(Model):
    """Amounts of one kind: what is asked for, or the most that is allowed."""

    cpu: Quantity | None = None
    """Processors: `2`, or `500m` for half of one."""
    memory: Quantity | None = None
    """Bytes: `1Gi`."""


class Resources(Model):
    """Processor and memory of one member."""

    model_config = rules(
        rule(
            "!has(self.limits) || !has(self.limits.memory) || !has(self.requests) || !has(self.requests.memory)"
            " || quantity(self.limits.memory).compareTo(quantity(self.requests.memory)) >= 0",
            "resources.limits.memory is below resources.requests.memory: raise the limit or lower the request",
        ),
        rule(
            "!has(self.limits) || !has(self.limits.cpu) || !has(self.requests) || !has(self.requests.cpu)"
            " || quantity(self.limits.cpu).compareTo(quantity(self.requests.cpu)) >= 0",
            "resources.limits.cpu is below resources.requests.cpu: raise the limit or lower the request",
        ),
        rule(
            "!has(self.limits) || !has(self.limits.memory) || quantity(self.limits.memory).compareTo(quantity('256Mi')) >= 0",
            "resources.limits.memory is below 256Mi, with which a member does not start: raise it; 1Gi suits a million small keys",
        ),
    )

    requests: Amounts | None = None
    """What is set aside for a member; it is placed by that."""
    limits: Amounts | None = None
    """The most that a member may take. Both change in the running pod where Kubernetes can do that."""


class DevicePlugin(Model):
    """GPUs as an extended resource."""

    count: Annotated[int, Field(ge=1, le=16)] = 1
    """GPUs, or slices, for each member."""
    resource_name: Annotated[str, Field(min_length=3, max_length=253, pattern=r"^[a-z0-9.-]+/[A-Za-z0-9._-]+$")] = GPU_RESOURCE
    """`nvidia.com/mig-1g.10gb` for a slice of a GPU (MIG)."""


class ResourceClaim(Model):
    """GPUs by dynamic resource allocation (resource.k8s.io/v1): each member has a claim of its own."""

    device_class_name: Name
    """The DeviceClass that a claim names."""
    count: Annotated[int, Field(ge=1, le=16)] = 1
    """Devices for each member."""
    selectors: Annotated[tuple[Annotated[str, Field(min_length=1, max_length=4096)], ...], Field(max_length=8)] = ()
    """CEL expressions over a device, all of which must hold."""


class Gpu(Model):
    """Where a member's GPU comes from. A GPU that is lost degrades the member to its processor and never stops it."""

    model_config = rules(
        rule(
            "(self.kind == 'devicePlugin') == has(self.devicePlugin)",
            "gpu.devicePlugin goes with gpu.kind devicePlugin and with no other: set both or neither",
        ),
        rule(
            "(self.kind == 'resourceClaim') == has(self.resourceClaim)",
            "gpu.resourceClaim goes with gpu.kind resourceClaim and with no other: set both or neither",
        ),
    )

    kind: Literal["none", "devicePlugin", "resourceClaim"] = "none"
    """By which of Kubernetes' two ways members get GPUs. One cluster of nodes offers one of them."""
    device_plugin: DevicePlugin | None = None
    resource_claim: ResourceClaim | None = None
    fallback: Literal["cpu"] = "cpu"
    """What a member does without its GPU: the same on its processor."""
    runtime_class_name: Name | None = None
    """RuntimeClass of the pods, where GPUs need one."""
    node_selector: Labels = Field(default_factory=dict)
    """Labels of the nodes with such GPUs, as GPU feature discovery sets them."""
    annotations: Annotations = Field(default_factory=dict)
    """Annotations of the pods, for a GPU's own tools."""
