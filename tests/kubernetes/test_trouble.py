"""Kubernetes cannot give what a resource asks for: its status leads to the remedy, nothing is hurried, and it goes on by itself."""

from __future__ import annotations

import time

import pytest

from tests.kubernetes.audit import Audit, described
from tests.kubernetes.consensus_cluster import ConsensusCluster
from tests.kubernetes.installation import OPERATOR, Installation
from tests.kubernetes.kubectl import Kubectl, eventually

QUIET_S = 12.0
WRITES_WHILE_STUCK_MAX = 4
"""Of the operator in that time: a status, an Event. A loop without rest would make hundreds."""
WINDOWS_MAX = 3


def stays_calm(audit: Audit | None, cluster: ConsensusCluster) -> None:
    """While nothing changes, the operator asks for nothing again and again. What was still under way is done within a window or two."""
    if audit is None:
        return
    for _ in range(WINDOWS_MAX):
        audit.restart()
        time.sleep(QUIET_S)
        of_operator = audit.writes(lambda user: user.endswith(f":{OPERATOR}"))
        ours = [each for each in of_operator if each.get("objectRef", {}).get("namespace") == cluster.namespace]
        if len(ours) <= WRITES_WHILE_STUCK_MAX:
            return
    pytest.fail(f"{WINDOWS_MAX} times {QUIET_S:g} s, and in the last of them: {described(ours)}")


def test_pods_that_a_quota_forbids(cluster: ConsensusCluster, kubectl: Kubectl, audit: Audit | None) -> None:
    quota = {"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "small"}, "spec": {"hard": {"pods": "2"}}}
    kubectl.apply([quota], cluster.namespace)
    cluster.apply({})
    said = cluster.wait_for("Degraded", "PodTrouble")
    assert "exceeded quota" in said.message
    stays_calm(audit, cluster)
    quota["spec"] = {"hard": {"pods": "10"}}
    kubectl.apply([quota], cluster.namespace)
    # Kubernetes' own controller has backed off by now, and would try again within a quarter of an hour; an event makes it look at once.
    kubectl("annotate", "statefulset", cluster.name, "-n", cluster.namespace, "example.com/looked-at=yes")
    cluster.wait_until_settled(180)


def test_pods_that_no_node_has_room_for(cluster: ConsensusCluster, audit: Audit | None) -> None:
    cluster.apply({"resources": {"requests": {"cpu": "500"}}})
    said = cluster.wait_for("Degraded", "PodTrouble")
    assert "Unschedulable" in said.message and "Insufficient cpu" in said.message
    stays_calm(audit, cluster)
    # Nothing has ever run, and so nothing is risked by replacing all of it.
    cluster.apply({"resources": {"requests": {"cpu": "10m"}}})
    cluster.wait_until_settled()


@pytest.mark.parametrize("reference", ["localhost/no-such-image:1", "localhost/quorate:no-such-tag"])
def test_an_image_that_cannot_be_pulled(cluster: ConsensusCluster, audit: Audit | None, reference: str) -> None:
    cluster.apply({"image": {"reference": reference}})
    said = cluster.wait_for("Degraded", "PodTrouble")
    assert reference in said.message
    stays_calm(audit, cluster)
    cluster.apply({"image": {"reference": cluster.target.image}})
    cluster.wait_until_settled()


def test_an_image_that_cannot_be_pulled_costs_a_running_cluster_one_pod_at_most(cluster: ConsensusCluster) -> None:
    cluster.apply({})
    cluster.wait_until_settled()
    cluster.start_client()
    cluster.put("kept", "before")
    cluster.patch({"image": {"reference": "localhost/no-such-image:2"}})
    said = cluster.wait_for("Degraded", "PodTrouble")
    assert "no-such-image:2" in said.message
    assert cluster.condition("Available").true
    time.sleep(QUIET_S)
    running = [pod for pod in cluster.pods() if all(each["ready"] for each in pod["status"]["containerStatuses"])]
    assert len(running) == 2, "the gate is closed while one is away"
    assert cluster.get("kept") == "before"
    cluster.patch({"image": {"reference": ""}})
    cluster.wait_until_settled()
    assert cluster.get("kept") == "before"


def test_a_secret_that_is_missing(cluster: ConsensusCluster, audit: Audit | None, installation: Installation) -> None:
    cluster.apply({"tls": {"mode": "Secret", "secretName": "nobody-made-it"}})

    def said() -> str:
        return cluster.condition("Degraded").message

    eventually("the missing Secret is named", lambda: "" if "nobody-made-it" in said() else f"it says {said()}", 60)
    stays_calm(audit, cluster)
    assert installation.holder(), "and the operator works on"
