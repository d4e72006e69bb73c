"""Objects that the tests apply, under Pod Security `restricted`."""

from __future__ import annotations

from typing import Any

Object = dict[str, Any]
CLIENT_PORT = 7301
PEER_PORT = 7302
USER = 65_532
DATA = "/var/lib/quorate"

POD_SECURITY: Object = {
    "runAsNonRoot": True,
    "runAsUser": USER,
    "runAsGroup": USER,
    "fsGroup": USER,
    "fsGroupChangePolicy": "OnRootMismatch",
    "seccompProfile": {"type": "RuntimeDefault"},
}
HAND_OVER = ["sh", "-c", f'exec quorate --endpoints http://127.0.0.1:{CLIENT_PORT} --timeout 5s transfer --from "$QUORATE_MEMBER__NAME"']

CONTAINER_SECURITY: Object = {
    "allowPrivilegeEscalation": False,
    "readOnlyRootFilesystem": True,
    "capabilities": {"drop": ["ALL"]},
}


def service(name: str, ports: dict[str, int], *, headless: bool = False, select: str) -> Object:
    spec: Object = {"selector": {"app": select}, "ports": [{"name": key, "port": port} for key, port in ports.items()]}
    if headless:
        # Members must find each other before any of them is ready.
        spec |= {"clusterIP": "None", "publishNotReadyAddresses": True}
    return {"apiVersion": "v1", "kind": "Service", "metadata": {"name": name}, "spec": spec}


def stateful_set(name: str, service_name: str, container: Object, *, replicas: int = 3, volumes: list[Object] | None = None) -> Object:
    labels = {"app": name}
    spread = {
        "maxSkew": 2,
        "topologyKey": "kubernetes.io/hostname",
        "whenUnsatisfiable": "DoNotSchedule",
        "labelSelector": {"matchLabels": labels},
    }
    pod = {
        "securityContext": dict(POD_SECURITY),
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "terminationGracePeriodSeconds": 30,
        "topologySpreadConstraints": [spread],
        "containers": [{**container, "imagePullPolicy": "IfNotPresent", "securityContext": dict(CONTAINER_SECURITY)}],
        "volumes": volumes or [],
    }
    claim = {
        "metadata": {"name": "data"},
        "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "512Mi"}}},
    }
    return {
        "apiVersion": "apps/v1",
        "kind": "StatefulSet",
        "metadata": {"name": name, "labels": labels},
        "spec": {
            "serviceName": service_name,
            "replicas": replicas,
            "podManagementPolicy": "Parallel",
            "updateStrategy": {"type": "OnDelete"},
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": pod},
            "volumeClaimTemplates": [claim],
        },
    }


def lone_pod(name: str, image: str, command: list[str]) -> Object:
    """A pod to run commands in."""
    container = {
        "name": "main",
        "image": image,
        "imagePullPolicy": "IfNotPresent",
        "command": command,
        "securityContext": dict(CONTAINER_SECURITY),
    }
    spec = {
        "securityContext": dict(POD_SECURITY),
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "terminationGracePeriodSeconds": 1,
        "restartPolicy": "Never",
        "containers": [container],
    }
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": spec}


def probe(path: str, **timing: int) -> Object:
    return {"httpGet": {"path": path, "port": "client"}, **timing}


def quorate_container(image: str, name: str, namespace: str) -> Object:
    """A member that takes its settings from the ConfigMap `name`, but for what differs from pod to pod."""
    return {
        "name": "quorate",
        "image": image,
        "args": ["--config", "/etc/quorate/quorate.toml"],
        "env": [
            {"name": "QUORATE_MEMBER__NAME", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}},
            {"name": "QUORATE_LISTEN__CLIENT_URL", "value": f"http://$(QUORATE_MEMBER__NAME).{name}.{namespace}.svc:{CLIENT_PORT}"},
        ],
        "ports": [{"name": "client", "containerPort": CLIENT_PORT}, {"name": "peer", "containerPort": PEER_PORT}],
        "startupProbe": probe("/health/startup", periodSeconds=1, failureThreshold=120),
        "readinessProbe": probe("/health/ready", periodSeconds=1, failureThreshold=2),
        "livenessProbe": probe("/health/live", periodSeconds=5, timeoutSeconds=5, failureThreshold=6),
        # While it is still in its services and all its connections are open, so that nobody waits for an election.
        "lifecycle": {"preStop": {"exec": {"command": HAND_OVER}}},
        "volumeMounts": [
            {"name": "data", "mountPath": DATA},
            {"name": "configuration", "mountPath": "/etc/quorate", "readOnly": True},
        ],
    }
