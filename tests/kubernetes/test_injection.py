"""A label on a pod of somebody else's: a member that never votes comes with it and goes with it, and the pod starts in any case."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

from tests.kubernetes.consensus_cluster import IDLE, ConsensusCluster
from tests.kubernetes.installation import Installation
from tests.kubernetes.kubectl import Document, KubectlFailure, eventually
from tests.kubernetes.target import Target
from tests.kubernetes.workload import CLIENT_PORT, lone_pod

LABEL = "quorate.io/inject"
ANNOTATION = "quorate.io/injection"
APP = "web"
REMOVED_AFTER_S = 30
PROMOTIONS_S = 10.0
"""A learner that has caught up is due for promotion once in an election timeout, of half a second."""
LOCAL = f"http://127.0.0.1:{CLIENT_PORT}"


@pytest.fixture
def cluster(target: Target, installation: Installation, namespace: str) -> ConsensusCluster:
    """Three members, settled, and a pod to ask from."""
    made = ConsensusCluster(target, namespace)
    made.apply({"replicas": 3, "storage": {"retention": "Delete"}, "injection": {"removeAfterSeconds": REMOVED_AFTER_S}})
    made.wait_until_settled()
    made.start_client()
    return made


def labelled(cluster: ConsensusCluster, **container: Any) -> Document:
    """A pod's template of the user's own, that asks for a member of the cluster."""
    pod = lone_pod(APP, cluster.target.image, IDLE)
    pod["metadata"] = {"labels": {"app": APP, LABEL: cluster.name}}
    pod["spec"]["containers"][0] |= {"name": APP, **container}
    pod["spec"].pop("restartPolicy")
    return {"metadata": pod["metadata"], "spec": pod["spec"]}


def deploy(cluster: ConsensusCluster, replicas: int) -> None:
    spec = {"replicas": replicas, "selector": {"matchLabels": {"app": APP}}, "template": labelled(cluster)}
    cluster.kubectl.apply([{"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": APP}, "spec": spec}], cluster.namespace)


def users_pods(cluster: ConsensusCluster) -> list[Document]:
    return [pod for pod in cluster.kubectl.list("pods", cluster.namespace, f"app={APP}") if "deletionTimestamp" not in pod["metadata"]]


def members(cluster: ConsensusCluster) -> dict[str, str]:
    """Roles by name, as the leader lists them."""
    found = json.loads(cluster.quorate("-o", "json", "members", "list"))["members"]
    return {str(each["name"]): str(each["role"]) for each in found}


def injection(cluster: ConsensusCluster) -> Document:
    found: Document = cluster.status().get("injection", {})
    return found


def ready(pod: Document) -> bool:
    return any(each["type"] == "Ready" and each["status"] == "True" for each in pod["status"].get("conditions", []))


def test_a_deployments_pods_get_members_that_never_vote_and_take_them_along(cluster: ConsensusCluster) -> None:
    cluster.put("k", "v")
    before = cluster.uids()
    deploy(cluster, 2)
    eventually("both have a member", lambda: "" if injection(cluster).get("members") == 2 else f"{injection(cluster)}", 120)
    assert (injection(cluster)["pods"], injection(cluster)["missing"]) == (2, [])
    pods = users_pods(cluster)
    eventually("both are ready", lambda: "" if all(map(ready, users_pods(cluster))) else "not yet", 30)
    names = {f"{pod['metadata']['name']}.{pod['metadata']['uid']}" for pod in pods}
    roles = members(cluster)
    assert {name for name, role in roles.items() if role == "non-voting"} == names
    assert all(pod["metadata"]["annotations"][ANNOTATION] == "injected" for pod in pods)
    # A stale read is its own copy's, and no other pod is asked.
    name = str(pods[0]["metadata"]["name"])
    stale = ("quorate", "--endpoints", LOCAL, "--consistency", "stale", "get", "k")

    def missing() -> str:
        try:
            found = cluster.kubectl.execute(cluster.namespace, name, *stale, container=APP).strip()
        except KubectlFailure as failure:
            return str(failure)
        return "" if found.endswith("v") else found

    eventually("it reads from the member beside it", missing, 30)
    with pytest.raises(KubectlFailure, match="is non-voting and is never promoted"):
        cluster.quorate("members", "promote", min(names))
    time.sleep(PROMOTIONS_S)
    assert members(cluster) == roles, "and nobody promotes it"
    assert cluster.settled() == ""
    token = "cat /var/run/secrets/kubernetes.io/serviceaccount/token"
    with pytest.raises(KubectlFailure, match="No such file"):
        cluster.kubectl.execute(cluster.namespace, name, *token.split(), container="quorate")
    cluster.kubectl("delete", "deployment", APP, "-n", cluster.namespace, "--timeout=60s", timeout_s=90)
    eventually("their members have left", lambda: "" if len(members(cluster)) == 3 else f"{members(cluster)}", 120 + REMOVED_AFTER_S)
    cluster.wait_until_settled()
    assert cluster.uids() == before and injection(cluster) == {"pods": 0, "members": 0, "missing": []}


def test_without_the_webhook_a_pod_starts_as_it_is_and_is_reported(cluster: ConsensusCluster, installation: Installation) -> None:
    taken = labelled(cluster, ports=[{"containerPort": CLIENT_PORT}])
    installation.scale(0)
    try:
        deploy(cluster, 1)
        eventually("the pod is ready without a member", lambda: "" if any(map(ready, users_pods(cluster))) else "not yet", 90)
        (pod,) = users_pods(cluster)
        assert "initContainers" not in pod["spec"] and ANNOTATION not in pod["metadata"].get("annotations", {})
    finally:
        installation.scale(2)
    name = str(pod["metadata"]["name"])

    def unreported() -> str:
        found = {each["pod"]: each["reason"] for each in injection(cluster).get("missing", [])}
        return "" if "no webhook has seen it" in found.get(name, "") else f"missing: {found}"

    eventually("the status names it", unreported, 120)
    assert cluster.settled() == "", "nothing of the cluster is wrong by that"
    told = [each for each in cluster.kubectl.list("events", cluster.namespace) if each["reason"] == "SidecarMissing"]
    assert {each["involvedObject"]["kind"] for each in told} == {"Pod", "ConsensusCluster"}
    # One that cannot have it starts too, and says why.
    alone = {"apiVersion": "v1", "kind": "Pod", **taken, "metadata": {**taken["metadata"], "name": "taken"}}
    cluster.kubectl.apply([alone], cluster.namespace)
    other = cluster.kubectl.get("pod", "taken", cluster.namespace)
    assert f"port {CLIENT_PORT}" in other["metadata"]["annotations"][ANNOTATION] and "initContainers" not in other["spec"]
    # The next pod gets its member.
    cluster.kubectl("delete", "pod", name, "-n", cluster.namespace, "--timeout=60s", timeout_s=90)
    eventually("the next one has its member", lambda: "" if injection(cluster).get("members") == 1 else f"{injection(cluster)}", 120)
    assert [each["pod"] for each in injection(cluster)["missing"]] == ["taken"]
