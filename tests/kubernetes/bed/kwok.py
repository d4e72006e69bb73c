"""Nodes by the hundred beside the real ones: kwok says that their pods run, and nothing does."""

from __future__ import annotations

import sys
from pathlib import Path

from tests.kubernetes.bed.control_plane import ControlPlane
from tests.kubernetes.bed.processes import Program

ANNOTATION = "kwok.x-k8s.io/node"
TAINT = {"key": ANNOTATION, "value": "fake", "effect": "NoSchedule"}
"""Real pods stay away from them; those of scale tests tolerate it."""
ADDRESSES = "10.250.0.0/16"
"""Of pods on such nodes. Nothing has them, unless the stub of the members' API is told to."""
CAPACITY = {"cpu": "64", "memory": "256Gi", "pods": "1000"}

Object = dict[str, object]


def kwok(programs: dict[str, Path], control_plane: ControlPlane, state: Path, logs: Path) -> Program:
    """The process, not started; it touches only nodes that carry the annotation."""
    stages = state / "kwok-stages.yaml"
    parts = sorted(path for name, path in programs.items() if name.endswith(".yaml") and name.startswith(("node-", "pod-")))
    stages.write_text("\n---\n".join(part.read_text() for part in parts))
    flags = [
        f"--kubeconfig={control_plane.client_kubeconfig('kwok', 'kwok', 'system:masters')}",
        f"--config={stages}",
        "--manage-all-nodes=false",
        f"--cidr={ADDRESSES}",
        f"--manage-nodes-with-annotation-selector={ANNOTATION}=fake",
        # Without leases the nodes turn NotReady after 40 s.
        "--node-lease-duration-seconds=40",
    ]
    return Program("kwok", [programs["kwok"], *flags], logs)


def stub_members(programs: dict[str, Path], control_plane: ControlPlane, logs: Path) -> Program:
    """The process, not started."""
    command = [sys.executable, "-m", "tests.kubernetes.bed.stub_members", programs["kubectl"], control_plane.kubeconfig]
    return Program("stub-members", command, logs)


def fake_volumes(count: int) -> list[Object]:
    """A storage class `fake`, and volumes that any node has and nobody will ever read."""
    metadata = {"name": "fake"}
    made: list[Object] = [
        {"apiVersion": "storage.k8s.io/v1", "kind": "StorageClass", "metadata": metadata, "provisioner": "kubernetes.io/no-provisioner"}
    ]
    for number in range(count):
        spec = {
            "capacity": {"storage": "1Gi"},
            "accessModes": ["ReadWriteOnce"],
            "storageClassName": "fake",
            "hostPath": {"path": f"/no/such/folder/{number}"},
        }
        volume = {"name": f"fake-{number}", "labels": {"type": "kwok"}}
        made.append({"apiVersion": "v1", "kind": "PersistentVolume", "metadata": volume, "spec": spec})
    return made


def fake_node(number: int, zones: int = 3) -> Object:
    name = f"fake-{number}"
    labels = {
        "kubernetes.io/hostname": name,
        "kubernetes.io/os": "linux",
        "topology.kubernetes.io/zone": f"fake-zone-{number % zones + 1}",
        "type": "kwok",
    }
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": name, "labels": labels, "annotations": {ANNOTATION: "fake"}},
        "spec": {"taints": [TAINT]},
        "status": {"capacity": CAPACITY, "allocatable": CAPACITY},
    }
