"""The node's container: the same one in a pod of its own and as a native sidecar."""

from __future__ import annotations

from quorate_operator.api.spec import ConsensusClusterSpec
from quorate_operator.api.workload import Amounts, Resources
from quorate_operator.objects.identity import API_PORT, DATA_VOLUME, PEER_PORT, Identity, Object
from quorate_operator.objects.node_settings import CONFIG_FILE, CONFIG_FOLDER, DATA_FOLDER, HAND_OVER_SOCKET, TLS_FOLDER

CONTAINER = "quorate"
CONFIG_VOLUME = "quorate-config"
TEMPORARY_VOLUME = "quorate-tmp"
TLS_VOLUME = "quorate-tls"
TOKEN_VOLUME = "quorate-api-access"  # noqa: S105
TOKEN_FOLDER = "/var/run/secrets/kubernetes.io/serviceaccount"  # noqa: S105
HAND_OVER = ["python3", "-I", "-m", "quorate_node.hand_over", HAND_OVER_SOCKET]
"""While the pod is still in its Services and all its connections are open: nobody waits for an election, whoever stops the pod."""
USER_ID = 65532


def image(spec: ConsensusClusterSpec, identity: Identity) -> str:
    """A reference with tag or digest. A tag that is there is the user's own choice, and wins over `spec.version`."""
    reference = spec.image.reference or identity.default_image
    tagged = "@" in reference or ":" in reference.rsplit("/", 1)[-1]
    return reference if tagged else f"{reference}:{spec.version or identity.default_version}"


def node_container(spec: ConsensusClusterSpec, identity: Identity) -> Object:
    """As Pod Security `restricted` asks, with a root file system that nobody can write to."""
    scheme = "http" if spec.tls.mode == "Disabled" else "https"
    host = f"$(QUORATE_MEMBER__NAME).{identity.members_service}.{identity.namespace}.svc"
    mounts = [
        {"name": DATA_VOLUME, "mountPath": DATA_FOLDER},
        {"name": CONFIG_VOLUME, "mountPath": CONFIG_FOLDER, "readOnly": True},
        {"name": TEMPORARY_VOLUME, "mountPath": "/tmp"},  # noqa: S108
        {"name": TOKEN_VOLUME, "mountPath": TOKEN_FOLDER, "readOnly": True},
    ]
    if scheme == "https":
        mounts.append({"name": TLS_VOLUME, "mountPath": TLS_FOLDER, "readOnly": True})
    found: Object = {
        "name": CONTAINER,
        "image": image(spec, identity),
        "imagePullPolicy": spec.image.pull_policy,
        "command": ["quorate-node"],
        "args": ["--config", f"{CONFIG_FOLDER}/{CONFIG_FILE}"],
        "env": [
            {"name": "QUORATE_MEMBER__NAME", "valueFrom": {"fieldRef": {"apiVersion": "v1", "fieldPath": "metadata.name"}}},
            {"name": "QUORATE_KUBERNETES__POD_ADDRESS", "valueFrom": {"fieldRef": {"apiVersion": "v1", "fieldPath": "status.podIP"}}},
            {"name": "QUORATE_LISTEN__PEER_URL", "value": f"{scheme}://{host}:{PEER_PORT}"},
            {"name": "QUORATE_LISTEN__CLIENT_URL", "value": f"{scheme}://{host}:{API_PORT}"},
        ],
        "ports": [
            {"name": "api", "containerPort": API_PORT, "protocol": "TCP"},
            {"name": "peer", "containerPort": PEER_PORT, "protocol": "TCP"},
        ],
        "resources": _resources(spec),
        "securityContext": security_context(),
        "volumeMounts": mounts,
        "lifecycle": {"preStop": {"exec": {"command": list(HAND_OVER)}}},
        **_probes(scheme, sidecar=spec.sidecar is not None),
    }
    return {**found, "restartPolicy": "Always"} if spec.sidecar is not None else found


def security_context() -> Object:
    return {
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
        "readOnlyRootFilesystem": True,
        "runAsNonRoot": True,
        "runAsUser": USER_ID,
        "runAsGroup": USER_ID,
        "seccompProfile": {"type": "RuntimeDefault"},
    }


def _probes(scheme: str, *, sidecar: bool) -> Object:
    """A sidecar that waits for an election stays ready: else its user's container would be pulled from its Service with it."""

    def probe(path: str, period_s: int, failures: int) -> Object:
        get = {"path": path, "port": "api", "scheme": scheme.upper()}
        return {"httpGet": get, "periodSeconds": period_s, "failureThreshold": failures, "timeoutSeconds": 5, "successThreshold": 1}

    return {
        # An hour: a member that repairs a large log has not failed, and to start it again would begin the repair anew.
        "startupProbe": probe("/health/startup" if not sidecar else "/health/live", 1, 3600),
        "readinessProbe": probe("/health/ready" if not sidecar else "/health/live", 2, 2),
        "livenessProbe": probe("/health/live", 10, 6),
    }


def amounts(resources: Resources) -> Object:
    found: Object = {}
    for kind in ("requests", "limits"):
        given: Amounts | None = getattr(resources, kind)
        if given is not None:
            wanted = {"cpu": given.cpu, "memory": given.memory}
            found[kind] = {name: value for name, value in wanted.items() if value is not None}
    return found


def _resources(spec: ConsensusClusterSpec) -> Object:
    found = amounts(spec.resources)
    if spec.gpu.kind == "devicePlugin" and spec.gpu.device_plugin is not None:
        count = {spec.gpu.device_plugin.resource_name: str(spec.gpu.device_plugin.count)}
        found["limits"] = {**found.get("limits", {}), **count}
        # Extended resources are asked for in whole numbers, and requests equal limits.
        found["requests"] = {**found.get("requests", {}), **count}
    if spec.gpu.kind == "resourceClaim":
        found["claims"] = [{"name": "gpu"}]
    return {kind: value for kind, value in found.items() if value}
