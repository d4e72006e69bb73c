"""Members find each other by their EndpointSlices, by DNS where those are not told, and need neither to keep a quorum."""

from __future__ import annotations

import json
import time
import urllib.request
from collections.abc import Callable

from quorate_operator.objects.identity import API_PORT
from tests.kubernetes.bed.bed import Bed
from tests.kubernetes.built import CONTAINER, NO_DNS, Built, build
from tests.kubernetes.kubectl import Kubectl, eventually
from tests.kubernetes.target import Target, kill_processes


def says(built: Built, pod: str, text: str) -> str:
    return "" if any(text in line.message for line in built.log(pod)) else f"{pod} has not said {text!r}"


def address(kubectl: Kubectl, namespace: str, pod: str) -> str:
    return str(kubectl.get("pod", pod, namespace)["status"].get("podIP", ""))


def test_without_any_dns_three_pods_become_a_cluster_and_find_one_that_moves(kubectl: Kubectl, target: Target, namespace: str) -> None:
    built = build(kubectl, target, namespace, podTemplate=NO_DNS)
    built.bootstrap()
    assert not says(built, "orders-1", "members by their EndpointSlices")
    follower = next(pod for pod in built.pods if pod != built.leader())
    before = address(kubectl, namespace, follower)
    built.quorate(built.leader(), "put", "kept", "yes")
    kubectl("delete", "pod", follower, "-n", namespace)
    eventually("it has another address", lambda: "" if address(kubectl, namespace, follower) not in ("", before) else before, 60)
    eventually("all are ready voters again", built.settled, 60)
    assert built.quorate(follower, "get", "kept").strip() == "yes"


def test_whoever_may_not_read_slices_finds_the_others_by_dns_and_says_why(kubectl: Kubectl, target: Target, namespace: str) -> None:
    built = build(kubectl, target, namespace, allowed=False)
    built.bootstrap()
    assert not says(built, "orders-1", "403 Forbidden")
    kubectl.apply([role_binding(built)], namespace)
    eventually("it reads them as soon as it may", lambda: says(built, "orders-1", "members by their EndpointSlices"), 30)


def role_binding(built: Built) -> dict[str, object]:
    subject = {"kind": "ServiceAccount", "name": built.identity.name, "namespace": built.namespace}
    role = {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "quorate-member"}
    return {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "RoleBinding",
        "metadata": {"name": "late"},
        "roleRef": role,
        "subjects": [subject],
    }


def test_with_the_api_server_away_a_killed_leader_is_followed_in_a_second_and_comes_back(
    kubectl: Kubectl, target: Target, namespace: str, bed: Bed
) -> None:
    built = build(kubectl, target, namespace)
    built.bootstrap()
    old = built.leader()
    container = target.container_id(namespace, old, CONTAINER)
    addresses = {pod: address(kubectl, namespace, pod) for pod in built.pods}
    with bed.api_server_away():
        assert kill_processes(container) > 0
        others = [pod for pod in built.pods if pod != old]
        took_s = until(lambda: any(role(addresses[pod]) == "leader" for pod in others), 10)
        print(f"re-elected after {took_s:.3f} s")
        assert took_s < 1
        until(lambda: role(addresses[old]) == "follower", 60)
    eventually("all are ready voters again", built.settled, 60)


def role(address: str) -> str:
    """What the member at this address says it is; empty: it says nothing. Without the API server between."""
    try:
        with urllib.request.urlopen(f"http://{address}:{API_PORT}/v1/status", timeout=0.5) as answer:
            return str(json.load(answer)["role"])
    except (OSError, ValueError):
        return ""


def until(condition: Callable[[], bool], within_s: float) -> float:
    """Seconds until it holds. Raises `AssertionError`."""
    begun = time.monotonic()
    while not condition():
        assert time.monotonic() - begun < within_s, f"not within {within_s:g} s"
        time.sleep(0.01)
    return time.monotonic() - begun
