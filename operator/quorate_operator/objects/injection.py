"""The node as a native sidecar in somebody else's pod, as a member that never votes: which pods can have it, and the patch that adds it."""

from __future__ import annotations

import re
from typing import Any

from quorate_operator.api.model import GROUP
from quorate_operator.api.spec import ConsensusClusterSpec
from quorate_operator.objects.certificate import INJECTED_HOSTS
from quorate_operator.objects.container import (
    CONTAINER,
    TEMPORARY_VOLUME,
    TLS_VOLUME,
    TOKEN_FOLDER,
    TOKEN_VOLUME,
    amounts,
    image,
    security_context,
)
from quorate_operator.objects.identity import API_PORT, CLUSTER_LABEL, PEER_PORT, Identity, Object
from quorate_operator.objects.node_settings import DATA_FOLDER, SETTINGS, TLS_FOLDER, environment_of
from quorate_operator.objects.pod import api_access, trusted_authorities

INJECT_LABEL = f"{GROUP}/inject"
"""On a pod: the name of the ConsensusCluster of its own namespace whose member it wants beside it."""
INJECTION_ANNOTATION = f"{GROUP}/injection"
"""On a pod that the webhook has seen: `injected`, or `refused: <why>`."""
INJECTED = "injected"
REFUSED = "refused: "
INJECTED_VOLUME = "quorate-data"
POD_NAME_CHARACTERS_MAX = 253 - 1 - 36
"""A member's name has at most 253: the pod's name, a dot, and its uid."""
REASON_CHARACTERS_MAX = 300
_UID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_PORTS = (API_PORT, PEER_PORT)


def pod_uid_of(member: str) -> str:
    """The uid at the end of an injected member's name, `<pod>.<uid>`: no pod ever has that uid again. Empty for other names."""
    uid = member.rpartition(".")[2]
    return uid if _UID.fullmatch(uid) and uid != member else ""


def has_sidecar(pod: Object) -> bool:
    """By what it is, not by an annotation that anybody may write."""
    return any(_is_ours(each) for each in pod.get("spec", {}).get("initContainers") or [])


def refused_because(pod: Object) -> str:
    """What the webhook wrote of a pod that it left as it was; empty when it wrote nothing."""
    said = str((pod.get("metadata", {}).get("annotations") or {}).get(INJECTION_ANNOTATION, ""))
    return said.removeprefix(REFUSED)[:REASON_CHARACTERS_MAX] if said.startswith(REFUSED) else ""


def refusal(pod: Object, spec: ConsensusClusterSpec, identity: Identity) -> str:
    """Why this pod cannot have the sidecar, with the remedy; empty when it can."""
    if not spec.injection.enabled:
        return f"spec.injection.enabled of ConsensusCluster {identity.name} is false"
    if spec.tls.mode not in ("Disabled", "Operator"):
        return (
            f"spec.tls.mode of ConsensusCluster {identity.name} is {spec.tls.mode}: its members share one certificate, with which this pod"
            " could vote; use the client library instead of a member beside you, or a cluster with tls.mode Operator"
        )
    metadata, inner = pod.get("metadata", {}), pod.get("spec", {})
    if CLUSTER_LABEL in (metadata.get("labels") or {}):
        return f"it has the label {CLUSTER_LABEL}: it is a cluster's own pod, and has its member"
    if len(metadata.get("name") or "") > POD_NAME_CHARACTERS_MAX:
        return f"its name has more than {POD_NAME_CHARACTERS_MAX} characters, and a member is named after its pod: shorten it"
    if inner.get("hostNetwork"):
        return "it uses the node's network, where the member's ports would be taken for every pod of that node: set hostNetwork to false"
    return _collision(inner, spec)


def _collision(inner: Object, spec: ConsensusClusterSpec) -> str:
    containers = [*(inner.get("initContainers") or []), *(inner.get("containers") or [])]
    if any(each.get("name") == CONTAINER for each in containers):
        return f"it has a container {CONTAINER!r} of its own: give that another name"
    taken = sorted({port.get("containerPort") for each in containers for port in each.get("ports") or []} & set(_PORTS))
    if taken:
        return f"its own containers use port {taken[0]}, which is the member's: move them to another one"
    volumes = {each.get("name"): each for each in inner.get("volumes") or []}
    for name in (TEMPORARY_VOLUME, *((TLS_VOLUME, TOKEN_VOLUME) if _is_issued(spec) else ())):
        if name in volumes:
            return f"it has a volume {name!r} of its own: give that another name"
    data = volumes.get(INJECTED_VOLUME)
    if data is not None and "emptyDir" not in data and "ephemeral" not in data:
        return f"its volume {INJECTED_VOLUME!r} outlives the pod, and every pod is another member: use emptyDir or ephemeral"
    return ""


def injection(pod: Object, spec: ConsensusClusterSpec, identity: Identity) -> list[Object]:
    """JSON Patch (RFC 6902) that adds what is missing; empty for a pod that has it. The sidecar comes first: init containers start in
    order, and the user's may need it. A volume `quorate-data` of the pod is used as it is."""
    if has_sidecar(pod):
        return []
    inner = pod.get("spec", {})
    present = {each.get("name") for each in inner.get("volumes") or []}
    volumes: list[Object] = [
        {"name": INJECTED_VOLUME, "emptyDir": {"sizeLimit": spec.storage.size}},
        {"name": TEMPORARY_VOLUME, "emptyDir": {"sizeLimit": "64Mi"}},
        *(_of_certificates(identity) if _is_issued(spec) else ()),
    ]
    return [
        *_added("/spec/volumes", inner.get("volumes"), [each for each in volumes if each["name"] not in present], at="-"),
        *_added("/spec/initContainers", inner.get("initContainers"), [sidecar(spec, identity)], at="0"),
        *annotation(pod, INJECTED),
    ]


def annotation(pod: Object, value: str) -> list[Object]:
    """JSON Patch that writes down what became of the pod."""
    there = pod.get("metadata", {}).get("annotations")
    if there is None:
        return [{"op": "add", "path": "/metadata/annotations", "value": {INJECTION_ANNOTATION: value}}]
    # `/` in a name is written as `~1` in a path (RFC 6901).
    return [{"op": "add", "path": f"/metadata/annotations/{INJECTION_ANNOTATION.replace('/', '~1')}", "value": value}]


def _added(path: str, there: Any, items: list[Object], *, at: str) -> list[Object]:
    if not there:
        return [{"op": "add", "path": path, "value": items}] if items else []
    return [{"op": "add", "path": f"{path}/{at}", "value": item} for item in items]


def _is_issued(spec: ConsensusClusterSpec) -> bool:
    return spec.tls.mode == "Operator"


def _of_certificates(identity: Identity) -> list[Object]:
    """Whom to trust, and who is asked: the token of the pod's own ServiceAccount, for the sidecar alone. Without the ConfigMap, as when the
    cluster is deleted meanwhile, the pod starts all the same."""
    bundle = trusted_authorities(identity)
    return [{**bundle, "configMap": {**bundle["configMap"], "optional": True}}, api_access()]


def sidecar(spec: ConsensusClusterSpec, identity: Identity) -> Object:
    """No readiness and no startup probe: the user's container neither waits for a cluster nor leaves its Services because of one. Its
    settings are in its environment: a ConfigMap that is replaced would keep a pod from starting that names the old one."""

    def field(name: str, path: str) -> Object:
        return {"name": name, "valueFrom": {"fieldRef": {"apiVersion": "v1", "fieldPath": path}}}

    issued = _is_issued(spec)
    live = {"path": "/health/live", "port": API_PORT, "scheme": "HTTPS" if issued else "HTTP"}
    settings = {**environment_of(_settings(spec, identity)), **_own, **(_own_issued if issued else {})}
    return {
        "name": CONTAINER,
        "image": image(spec, identity),
        "imagePullPolicy": spec.image.pull_policy,
        "restartPolicy": "Always",
        "command": ["quorate-node"],
        "env": [
            field("POD_NAME", "metadata.name"),
            field("POD_UID", "metadata.uid"),
            field("POD_IP", "status.podIP"),
            *({"name": name, "value": value} for name, value in settings.items()),
        ],
        "ports": [
            {"name": "quorate-api", "containerPort": API_PORT, "protocol": "TCP"},
            {"name": "quorate-peer", "containerPort": PEER_PORT, "protocol": "TCP"},
        ],
        "resources": amounts(spec.injection.resources),
        "securityContext": security_context(),
        "volumeMounts": [
            {"name": INJECTED_VOLUME, "mountPath": DATA_FOLDER},
            {"name": TEMPORARY_VOLUME, "mountPath": "/tmp"},  # noqa: S108
            *(_issued_mounts if issued else _plain_mounts),
        ],
        # Until it has its first certificate it answers nobody, and each restart of a sidecar takes the whole pod's readiness for a moment.
        "livenessProbe": {
            "httpGet": live,
            "periodSeconds": 10,
            "failureThreshold": 360 if issued else 6,
            "timeoutSeconds": 5,
            "successThreshold": 1,
        },
    }


_plain_mounts: list[Object] = [
    # Where Kubernetes would mount the token of the user's ServiceAccount, which is none of the member's business.
    {"name": TEMPORARY_VOLUME, "mountPath": TOKEN_FOLDER, "subPath": "no-token", "readOnly": True},
]
_issued_mounts: list[Object] = [
    {"name": TOKEN_VOLUME, "mountPath": TOKEN_FOLDER, "readOnly": True},
    {"name": TLS_VOLUME, "mountPath": TLS_FOLDER, "readOnly": True},
]


_own = {
    "QUORATE_MEMBER__NON_VOTING": "true",
    "QUORATE_MEMBER__NAME": "$(POD_NAME).$(POD_UID)",
    # A pod whose network is made anew keeps its files and gets another address: it is another member then, at that address.
    "QUORATE_MEMBER__DATA_DIR": f"{DATA_FOLDER}/$(POD_IP)",
    "QUORATE_LISTEN__ADVERTISE_HOST": "$(POD_IP)",
}

_own_issued = {
    # Which the API server vouches for, and which has the right length for a subject: a pod's name may not have.
    "QUORATE_IDENTITY__COMMON_NAME": "$(POD_UID)",
    "QUORATE_IDENTITY__HOST_NAMES": ",".join(INJECTED_HOSTS),
}


def _settings(spec: ConsensusClusterSpec, identity: Identity) -> dict[str, dict[str, Any]]:
    """The cluster's, without what its own pods do with their ServiceAccount: peers are found by DNS, and nobody hands over."""
    sections = SETTINGS[identity.template_version](spec, identity)
    found: dict[str, dict[str, Any]] = {name: dict(section) for name, section in sections.items()}
    found.pop("kubernetes", None)
    found["member"].pop("data_dir")
    found["listen"].pop("hand_over_socket")
    found["discovery"] |= {"kind": "dns"}
    found["discovery"].pop("kubernetes_service")
    return found


def _is_ours(container: Object) -> bool:
    names = {each.get("name") for each in container.get("env") or []}
    return container.get("name") == CONTAINER and container.get("restartPolicy") == "Always" and "QUORATE_MEMBER__NON_VOTING" in names
