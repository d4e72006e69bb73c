"""Who a cluster is, and what its children are called. Every builder takes its names and labels from here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from quorate_operator.api.model import GROUP, KIND, VERSION

API_PORT = 7301
PEER_PORT = 7302
MANAGER = "quorate-operator"
"""Field manager of every apply, and the value of `app.kubernetes.io/managed-by`."""
CLUSTER_LABEL = f"{GROUP}/cluster"
TEMPLATE_VERSION_ANNOTATION = f"{GROUP}/template-version"
DEFAULT_IMAGE_ANNOTATION = f"{GROUP}/default-image"
MEMBER_ID_ANNOTATION = f"{GROUP}/member-id"
RETIRED_ANNOTATION = f"{GROUP}/retired"
RESTARTED_AT_ANNOTATION = f"{GROUP}/restarted-at"
UID_LABEL = f"{GROUP}/cluster-uid"
"""On what belongs to a cluster and is in no namespace, or in the operator's: Kubernetes does not delete it with the resource."""
CLUSTER_ANNOTATION = f"{GROUP}/cluster"
"""Beside it: namespace/name."""
DATA_VOLUME = "data"

Object = dict[str, Any]
ClusterKey = tuple[str, str]
"""Namespace and name of a ConsensusCluster."""


@dataclass(frozen=True)
class Identity:
    """`uid` ties children to this very resource: one of the same name made later is another."""

    name: str
    namespace: str
    uid: str
    operator_namespace: str
    default_image: str
    """Repository of the node's image. That and the version below are the operator's own at first, and then what the StatefulSet was made
    with: a new operator's release restarts nobody."""
    default_version: str
    address_type: str = "IPv4"
    """IPv4 or IPv6: the family of this Kubernetes' pods, the first one where there are two."""
    template_version: int = 1
    """Of the pods and their settings: the newest at first, and then what the StatefulSet was made with."""

    @property
    def members_service(self) -> str:
        return f"{self.name}-members"

    @property
    def leader_service(self) -> str:
        return f"{self.name}-leader"

    @property
    def founding_record(self) -> str:
        return f"{self.name}-founding"

    @property
    def cluster_record(self) -> str:
        return f"{self.name}-cluster"

    @property
    def gpu_claim_template(self) -> str:
        return f"{self.name}-gpu"

    @property
    def certificate_secret(self) -> str:
        return f"{self.name}-tls"

    @property
    def trust_bundle(self) -> str:
        """The ConfigMap with the CA certificates of the operator's own issuer."""
        return f"{self.name}-ca"

    def pod(self, ordinal: int) -> str:
        return f"{self.name}-{ordinal}"

    def claim(self, ordinal: int) -> str:
        """Name that the StatefulSet controller gives a member's PersistentVolumeClaim."""
        return f"{DATA_VOLUME}-{self.name}-{ordinal}"

    def ordinal(self, pod: str) -> int | None:
        """The number at the end of a pod's name; None for a name that is none of this cluster's."""
        head, _, number = pod.rpartition("-")
        return int(number) if head == self.name and number.isdigit() and (number == "0" or number[0] != "0") else None

    @property
    def selector(self) -> dict[str, str]:
        """Labels of the members' pods, and of nothing else."""
        return {"app.kubernetes.io/name": "quorate", CLUSTER_LABEL: self.name}

    @property
    def labels(self) -> dict[str, str]:
        return {**self.selector, "app.kubernetes.io/instance": self.name, "app.kubernetes.io/managed-by": MANAGER}

    def owner(self, *, controller: bool = True) -> Object:
        return {
            "apiVersion": f"{GROUP}/{VERSION}",
            "kind": KIND,
            "name": self.name,
            "uid": self.uid,
            "controller": controller,
            "blockOwnerDeletion": False,
        }

    def metadata(self, name: str, *, labels: dict[str, str] | None = None, annotations: dict[str, str] | None = None) -> Object:
        """Of a child: deleted with the resource by Kubernetes itself, so that a gone operator never blocks a deletion."""
        found: Object = {
            "name": name,
            "namespace": self.namespace,
            "labels": {**(labels or {}), **self.labels},
            "ownerReferences": [self.owner()],
        }
        return {**found, "annotations": dict(annotations)} if annotations else found
