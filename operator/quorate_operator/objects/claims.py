"""What the operator applies to a member's PersistentVolumeClaim: its owner and its size; and GPUs by claim."""

from __future__ import annotations

from quorate_operator.api.spec import ConsensusClusterSpec
from quorate_operator.objects.identity import MEMBER_ID_ANNOTATION, RETIRED_ANNOTATION, Identity, Object


def claim(
    spec: ConsensusClusterSpec, identity: Identity, name: str, uid: str, size: str, member_id: int = 0, *, retired: bool = False
) -> Object:
    """Owner and size in one: an apply by the same manager takes back what it leaves out. `uid`: this very claim, or a conflict.

    With `Delete` the resource owns the claim, and nothing else ever does: no deletion of a child takes data away. Not as controller, so
    that the StatefulSet stays what makes claims. `member_id` binds the volume to the identity on it (0: none is known yet): a volume
    whose member was removed by a vote must never come back. `retired`: that has happened, and the volume is kept for its data alone.
    """
    owners = [identity.owner(controller=False)] if spec.storage.retention == "Delete" else []
    metadata: Object = {"name": name, "namespace": identity.namespace, "uid": uid, "ownerReferences": owners}
    if member_id:
        metadata["annotations"] = {MEMBER_ID_ANNOTATION: str(member_id), **({RETIRED_ANNOTATION: "true"} if retired else {})}
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": metadata,
        "spec": {"resources": {"requests": {"storage": size}}},
    }


def gpu_claim_template(spec: ConsensusClusterSpec, identity: Identity) -> Object | None:
    """A ResourceClaimTemplate (resource.k8s.io/v1), from which each member's pod gets a claim of its own; None when not asked for."""
    claim = spec.gpu.resource_claim
    if spec.gpu.kind != "resourceClaim" or claim is None:
        return None
    exactly: Object = {"deviceClassName": claim.device_class_name, "allocationMode": "ExactCount", "count": claim.count}
    if claim.selectors:
        exactly["selectors"] = [{"cel": {"expression": expression}} for expression in claim.selectors]
    return {
        "apiVersion": "resource.k8s.io/v1",
        "kind": "ResourceClaimTemplate",
        "metadata": identity.metadata(identity.gpu_claim_template),
        "spec": {"spec": {"devices": {"requests": [{"name": "gpu", "exactly": exactly}]}}},
    }
