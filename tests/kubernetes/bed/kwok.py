"""Nodes by the hundred beside the real ones: kwok says that their pods run, and nothing does."""

from __future__ import annotations

from pathlib import Path

from tests.kubernetes.bed.control_plane import ControlPlane
from tests.kubernetes.bed.processes import Program

ANNOTATION = "kwok.x-k8s.io/node"
TAINT = {"key": ANNOTATION, "value": "fake", "effect": "NoSchedule"}
"""Real pods stay away from them; those of scale tests tolerate it."""
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
        f"--manage-nodes-with-annotation-selector={ANNOTATION}=fake",
        # Without leases the nodes turn NotReady after 40 s.
        "--node-lease-duration-seconds=40",
    ]
    return Program("kwok", [programs["kwok"], *flags], logs)


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
