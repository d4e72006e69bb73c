"""All that a step may ask for. Each is idempotent, and carries what it was decided on: with anything else in its place it is refused."""

from __future__ import annotations

from dataclasses import dataclass

from quorate_operator.objects.identity import Object


@dataclass(frozen=True)
class Grant:
    """What is put into a member's certificate: of its request, nothing but the key."""

    common_name: str
    dns_names: tuple[str, ...]
    uris: tuple[str, ...]
    public_key: bytes
    """SubjectPublicKeyInfo, DER."""


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


@dataclass(frozen=True)
class MakeAuthority:
    """Make the cluster's own CA, once: a Secret in the operator's namespace. `rotated_for`: the wish that this one answers.

    `trusted`: certificate (PEM) of a CA that members trust and whose key is lost: the new one is then the next one, and signs later.
    """

    rotated_for: str
    trusted: str = ""


@dataclass(frozen=True)
class TrustNew:
    """First of three: make the next CA, which everybody is to trust before it signs anything."""

    resource_version: str
    rotated_for: str


@dataclass(frozen=True)
class SignNew:
    """Second: the next CA signs from now on; members renew when they see it."""

    resource_version: str


@dataclass(frozen=True)
class DropOld:
    """Third: the previous CA is trusted no longer."""

    resource_version: str


@dataclass(frozen=True)
class Sign:
    """Approve one CertificateSigningRequest, of this uid and version, and sign it. What is signed is all here."""

    request: str
    uid: str
    resource_version: str
    grant: Grant
    authority: str
    """Fingerprint of the CA that was the signing one when this was decided."""


@dataclass(frozen=True)
class Deny:
    """Deny one; or, when somebody else has approved it already, let it fail: it is not signed in any case."""

    request: str
    uid: str
    resource_version: str
    reason: str
    message: str
    approved: bool


Issuing = MakeAuthority | TrustNew | SignNew | DropOld | Sign | Deny
Action = (
    Issuing | Apply | Create | Delete | Scale | Recreate | Found | Promote | Remove | Transfer | Evict | DeleteVolume | SetImage | Resize
)

DISRUPTIONS = (Evict, SetImage, Remove, DeleteVolume, Recreate, Scale)
"""What may take a running member away."""
