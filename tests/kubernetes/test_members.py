"""The project's image as a StatefulSet, by hand: what an operator will do is possible, and the node feels at home in a pod."""

from __future__ import annotations

import json
from dataclasses import dataclass

import pytest

from tests.kubernetes.bed.bed import Bed
from tests.kubernetes.kubectl import Kubectl, eventually
from tests.kubernetes.target import Target
from tests.kubernetes.workload import (
    CLIENT_PORT,
    DATA,
    PEER_PORT,
    Object,
    lone_pod,
    quorate_container,
    service,
    stateful_set,
)

NAME = "quorate"
PODS = [f"{NAME}-{number}" for number in range(3)]
IDLE = ["python3", "-c", "import time; time.sleep(86400)"]
BOOTSTRAP = """
import json, sys, urllib.request
url, token = sys.argv[1:]
request = urllib.request.Request(url + "/v1/bootstrap", json.dumps({"token": token}).encode(), {"content-type": "application/json"})
print(urllib.request.urlopen(request, timeout=30).read().decode())
"""
CONFIGURATION = """
[member]
data_dir = "{data}/member"

[listen]
host = "0.0.0.0"
port = {client_port}
peer_port = {peer_port}

[logging]
format = "json"

[discovery]
{discovery}
"""


@dataclass(frozen=True)
class Members:
    """A cluster of three pods, and a pod beside it to ask from."""

    kubectl: Kubectl
    target: Target
    namespace: str

    @property
    def urls(self) -> str:
        return ",".join(f"http://{pod}.{NAME}.{self.namespace}.svc:{CLIENT_PORT}" for pod in PODS)

    def quorate(self, *arguments: str, endpoints: str = "") -> str:
        where = endpoints or self.urls
        return self.kubectl.execute(self.namespace, "client", "quorate", "--endpoints", where, "--timeout", "30s", *arguments, timeout_s=90)

    def leader(self) -> str:
        """Name of the leader's pod."""
        url: str = json.loads(self.quorate("leader", "-o", "json"))["client_url"]
        return url.removeprefix("http://").split(".")[0]

    def voters(self) -> list[str]:
        listed = json.loads(self.quorate("members", "list", "-o", "json"))
        return sorted(each["name"] for each in listed["members"] if each["role"] == "voter")

    def ready(self) -> str:
        count = self.kubectl.get("statefulset", NAME, self.namespace)["status"].get("readyReplicas", 0)
        return "" if count == len(PODS) else f"{count} of {len(PODS)} pods are ready"

    def settled(self) -> str:
        """Empty when all three are ready voters."""
        return self.ready() or ("" if self.voters() == PODS else f"voters are {self.voters()}")


def start(kubectl: Kubectl, target: Target, namespace: str, discovery: str) -> Members:
    configuration = CONFIGURATION.format(data=DATA, client_port=CLIENT_PORT, peer_port=PEER_PORT, discovery=discovery)
    container = quorate_container(target.image, NAME, namespace)
    volume: Object = {"name": "configuration", "configMap": {"name": NAME}}
    ports = {"client": CLIENT_PORT, "peer": PEER_PORT}
    kubectl.apply(
        [
            {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": NAME}, "data": {"quorate.toml": configuration}},
            service(NAME, ports, headless=True, select=NAME),
            service(f"{NAME}-client", {"client": CLIENT_PORT}, select=NAME),
            stateful_set(NAME, NAME, container, volumes=[volume]),
            lone_pod("client", target.image, IDLE),
        ],
        namespace,
    )
    kubectl("wait", "-n", namespace, "--for=condition=Ready", "pod/client", "--timeout=60s", timeout_s=90)
    return Members(kubectl, target, namespace)


def bootstrap(members: Members) -> None:
    """By one call to one member that has started, as often as it takes to be answered: it is idempotent."""
    first = f"http://{PODS[0]}.{NAME}.{members.namespace}.svc:{CLIENT_PORT}"

    def missing() -> str:
        members.kubectl.execute(members.namespace, "client", "python3", "-c", BOOTSTRAP, first, "token of the test")
        return ""

    eventually("the first member is bootstrapped", missing, 60)
    eventually("three voters are ready", members.settled, 120)


def by_dns(namespace: str) -> str:
    return f'kind = "dns"\ndns_name = "{NAME}.{namespace}.svc"\ndns_port = {PEER_PORT}'


def by_list(namespace: str) -> str:
    peers = ", ".join(f'"http://{pod}.{NAME}.{namespace}.svc:{PEER_PORT}"' for pod in PODS)
    return f'kind = "static"\npeers = [{peers}]'


@pytest.mark.parametrize("discovery", [by_dns, by_list], ids=["by dns", "by list"])
def test_three_pods_become_a_cluster_that_the_service_reaches(kubectl: Kubectl, target: Target, namespace: str, discovery: object) -> None:
    assert callable(discovery)
    members = start(kubectl, target, namespace, discovery(namespace))
    eventually("the first pod runs", lambda: _started(kubectl, namespace), 60)
    assert members.ready(), "a member of no cluster is not ready"
    bootstrap(members)
    service_url = f"http://{NAME}-client.{namespace}.svc:{CLIENT_PORT}"
    members.quorate("put", "greeting", "hello", endpoints=service_url)
    assert members.quorate("get", "greeting", endpoints=service_url).strip() == "hello"
    restarts = [status["restartCount"] for pod in kubectl.list("pods", namespace) for status in pod["status"]["containerStatuses"]]
    assert restarts == [0, 0, 0, 0], "no probe was impatient"


def _started(kubectl: Kubectl, namespace: str) -> str:
    statuses = kubectl.get("pod", PODS[0], namespace)["status"].get("containerStatuses", [])
    return "" if statuses and statuses[0].get("started") else "its startup probe has not passed"


def test_a_leader_that_is_killed_is_followed_by_another(kubectl: Kubectl, target: Target, namespace: str, bed: Bed) -> None:
    members = start(kubectl, target, namespace, by_dns(namespace))
    bootstrap(members)
    members.quorate("put", "kept", "before the kill")
    old = members.leader()
    assert target.kill_container(namespace, old, NAME) > 0

    def missing() -> str:
        leader = members.leader()
        return f"{leader} still leads" if leader == old else ""

    eventually("another member leads", missing, 30)
    assert members.quorate("get", "kept").strip() == "before the kill"
    eventually("the killed one is back", members.settled, 60)

    def unsaid() -> str:
        """The kubelet tells of it when it comes to it: the member itself is heard of sooner."""
        status = kubectl.get("pod", old, namespace)["status"]["containerStatuses"][0]
        killed = status["restartCount"] == 1 and status["lastState"].get("terminated", {}).get("exitCode") == 137
        return "" if killed else f"{status['restartCount']} restarts, last state {status['lastState']}"

    eventually("its pod's status says that it was killed and started again, once", unsaid, 30)


def test_a_pod_that_is_deleted_leaves_in_order_and_comes_back_as_the_same_member(kubectl: Kubectl, target: Target, namespace: str) -> None:
    """With another address, which the others find by its name."""
    members = start(kubectl, target, namespace, by_list(namespace))
    bootstrap(members)
    members.quorate("put", "kept", "before the deletion")
    leader = members.leader()
    before, ids = kubectl.get("pod", leader, namespace), _ids(members)
    kubectl("delete", "pod", leader, "-n", namespace)
    eventually("it is another pod", lambda: _is_another(kubectl, namespace, leader, before["metadata"]["uid"]), 60)
    eventually("three voters are ready again", members.settled, 90)
    after = kubectl.get("pod", leader, namespace)
    assert after["spec"]["nodeName"] == before["spec"]["nodeName"], "it stays with its volume"
    assert _ids(members) == ids, "it is the same member"
    assert members.quorate("get", "kept").strip() == "before the deletion"


def _ids(members: Members) -> dict[str, str]:
    listed = json.loads(members.quorate("members", "list", "-o", "json"))
    return {each["name"]: each["member_id"] for each in listed["members"]}


def _is_another(kubectl: Kubectl, namespace: str, pod: str, uid: str) -> str:
    return "" if kubectl.get("pod", pod, namespace)["metadata"]["uid"] != uid else "the old pod is still there"
