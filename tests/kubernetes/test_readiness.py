"""Ready means a voter that has caught up: through an election it is, without a quorum it is not."""

from __future__ import annotations

from tests.kubernetes.built import CONTAINER, Built, build
from tests.kubernetes.kubectl import Kubectl, eventually
from tests.kubernetes.target import Target


def ready_since(built: Built, pod: str) -> str:
    """When it became ready, last; empty: it is not."""
    status = built.kubectl.get("pod", pod, built.namespace)["status"]
    return next((each["lastTransitionTime"] for each in status["conditions"] if each["type"] == "Ready" and each["status"] == "True"), "")


def test_an_election_takes_no_member_out_of_its_service(kubectl: Kubectl, target: Target, namespace: str) -> None:
    built = build(kubectl, target, namespace)
    built.bootstrap()
    old = built.leader()
    others = {pod: ready_since(built, pod) for pod in built.pods if pod != old}
    term = int(built.ask(old, "/v1/status")["term"])
    assert target.kill_container(namespace, old, CONTAINER) > 0
    eventually("there is another term", lambda: "" if all(_term(built, pod) > term for pod in others) else "not yet", 20)
    eventually("all are ready voters again", built.settled, 60)
    assert {pod: ready_since(built, pod) for pod in others} == others


def _term(built: Built, pod: str) -> int:
    return int(built.ask(pod, "/v1/status")["term"])


def test_a_member_without_a_quorum_is_not_ready_and_is_not_started_anew(kubectl: Kubectl, target: Target, namespace: str) -> None:
    built = build(kubectl, target, namespace)
    built.bootstrap()
    kubectl("scale", "statefulset", built.identity.name, "--replicas=1", "-n", namespace)
    alone = built.pods[0]
    eventually("it is not ready", lambda: "it is" if ready_since(built, alone) else "", 60)
    assert not built.ask(alone, "/v1/status")["errors"], "it is well, and so it is not started again"
    kubectl("scale", "statefulset", built.identity.name, "--replicas=3", "-n", namespace)
    eventually("all are ready voters again", built.settled, 90)
    restarts = {pod["metadata"]["name"]: pod["status"]["containerStatuses"][0]["restartCount"] for pod in kubectl.list("pods", namespace)}
    assert restarts[alone] == 0
