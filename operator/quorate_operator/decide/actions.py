"""All that a step may ask for. Each is idempotent, and carries what it was decided on: with anything else in its place it is refused."""

from __future__ import annotations

from dataclasses import dataclass

from quorate_operator.objects.identity import Object


@dataclass(frozen=True)
class Apply:
    """Server-side apply with the one field manager."""

    item: Object


@dataclass(frozen=True)
class Create:
    """Create once: an object of that name that is there already is left as it is."""

    item: Object


@dataclass(frozen=True)
class Delete:
    """Delete a child that is not wanted, by its uid."""

    kind: str
    name: str
    uid: str


@dataclass(frozen=True)
class Scale:
    """Set the StatefulSet's replicas."""

    replicas: int
    uid: str
    resource_version: str


@dataclass(frozen=True)
class Recreate:
    """Delete the StatefulSet and leave its pods alone: the next reconcile makes it anew, since its volume template cannot be changed."""

    uid: str


@dataclass(frozen=True)
class Found:
    """The one founding call, to one started member."""

    pod: str
    token: str


@dataclass(frozen=True)
class Promote:
    member_id: int
    configuration_index: int


@dataclass(frozen=True)
class Remove:
    """Remove a member by a vote of the others."""

    member_id: int
    configuration_index: int


@dataclass(frozen=True)
class Transfer:
    """Move the leadership."""

    to: int


@dataclass(frozen=True)
class Evict:
    """Evict one pod through the Eviction API, by its uid."""

    pod: str
    uid: str


@dataclass(frozen=True)
class DeleteVolume:
    """Delete a claim by its uid; it goes when its pod does."""

    claim: str
    uid: str


@dataclass(frozen=True)
class SetImage:
    """Change the sidecar's image in the running pod: Kubernetes restarts that container alone."""

    pod: str
    uid: str
    container: str
    image: str


@dataclass(frozen=True)
class Resize:
    """Change processor and memory of the running pod (its `resize` subresource)."""

    pod: str
    uid: str
    container: str
    resources: Object


Action = Apply | Create | Delete | Scale | Recreate | Found | Promote | Remove | Transfer | Evict | DeleteVolume | SetImage | Resize

DISRUPTIONS = (Evict, SetImage, Remove, DeleteVolume, Recreate, Scale)
"""What may take a running member away."""
