"""What others delete or change by hand comes back as it was, and what a cluster knows is never lost by it."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from tests.kubernetes.consensus_cluster import ConsensusCluster
from tests.kubernetes.kubectl import Document, Kubectl, KubectlFailure, eventually

SPEC = {"services": {"leader": {"enabled": True}}}
CHILDREN = "serviceaccounts,roles,rolebindings,configmaps,networkpolicies,services,endpointslices,poddisruptionbudgets"
OURS = "app.kubernetes.io/managed-by=quorate-operator"

EDITS: dict[str, list[dict[str, Any]]] = {
    "networkpolicy/kv": [{"op": "replace", "path": "/spec/ingress", "value": [{}]}],
    "service/kv": [{"op": "add", "path": "/spec/selector/app", "value": "somebody-else"}],
    "service/kv-members": [{"op": "replace", "path": "/spec/publishNotReadyAddresses", "value": False}],
    "poddisruptionbudget/kv": [{"op": "replace", "path": "/spec/maxUnavailable", "value": 3}],
    "rolebinding/kv": [{"op": "replace", "path": "/subjects", "value": []}],
    "role/kv-leader": [{"op": "replace", "path": "/rules", "value": []}],
}
"""By hand, of fields that the operator sets: JSON patches."""


def children(cluster: ConsensusCluster) -> dict[str, Document]:
    """By kind and name; what Kubernetes itself makes beside a Service is not counted."""
    found = cluster.kubectl.list(CHILDREN, cluster.namespace, f"quorate.io/cluster={cluster.name}")
    mine = [each for each in found if any(owner["kind"] == "ConsensusCluster" for owner in each["metadata"].get("ownerReferences", []))]
    return {f"{each['kind'].lower()}/{each['metadata']['name']}": each for each in mine}


def ready(cluster: ConsensusCluster) -> ConsensusCluster:
    cluster.apply(SPEC)
    cluster.wait_until_settled()
    cluster.start_client()
    cluster.put("kept", "before")
    return cluster


def test_every_child_that_is_deleted_comes_back(cluster: ConsensusCluster, kubectl: Kubectl) -> None:
    ready(cluster)
    before, pods = children(cluster), cluster.uids()
    assert len(before) >= 9
    # The founding records are kept for good: to make a cluster anew is a thing that only a person may decide.
    made_again = sorted(name for name, each in before.items() if not each.get("immutable") or "-node-" in name)
    kubectl("delete", "-n", cluster.namespace, *made_again)
    eventually("all are there again", lambda: _missing(cluster, made_again, before), 90)
    cluster.wait_until_settled()
    assert cluster.uids() == pods, "no pod was restarted for it"
    assert cluster.get("kept") == "before"


def _missing(cluster: ConsensusCluster, names: list[str], before: dict[str, Document]) -> str:
    now = children(cluster)
    old = [name for name in names if name not in now or now[name]["metadata"]["uid"] == before[name]["metadata"]["uid"]]
    return f"{', '.join(old)} not made again" if old else ""


def test_every_child_that_is_changed_by_hand_is_as_it_was(cluster: ConsensusCluster, kubectl: Kubectl) -> None:
    ready(cluster)
    before, pods = children(cluster), cluster.uids()
    assert set(EDITS) <= set(before)
    for name, patch in EDITS.items():
        kubectl("patch", "-n", cluster.namespace, name, "--type=json", "-p", json.dumps(patch))
    fields = ("spec", "rules", "subjects", "data")
    compared = {name: {field: before[name].get(field) for field in fields} for name in EDITS}

    def missing() -> str:
        now = children(cluster)
        wrong = [name for name in EDITS if {field: now[name].get(field) for field in fields} != compared[name]]
        return f"{', '.join(wrong)} not as before" if wrong else ""

    eventually("all are as they were", missing, 90)
    cluster.wait_until_settled()
    assert cluster.uids() == pods


def changed(cluster: ConsensusCluster, what: str, act: Callable[[], object]) -> None:
    """`act`, then until the cluster is whole again, with what it knew."""
    act()
    eventually(f"{what}: three pods are ready", lambda: _three_ready(cluster), 120)
    cluster.wait_until_settled()
    assert cluster.get("kept") == "before"


def _three_ready(cluster: ConsensusCluster) -> str:
    pods = [pod for pod in cluster.pods() if "deletionTimestamp" not in pod["metadata"]]
    ready = [pod for pod in pods if all(each["ready"] for each in pod["status"].get("containerStatuses", [{"ready": False}]))]
    return "" if len(ready) == 3 else f"{len(ready)} are"


def test_the_stateful_set_deleted_or_changed_by_hand(cluster: ConsensusCluster, kubectl: Kubectl) -> None:
    ready(cluster)
    where = ("-n", cluster.namespace)
    pods = cluster.uids()
    changed(cluster, "deleted, its pods left", lambda: kubectl("delete", "statefulset", cluster.name, "--cascade=orphan", *where))
    assert cluster.uids() == pods, "its pods were taken over"
    changed(cluster, "deleted with its pods", lambda: kubectl("delete", "statefulset", cluster.name, "--cascade=foreground", *where))
    assert not set(cluster.uids().values()) & set(pods.values())
    changed(cluster, "scaled down by hand", lambda: kubectl("scale", "statefulset", cluster.name, "--replicas=1", *where))
    pods = cluster.uids()
    patch = [{"op": "replace", "path": "/spec/template/spec/containers/0/image", "value": "localhost/somebody-elses:1"}]
    changed(
        cluster, "its image changed", lambda: kubectl("patch", "statefulset", cluster.name, *where, "--type=json", "-p", json.dumps(patch))
    )
    assert cluster.uids() == pods, "the wrong image was never started"


def test_a_volume_claim_deleted_by_hand(cluster: ConsensusCluster, kubectl: Kubectl) -> None:
    """Its member is gone for good; that nobody may decide but a person, and then it is replaced."""
    ready(cluster)
    follower = next(each for each in cluster.status()["members"] if each["role"] == "follower")
    pod, where = follower["pod"], ("-n", cluster.namespace)
    kubectl("delete", "persistentvolumeclaim", f"data-{pod}", "--wait=false", *where)
    kubectl("delete", "pod", pod, *where)

    def missing() -> str:
        try:
            uid = kubectl.get("pod", pod, cluster.namespace)["metadata"]["uid"]
        except KubectlFailure:
            return "no pod"
        return "" if uid and cluster.condition("Degraded").true and cluster.condition("Available").true else "no word of it"

    eventually("the loss is told while the others serve", missing, 60)
    assert cluster.get("kept") == "before"
    cluster.patch({"lostMembers": [follower["memberId"]]})
    cluster.wait_until_settled(180)
    members = cluster.status()["members"]
    assert len(members) == 3 and follower["memberId"] not in {each["memberId"] for each in members}
    assert cluster.get("kept") == "before"
