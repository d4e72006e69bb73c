"""The world as it was observed, and nothing else: plain frozen data, from which every decision and the whole status are made."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import Enum

from quorate_operator.api.spec import ConsensusClusterSpec
from quorate_operator.objects.children import Key
from quorate_operator.objects.identity import Identity, Object
from quorate_operator.objects.statefulset import TEMPLATES


class Lag(Enum):
    """How far a member's log is behind the leader's, in buckets: a number would change the status all the time."""

    NONE = "None"
    SMALL = "Small"
    """Within what the node promotes a learner with."""
    LARGE = "Large"
    UNKNOWN = "Unknown"


@dataclass(frozen=True)
class Certificate:
    """What a member said of its certificate. Times in RFC 3339, UTC; authorities are SHA-256 fingerprints of CA certificates."""

    not_before: str
    expires_at: str
    authority: str = ""
    trusted: tuple[str, ...] = ()


@dataclass(frozen=True)
class Answer:
    """What a member said of itself (`GET /v1/status`). `cluster_id` and `member_id` 0: its data directory is empty."""

    cluster_id: int
    member_id: int
    role: str
    term: int = 0
    version: str = ""
    cluster_version: int = 1
    certificate: Certificate | None = None
    """None without TLS, and from a release that does not tell."""


@dataclass(frozen=True)
class Pod:
    """`answer` is None while nobody answers there. `trouble`: why it does not run, in Kubernetes' words (unschedulable, image)."""

    name: str
    uid: str
    ordinal: int
    live: Object
    ready: bool = False
    deleting: bool = False
    node: str = ""
    zone: str = ""
    trouble: str = ""
    answer: Answer | None = None


@dataclass(frozen=True)
class Volume:
    """A member's PersistentVolumeClaim. `member_id`: the identity on it, as it was seen before; 0 while none was."""

    name: str
    uid: str
    ordinal: int
    size: str
    capacity: str
    owned: bool = False
    member_id: int = 0
    node_gone: bool = False
    """It lies on a node whose object is gone: nobody will ever read it again."""
    deleting: bool = False
    expandable: bool = True
    """As its StorageClass says; True too while that is not known."""
    retired: bool = False
    """Its member was removed by a vote. It is kept for its data alone, and no pod starts on it again."""


@dataclass(frozen=True)
class Member:
    """One member of the applied configuration, as the leader knows it."""

    member_id: int
    name: str
    """The pod's."""
    voter: bool
    lag: Lag = Lag.UNKNOWN
    non_voting: bool = False
    """A learner for good: in a pod of somebody else's, or added by hand. It is none of the StatefulSet's."""


@dataclass(frozen=True)
class InjectedPod:
    """A live pod of somebody else's that asks for a member beside it."""

    name: str
    uid: str
    has_sidecar: bool
    refused: str = ""
    """Why the webhook left it as it was; empty when no webhook has seen it, or when it has its sidecar."""
    account: str = ""
    """Its ServiceAccount."""

    @property
    def member(self) -> str:
        """Name of the member in it, and of no other one ever."""
        return f"{self.name}.{self.uid}"


@dataclass(frozen=True)
class Membership:
    """Told by the leader, after a quorum confirmed that it leads."""

    configuration_index: int
    leader_id: int
    members: tuple[Member, ...]


@dataclass(frozen=True)
class Workload:
    """The StatefulSet. `pinned_image`: the operator's default image at its making, as repository:version."""

    uid: str
    resource_version: str
    replicas: int
    template: Object
    volume_size: str
    template_version: int
    pinned_image: str
    trouble: str = ""
    """Why it cannot make pods, in Kubernetes' words (a quota)."""


@dataclass(frozen=True)
class Founding:
    """The record of the one founding call: on which pod and volume, under which token."""

    token: str
    pod: str
    volume_uid: str


@dataclass(frozen=True)
class AuthorityCertificate:
    """A CA's certificate, without its key."""

    fingerprint: str
    pem: str


@dataclass(frozen=True)
class Authority:
    """The cluster's own CA, as its Secret in the operator's namespace holds it. While it is replaced there are two."""

    resource_version: str
    signing: AuthorityCertificate
    next: AuthorityCertificate | None = None
    """Made, and not signing yet: every member must trust it first."""
    previous: AuthorityCertificate | None = None
    """Still trusted: until every member has a certificate of the signing one."""
    rotated_for: str = ""
    """The `spec.tls.rotateAuthorityAt` that the newest one was made for."""
    due: bool = False
    """So much of its life is over that it is replaced without being asked."""
    can_sign: bool = True
    """False: its key is lost. The next one signs as soon as all trust it."""

    @property
    def bundle(self) -> tuple[str, ...]:
        """PEM of all that are trusted, the signing one first."""
        return tuple(each.pem for each in (self.signing, self.next, self.previous) if each is not None)


@dataclass(frozen=True)
class Content:
    """A PKCS #10 request, taken apart. Whatever has no field of its own here is named in `others`."""

    subject: tuple[tuple[str, str], ...]
    """(object identifier, value) of every attribute, in order."""
    dns_names: tuple[str, ...]
    uris: tuple[str, ...]
    key: str
    """Kind and size in words: "ECDSA P-256"."""
    public_key: bytes
    """SubjectPublicKeyInfo, DER."""
    signed_by_its_key: bool
    others: tuple[str, ...] = ()
    """Other kinds of names, extensions and attributes."""


@dataclass(frozen=True)
class SigningRequest:
    """A CertificateSigningRequest for our signer that nobody has answered. `username`, `pod_uids`: as Kubernetes vouches for them."""

    name: str
    uid: str
    resource_version: str
    username: str
    pod_uids: tuple[str, ...]
    usages: tuple[str, ...]
    expiration_s: int | None
    approved: bool
    content: Content | None
    fault: str = ""
    """Why `content` is None."""


@dataclass(frozen=True)
class World:
    """One cluster. `children` are the live objects that are ours; `missing_kinds` those that this Kubernetes does not have."""

    identity: Identity
    spec: ConsensusClusterSpec
    generation: int = 1
    deleting: bool = False
    children: Mapping[Key, Object] = field(default_factory=dict)
    missing_kinds: tuple[str, ...] = ()
    workload: Workload | None = None
    pods: tuple[Pod, ...] = ()
    volumes: tuple[Volume, ...] = ()
    membership: Membership | None = None
    founding: Founding | None = None
    recorded_cluster_id: str = ""
    authority: Authority | None = None
    """Of `tls.mode` Operator; None while it is not made."""
    requests: tuple[SigningRequest, ...] = ()
    """That this cluster judges, oldest first: made by one of its pods, or by its members' user."""
    injected: tuple[InjectedPod, ...] = ()
    """By name."""
    overdue: tuple[int, ...] = ()
    """Ids of non-voting members whose pods have been gone for `spec.injection.removeAfterSeconds`."""

    @property
    def pinned(self) -> Identity:
        """The identity with the image and the template version that the StatefulSet was made with: a new operator restarts nobody."""
        if self.workload is None or not self.workload.pinned_image:
            return self.identity
        image, _, version = self.workload.pinned_image.rpartition(":")
        # A version that this operator does not know is refused by the step that would build pods of it.
        known = self.workload.template_version if self.workload.template_version in TEMPLATES else self.identity.template_version
        return replace(self.identity, default_image=image, default_version=version, template_version=known)

    def pod(self, name: str) -> Pod | None:
        return next((pod for pod in self.pods if pod.name == name), None)

    def volume(self, ordinal: int) -> Volume | None:
        return next((volume for volume in self.volumes if volume.ordinal == ordinal), None)

    @property
    def members(self) -> tuple[Member, ...]:
        return self.membership.members if self.membership is not None else ()

    @property
    def cluster_id(self) -> int:
        """The id that members say they belong to; 0 when none that answers belongs to any."""
        return next((pod.answer.cluster_id for pod in self.pods if pod.answer is not None and pod.answer.cluster_id), 0)

    @property
    def volumes_end(self) -> int:
        """One above the highest ordinal that has a volume in use: as many pods as there are or may be members."""
        return max((volume.ordinal + 1 for volume in self.volumes if not volume.retired), default=0)
