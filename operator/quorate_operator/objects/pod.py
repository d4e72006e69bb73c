"""A member's pod: ours alone, or the user's with the node as a native sidecar in it."""

from __future__ import annotations

from typing import Any

from quorate_operator.api.spec import ConsensusClusterSpec
from quorate_operator.api.workload import GPU_RESOURCE
from quorate_operator.objects.certificate import tls_secret
from quorate_operator.objects.container import CONFIG_VOLUME, TEMPORARY_VOLUME, TLS_VOLUME, TOKEN_VOLUME, USER_ID, node_container
from quorate_operator.objects.identity import RESTARTED_AT_ANNOTATION, Identity, Object
from quorate_operator.objects.node_settings import settings_map
from quorate_operator.objects.overlay import overlaid

ZONE_LABEL = "topology.kubernetes.io/zone"
HOST_LABEL = "kubernetes.io/hostname"
GRACE_S = 15
"""Beyond the node's own deadline, for the hook that comes before it: the kubelet kills nobody who still hands over."""
TOKEN_LIFE_S = 3_600


def pod_template(spec: ConsensusClusterSpec, identity: Identity) -> Object:
    """`spec.template` of the StatefulSet."""
    theirs = spec.sidecar.template if spec.sidecar is not None else spec.pod_template
    annotations = {**spec.gpu.annotations, **theirs.metadata.annotations}
    if spec.restarted_at:
        annotations[RESTARTED_AT_ANNOTATION] = spec.restarted_at
    metadata: Object = {"labels": {**theirs.metadata.labels, **identity.labels}}
    if annotations:
        metadata["annotations"] = annotations
    return {"metadata": metadata, "spec": _pod_spec(spec, identity)}


def _pod_spec(spec: ConsensusClusterSpec, identity: Identity) -> Object:
    node = node_container(spec, identity)
    base: Object = {
        "serviceAccountName": identity.name,
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "terminationGracePeriodSeconds": -(-spec.timing.shutdown_deadline_ms // 1000) + GRACE_S,
        "securityContext": {
            "runAsNonRoot": True,
            "fsGroup": USER_ID,
            # Owners of a large volume's files are changed once, not at every start.
            "fsGroupChangePolicy": "OnRootMismatch",
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "volumes": _volumes(spec, identity),
        **_placement(spec, identity),
        **_gpu(spec, identity),
    }
    if spec.image.pull_secrets:
        base["imagePullSecrets"] = [{"name": name} for name in spec.image.pull_secrets]
    base["tolerations"] = [dict(each) for each in spec.placement.tolerations] + _gpu_tolerations(spec)
    if not base["tolerations"]:
        del base["tolerations"]
    if spec.sidecar is None:
        return overlaid({**base, "containers": [node]}, _json(spec.pod_template.spec))
    # Ours comes first: init containers start in order, and the user's may need the node already.
    theirs = overlaid(_json(spec.sidecar.template.spec), _json(spec.pod_template.spec))
    return overlaid({**base, "initContainers": [node]}, theirs)


def _json(value: Any) -> Any:
    """The user's own part, copied: what is built is never shared with the resource."""
    if isinstance(value, dict):
        return {key: _json(each) for key, each in value.items()}
    return [_json(each) for each in value] if isinstance(value, list | tuple) else value


def _volumes(spec: ConsensusClusterSpec, identity: Identity) -> list[Object]:
    settings = settings_map(spec, identity)["metadata"]["name"]
    found: list[Object] = [
        {"name": CONFIG_VOLUME, "configMap": {"name": settings, "defaultMode": 0o444}},
        {"name": TEMPORARY_VOLUME, "emptyDir": {"sizeLimit": "64Mi"}},
        api_access(),
    ]
    secret = tls_secret(spec, identity)
    if secret:
        found.append({"name": TLS_VOLUME, "secret": {"secretName": secret, "defaultMode": 0o440}})
    elif spec.tls.mode == "Operator":
        found.append(trusted_authorities(identity))
    return found


def trusted_authorities(identity: Identity) -> Object:
    """Public: the CA's certificates. The key and the certificate are on the data volume, where the next pod finds them."""
    return {"name": TLS_VOLUME, "configMap": {"name": identity.trust_bundle, "defaultMode": 0o444}}


def api_access() -> Object:
    """What Kubernetes would mount by itself, for the node's container alone: a user's container beside it gets no token. An hour long, and
    renewed by the kubelet before it is over; the group of the volume (`fsGroup`) may read it."""
    sources: list[Object] = [
        {"serviceAccountToken": {"expirationSeconds": TOKEN_LIFE_S, "path": "token"}},
        {"configMap": {"name": "kube-root-ca.crt", "items": [{"key": "ca.crt", "path": "ca.crt"}]}},
        {"downwardAPI": {"items": [{"path": "namespace", "fieldRef": {"apiVersion": "v1", "fieldPath": "metadata.namespace"}}]}},
    ]
    return {"name": TOKEN_VOLUME, "projected": {"defaultMode": 0o444, "sources": sources}}


def _placement(spec: ConsensusClusterSpec, identity: Identity) -> Object:
    """Nodes by anti-affinity, zones by spread: a zone may hold several members, a node should not."""
    placement = spec.placement
    selector = {"matchLabels": identity.selector}
    apart = {"labelSelector": selector, "topologyKey": HOST_LABEL}
    anti_affinity: Object = (
        {"requiredDuringSchedulingIgnoredDuringExecution": [apart]}
        if placement.nodes == "Required"
        else {"preferredDuringSchedulingIgnoredDuringExecution": [{"weight": 100, "podAffinityTerm": apart}]}
    )
    affinity: Object = {"podAntiAffinity": anti_affinity}
    if placement.zones:
        term = {"matchExpressions": [{"key": ZONE_LABEL, "operator": "In", "values": list(placement.zones)}]}
        affinity["nodeAffinity"] = {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [term]}}
    spread = {
        "maxSkew": 1,
        "topologyKey": ZONE_LABEL,
        "whenUnsatisfiable": "DoNotSchedule" if placement.zone_spread == "Required" else "ScheduleAnyway",
        "labelSelector": selector,
    }
    found: Object = {"affinity": affinity, "topologySpreadConstraints": [spread]}
    node_selector = {**placement.node_selector, **(spec.gpu.node_selector if spec.gpu.kind != "none" else {})}
    if node_selector:
        found["nodeSelector"] = node_selector
    if placement.priority_class_name:
        found["priorityClassName"] = placement.priority_class_name
    return found


def _gpu(spec: ConsensusClusterSpec, identity: Identity) -> Object:
    if spec.gpu.kind == "none":
        return {}
    found: Object = {"runtimeClassName": spec.gpu.runtime_class_name} if spec.gpu.runtime_class_name else {}
    if spec.gpu.kind == "resourceClaim":
        found["resourceClaims"] = [{"name": "gpu", "resourceClaimTemplateName": identity.gpu_claim_template}]
    return found


def _gpu_tolerations(spec: ConsensusClusterSpec) -> list[Object]:
    """Nodes with GPUs are usually kept free of what asks for none."""
    return [{"key": GPU_RESOURCE, "operator": "Exists", "effect": "NoSchedule"}] if spec.gpu.kind != "none" else []
