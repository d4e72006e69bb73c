"""An API server that refuses because it has too much to do, connections that are cut, watches that say nothing any more."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.kubernetes.consensus_cluster import ConsensusCluster
from tests.kubernetes.installation import NAMESPACE, OPERATOR, Installation
from tests.kubernetes.kubectl import Kubectl, eventually
from tests.kubernetes.operator_process import OperatorProcess
from tests.kubernetes.proxy import Proxy, through
from tests.kubernetes.target import Target

SPEC: dict[str, Any] = {"replicas": 3, "storage": {"retention": "Delete"}}
NAME = "quorate-test-busy"
FLOW = "flowcontrol.apiserver.k8s.io/v1"
BUSY_S = 45.0
REQUESTS_S_MAX = 10.0
"""Refused ones, of two operators together: what a hot loop would pass a hundredfold."""
REJECTED = re.compile(rf'^apiserver_flowcontrol_rejected_requests_total{{flow_schema="{NAME}",.*}} (\S+)$', re.MULTILINE)


@pytest.fixture
def too_much_to_do(kubectl: Kubectl, installation: Installation) -> Iterator[None]:
    """Priority and fairness leave the chart's operator no seat of its own: the API server then serves one request at a time all the same,
    and answers every other one with 429."""
    no_seat = {"nominalConcurrencyShares": 0, "borrowingLimitPercent": 0, "limitResponse": {"type": "Reject"}}
    level = {
        "apiVersion": FLOW,
        "kind": "PriorityLevelConfiguration",
        "metadata": {"name": NAME},
        "spec": {"type": "Limited", "limited": no_seat},
    }
    subject = {"kind": "ServiceAccount", "serviceAccount": {"namespace": NAMESPACE, "name": OPERATOR}}
    resources = {"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"], "clusterScope": True, "namespaces": ["*"]}
    rules = [{"subjects": [subject], "resourceRules": [resources], "nonResourceRules": [{"verbs": ["*"], "nonResourceURLs": ["*"]}]}]
    schema = {
        "apiVersion": FLOW,
        "kind": "FlowSchema",
        "metadata": {"name": NAME},
        "spec": {"matchingPrecedence": 2, "priorityLevelConfiguration": {"name": NAME}, "rules": rules},
    }
    kubectl.apply([level, schema])
    yield
    kubectl("delete", "flowschema,prioritylevelconfiguration", NAME, "--ignore-not-found")


def rejected(kubectl: Kubectl) -> float:
    return sum(map(float, REJECTED.findall(kubectl("get", "--raw", "/metrics"))))


def restarts(installation: Installation) -> dict[str, int]:
    pods = installation.pods()
    return {pod["metadata"]["name"]: sum(each["restartCount"] for each in pod["status"]["containerStatuses"]) for pod in pods}


def missing_service(cluster: ConsensusCluster, uid: str) -> str:
    found = [each for each in cluster.kubectl.list("services", cluster.namespace) if each["metadata"]["name"] == cluster.name]
    return "" if found and found[0]["metadata"]["uid"] != uid else "the Service is not there"


def delete_service(cluster: ConsensusCluster) -> str:
    uid = str(cluster.kubectl.get("service", cluster.name, cluster.namespace)["metadata"]["uid"])
    cluster.kubectl("delete", "service", cluster.name, "-n", cluster.namespace)
    return uid


def test_refused_most_of_the_time_it_waits_as_it_is_asked_to_and_does_its_work(
    cluster: ConsensusCluster, installation: Installation, kubectl: Kubectl, request: pytest.FixtureRequest
) -> None:
    cluster.apply(SPEC)
    cluster.wait_until_settled()
    before = restarts(installation)
    request.getfixturevalue("too_much_to_do")
    eventually("requests are refused", lambda: "" if rejected(kubectl) else "none is", 60)
    counted, begun = rejected(kubectl), time.monotonic()
    uid = delete_service(cluster)
    eventually("the Service is made again", lambda: missing_service(cluster, uid), BUSY_S)
    time.sleep(max(0.0, BUSY_S - (time.monotonic() - begun)))
    refused_s = (rejected(kubectl) - counted) / (time.monotonic() - begun)
    assert 0 < refused_s < REQUESTS_S_MAX, f"{refused_s:.1f} requests a second were refused"
    retries = [installation.metrics(pod["metadata"]["name"])["quorate_operator_api_retries"] for pod in installation.pods()]
    assert sum(retries) > 0, "what was refused was sent again"
    kubectl("delete", "flowschema", NAME)
    cluster.wait_until_settled()
    assert restarts(installation) == before, "an operator that is refused is not a broken one"


@pytest.fixture
def proxy(target: Target) -> Iterator[Proxy]:
    made = Proxy(target.kubectl)
    yield made
    made.close()


@pytest.fixture
def proxied(operator: OperatorProcess, proxy: Proxy, tmp_path: Path) -> OperatorProcess:
    """An operator that reaches the API server through what the test holds in its hand."""
    operator.kubeconfig = str(through(proxy, operator.target.kubectl, tmp_path / "proxied"))
    return operator


def test_watches_and_calls_that_are_cut_again_and_again_begin_anew(
    target: Target, namespace: str, proxied: OperatorProcess, proxy: Proxy
) -> None:
    cluster = ConsensusCluster(target, namespace)
    cluster.apply(SPEC)
    proxied.start()
    cluster.wait_until_settled()
    for _ in range(3):
        proxy.cut()
        uid = delete_service(cluster)
        eventually("the Service is made again", lambda uid=uid: missing_service(cluster, uid), 20)
    proxy.refuse()
    uid, made, begun = delete_service(cluster), proxy.made, time.monotonic()
    time.sleep(20)
    connections_s = (proxy.made - made) / (time.monotonic() - begun)
    assert connections_s < 3 * REQUESTS_S_MAX, f"{connections_s:.1f} connections a second: a hot loop"
    proxy.accept()
    eventually("the Service is made again", lambda: missing_service(cluster, uid), 90)
    cluster.wait_until_settled()
    assert proxied.ended is None, proxied.tail()


def test_watches_that_say_nothing_any_more_are_made_up_for_by_the_tick(
    target: Target, namespace: str, proxied: OperatorProcess, proxy: Proxy
) -> None:
    """A connection that something in between has forgotten: neither end is told."""
    cluster = ConsensusCluster(target, namespace)
    cluster.apply(SPEC)
    proxied.start()
    cluster.wait_until_settled()
    proxy.mute()
    uid = delete_service(cluster)
    eventually("the Service is made again", lambda: missing_service(cluster, uid), 90)
    assert proxied.ended is None, proxied.tail()
