"""Volumes grow in use: the claims first, then the StatefulSet is made anew around its running pods.

No driver here can grow a volume, so the test does a driver's part, as the interface of Kubernetes has it: a larger volume object, and a
claim whose status says so. All else is real: admission, claims, the StatefulSet and its pods.
"""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from tests.kubernetes.bed.bed import Bed
from tests.kubernetes.bed.layout import STORAGE_CLASS
from tests.kubernetes.consensus_cluster import LABEL, ConsensusCluster
from tests.kubernetes.kubectl import Document, Kubectl, eventually

BEFORE, AFTER = "1Gi", "200Gi"
"""The bed's volumes have 100Gi: what is asked for afterwards they do not have."""


@pytest.fixture
def storage_class(kubectl: Kubectl, bed: Bed) -> Iterator[str]:
    yield STORAGE_CLASS
    allow(kubectl, STORAGE_CLASS, False)


def allow(kubectl: Kubectl, storage_class: str, yes: bool) -> None:
    kubectl("patch", "storageclass", storage_class, "--type=merge", "-p", json.dumps({"allowVolumeExpansion": yes}))


def claims(cluster: ConsensusCluster) -> list[Document]:
    return cluster.kubectl.list("persistentvolumeclaims", cluster.namespace, f"{LABEL}={cluster.name}")


def asked(cluster: ConsensusCluster) -> list[str]:
    return [claim["spec"]["resources"]["requests"]["storage"] for claim in claims(cluster)]


def grow(kubectl: Kubectl, claim: Document) -> None:
    """A driver's part."""
    volume, metadata = claim["spec"]["volumeName"], claim["metadata"]
    capacity = {"capacity": {"storage": AFTER}}
    kubectl("patch", "persistentvolume", volume, "--type=merge", "-p", json.dumps({"spec": capacity}))
    status = json.dumps({"status": {**capacity, "conditions": []}})
    name, namespace = metadata["name"], metadata["namespace"]
    kubectl("patch", "persistentvolumeclaim", name, "-n", namespace, "--subresource=status", "--type=merge", "-p", status)


def test_volumes_grow_while_no_pod_restarts(cluster: ConsensusCluster, kubectl: Kubectl, storage_class: str) -> None:
    cluster.apply({"storage": {"size": BEFORE}})
    cluster.wait_until_settled()
    pods, made = cluster.uids(), kubectl.get("statefulset", cluster.name, cluster.namespace)["metadata"]["uid"]

    cluster.patch({"storage": {"size": AFTER}})
    said = cluster.wait_for("Degraded", "VolumeNotExpandable")
    assert "allowVolumeExpansion" in said.message, "the remedy"
    assert asked(cluster) == [BEFORE] * 3

    allow(kubectl, storage_class, True)
    eventually("all claims ask for more", lambda: "" if asked(cluster) == [AFTER] * 3 else f"they ask for {asked(cluster)}", 60)
    eventually("the plan waits for the volumes", lambda: waits(cluster), 30)
    for claim in claims(cluster):
        grow(kubectl, claim)
    cluster.wait_until_settled()

    anew = kubectl.get("statefulset", cluster.name, cluster.namespace)
    assert anew["metadata"]["uid"] != made
    assert anew["spec"]["volumeClaimTemplates"][0]["spec"]["resources"]["requests"]["storage"] == AFTER
    assert cluster.uids() == pods
    assert [status["restartCount"] for pod in cluster.pods() for status in pod["status"]["containerStatuses"]] == [0, 0, 0]


def waits(cluster: ConsensusCluster) -> str:
    plan = cluster.status().get("plan", [])
    return "" if any("is growing" in json.dumps(item) for item in plan) else f"it is {plan}"
