"""The cluster itself: what the other tests stand on."""

from __future__ import annotations

import json

import pytest

from tests.kubernetes.bed.bed import Bed
from tests.kubernetes.kubectl import Kubectl, KubectlFailure, condition, eventually
from tests.kubernetes.target import Target
from tests.kubernetes.workload import lone_pod, service, stateful_set

SLEEP = ["python3", "-c", "import signal; signal.signal(signal.SIGTERM, lambda *_: exit(0)); signal.pause()"]
RESOLVE = "import socket, sys; print(*sorted({each[4][0] for each in socket.getaddrinfo(sys.argv[1], 80, type=socket.SOCK_STREAM)}))"
WRITE = "from pathlib import Path; import sys; Path('/data/mark').write_text(sys.argv[1])"
READ = "from pathlib import Path; print(Path('/data/mark').read_text())"
PODS = ["sleepers-0", "sleepers-1", "sleepers-2"]


def ready_replicas(kubectl: Kubectl, namespace: str, name: str, wanted: int) -> str:
    ready = kubectl.get("statefulset", name, namespace)["status"].get("readyReplicas", 0)
    return "" if ready == wanted else f"{ready} of {wanted} pods are ready"


def sleepers(kubectl: Kubectl, target: Target, namespace: str) -> None:
    container = {
        "name": "main",
        "image": target.image,
        "command": SLEEP,
        "volumeMounts": [{"name": "data", "mountPath": "/data"}],
    }
    objects = [service("sleepers", {"any": 80}, headless=True, select="sleepers"), stateful_set("sleepers", "sleepers", container)]
    kubectl.apply(objects, namespace)
    eventually("three pods are ready", lambda: ready_replicas(kubectl, namespace, "sleepers", 3), 120)


def test_every_node_is_ready_and_in_a_zone_of_its_own(kubectl: Kubectl, bed: Bed) -> None:
    nodes = kubectl.list("nodes")
    assert [node["metadata"]["name"] for node in nodes if condition(node, "Ready")] == [node.name for node in bed.nodes]
    assert len({node["metadata"]["labels"]["topology.kubernetes.io/zone"] for node in nodes}) == len(nodes)


def test_the_server_says_its_real_version(kubectl: Kubectl, bed: Bed) -> None:
    assert json.loads(kubectl("version", "-o", "json"))["serverVersion"]["minor"] == "34"


def test_three_pods_of_a_stateful_set_have_a_volume_each_and_find_each_other_by_name(
    kubectl: Kubectl, target: Target, namespace: str
) -> None:
    sleepers(kubectl, target, namespace)
    addresses = {pod["metadata"]["name"]: pod["status"]["podIP"] for pod in kubectl.list("pods", namespace)}
    for asked in PODS:
        for name in PODS:
            found = kubectl.execute(namespace, asked, "python3", "-c", RESOLVE, f"{name}.sleepers.{namespace}.svc").split()
            assert found == [addresses[name]]
    everyone = kubectl.execute(namespace, PODS[0], "python3", "-c", RESOLVE, "sleepers").split()
    assert sorted(everyone) == sorted(addresses.values())


def test_a_pod_that_is_deleted_comes_back_on_its_volume(kubectl: Kubectl, target: Target, namespace: str) -> None:
    sleepers(kubectl, target, namespace)
    for name in PODS:
        kubectl.execute(namespace, name, "python3", "-c", WRITE, f"of {name}")
    before = kubectl.get("pod", PODS[1], namespace)
    kubectl("delete", "pod", PODS[1], "-n", namespace)
    eventually("three pods are ready again", lambda: ready_replicas(kubectl, namespace, "sleepers", 3), 60)
    after = kubectl.get("pod", PODS[1], namespace)
    assert after["metadata"]["uid"] != before["metadata"]["uid"]
    assert kubectl.execute(namespace, PODS[1], "python3", "-c", READ).strip() == f"of {PODS[1]}"


def test_a_pod_that_may_do_more_than_restricted_allows_is_refused(kubectl: Kubectl, target: Target, namespace: str) -> None:
    pod = lone_pod("wild", target.image, SLEEP)
    del pod["spec"]["securityContext"]["runAsNonRoot"]
    with pytest.raises(KubectlFailure, match="runAsNonRoot"):
        kubectl.apply([pod], namespace)
