"""Addresses, names and folders of the test cluster, in a network namespace where nothing can collide with the machine's own."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

HOST_ADDRESS = "10.200.0.1"
"""The API server, DNS and the tests themselves; also the first node."""
BRIDGE = "quorate0"
BRIDGE_PREFIX = 24
SERVICE_RANGE = "10.96.0.0/16"
API_SERVICE_ADDRESS = "10.96.0.1"
POD_RANGE = "10.244.0.0/16"
API_PORT = 6443
ETCD_PORT = 2379
ETCD_PEER_PORT = 2380
CLUSTER_DOMAIN = "cluster.local"
PAUSE_IMAGE = "localhost/pause:1"
STORAGE_CLASS = "local"


@dataclass(frozen=True)
class NodePlace:
    """Where one kubelet and its containerd are. Two kubelets that shared any of it would end each other's pods."""

    number: int
    state: Path
    logs: Path

    @property
    def name(self) -> str:
        return f"node-{self.number}"

    @property
    def zone(self) -> str:
        return f"zone-{self.number}"

    @property
    def address(self) -> str:
        return f"10.200.0.{self.number}"

    @property
    def pod_range(self) -> str:
        return f"10.244.{self.number}.0/24"

    @property
    def pod_bridge(self) -> str:
        return f"quorate-pods{self.number}"

    @property
    def directory(self) -> Path:
        return self.state / self.name

    @property
    def volumes(self) -> Path:
        return self.directory / "volumes"

    @property
    def pod_logs(self) -> Path:
        return self.logs / "pods" / self.name

    @property
    def runtime(self) -> Path:
        """Sockets: below the namespace's own /run, whose paths are short enough for them."""
        return Path("/run/quorate") / self.name

    @property
    def containerd_socket(self) -> Path:
        return self.runtime / "containerd.sock"
