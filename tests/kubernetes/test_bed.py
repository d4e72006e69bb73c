"""The cluster itself: what the other tests stand on."""

from __future__ import annotations

import json
from functools import partial

import pytest

from tests.kubernetes.bed.bed import Bed
from tests.kubernetes.bed.kwok import TAINT
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


def unknown(kubectl: Kubectl, namespace: str, asked: str, name: str, addresses: list[str]) -> str:
    """DNS knows a pod a moment after it is ready."""
    try:
        found = kubectl.execute(namespace, asked, "python3", "-c", RESOLVE, name).split()
    except KubectlFailure as failure:
        return str(failure)
    return "" if found == addresses else f"{name} is {found}"


def test_three_pods_of_a_stateful_set_have_a_volume_each_and_find_each_other_by_name(
    kubectl: Kubectl, target: Target, namespace: str
) -> None:
    sleepers(kubectl, target, namespace)
    addresses = {pod["metadata"]["name"]: pod["status"]["podIP"] for pod in kubectl.list("pods", namespace)}
    for asked in PODS:
        for name in PODS:
            known = partial(unknown, kubectl, namespace, asked, f"{name}.sleepers.{namespace}.svc", [addresses[name]])
            eventually(f"{asked} finds {name}", known, 30)
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


def test_fake_nodes_beside_the_real_ones_run_only_what_tolerates_them(kubectl: Kubectl, target: Target, bed: Bed, namespace: str) -> None:
    bed.add_fake_nodes(10)
    try:
        pod = lone_pod("nothing", "no/such/image", ["true"])
        pod["spec"] |= {"nodeSelector": {"type": "kwok"}, "tolerations": [{"key": TAINT["key"], "operator": "Exists"}]}
        kubectl.apply([pod, lone_pod("real", target.image, SLEEP)], namespace)
        kubectl("wait", "-n", namespace, "--for=condition=Ready", "pod/nothing", "pod/real", "--timeout=60s", timeout_s=90)
        where = {each["metadata"]["name"]: each["spec"]["nodeName"] for each in kubectl.list("pods", namespace)}
        assert where["nothing"].startswith("fake-")
        assert where["real"] in {node.name for node in bed.nodes}
        kubectl("delete", "pod", "nothing", "-n", namespace)
    finally:
        bed.remove_fake_nodes()


def test_the_api_server_can_be_away_while_pods_go_on(kubectl: Kubectl, target: Target, bed: Bed, namespace: str) -> None:
    kubectl.apply([lone_pod("sleeper", target.image, SLEEP)], namespace)
    kubectl("wait", "-n", namespace, "--for=condition=Ready", "pod/sleeper", "--timeout=60s", timeout_s=90)
    identity = target.container_id(namespace, "sleeper", "main")
    with bed.api_server_away(), pytest.raises(KubectlFailure):
        kubectl("get", "nodes")
    eventually("the pod is seen again", lambda: "" if target.container_id(namespace, "sleeper", "main") == identity else "restarted", 30)


def test_a_cordoned_node_takes_no_new_pod(kubectl: Kubectl, target: Target, bed: Bed, namespace: str) -> None:
    first, second = (node.name for node in bed.nodes)
    kubectl("cordon", first)
    try:
        kubectl.apply([lone_pod(f"pod-{number}", target.image, SLEEP) for number in range(3)], namespace)
        names = [f"pod/pod-{number}" for number in range(3)]
        kubectl("wait", "-n", namespace, "--for=condition=Ready", *names, "--timeout=60s", timeout_s=90)
        assert {pod["spec"]["nodeName"] for pod in kubectl.list("pods", namespace)} == {second}
    finally:
        kubectl("uncordon", first)


def test_a_node_whose_kubelet_is_killed_turns_not_ready_and_comes_back(kubectl: Kubectl, bed: Bed) -> None:
    node = bed.nodes[1]
    node.kubelet.kill()
    try:
        eventually("it is not Ready", lambda: "it is" if condition(kubectl.get("node", node.name), "Ready") else "", 120)
    finally:
        node.kubelet.start()
    eventually("it is Ready", lambda: "" if condition(kubectl.get("node", node.name), "Ready") else "it is not", 60)


def test_who_asked_the_api_server_for_what_is_on_record(kubectl: Kubectl, bed: Bed, namespace: str) -> None:
    records = [json.loads(line) for line in bed.control_plane.audit_log.read_text().splitlines() if namespace in line]
    made = [each for each in records if each["verb"] in {"create", "patch"} and each["objectRef"]["resource"] == "namespaces"]
    assert {each["user"]["username"] for each in made} == {"admin"}
