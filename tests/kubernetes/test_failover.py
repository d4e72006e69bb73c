"""Failover needs nobody: not the operator, not a resource that is not paused, not the API server."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.kubernetes.bed.bed import Bed
from tests.kubernetes.consensus_cluster import ConsensusCluster
from tests.kubernetes.kubectl import eventually
from tests.kubernetes.load import Load
from tests.kubernetes.operator_process import OperatorProcess
from tests.kubernetes.target import Target, kill_processes

FAILOVER_S_MAX = 1.0
CONTAINER = "quorate"


def _settled(target: Target, namespace: str, operator: OperatorProcess) -> tuple[ConsensusCluster, Load]:
    cluster, load = ConsensusCluster(target, namespace), Load(target, namespace)
    operator.start()
    cluster.apply({"replicas": 3, "storage": {"retention": "Delete"}})
    cluster.wait_until_settled()
    load.start()
    return cluster, load


def _judge(load: Load) -> None:
    report = load.stop()
    assert (report.failures, report.wrong) == ([], [])
    assert report.longest_pause_s <= FAILOVER_S_MAX, report.gaps


def _gone(cluster: ConsensusCluster, operator: OperatorProcess) -> None:
    operator.kill()


def _paused(cluster: ConsensusCluster, operator: OperatorProcess) -> None:
    cluster.patch({"paused": True})
    cluster.wait_for("Progressing", "Paused", true=False)


def _working(cluster: ConsensusCluster, operator: OperatorProcess) -> None:
    assert operator.ended is None


@pytest.mark.parametrize("meanwhile", [_working, _gone, _paused], ids=["operator works", "operator is gone", "resource is paused"])
def test_a_killed_leader_is_followed_within_a_second(
    target: Target, namespace: str, operator: OperatorProcess, meanwhile: Callable[[ConsensusCluster, OperatorProcess], None]
) -> None:
    cluster, load = _settled(target, namespace, operator)
    meanwhile(cluster, operator)
    assert target.kill_container(namespace, cluster.leader(), CONTAINER) > 0
    eventually("the killed one runs again", lambda: _all_ready(cluster), 60)
    _judge(load)


def _all_ready(cluster: ConsensusCluster) -> str:
    ready = [status["ready"] for pod in cluster.pods() for status in pod["status"].get("containerStatuses", [])]
    restarts = [status["restartCount"] for pod in cluster.pods() for status in pod["status"].get("containerStatuses", [])]
    return "" if ready == [True] * 3 and sum(restarts) == 1 else f"ready: {ready}, restarts: {restarts}"


def test_a_killed_leader_is_followed_within_a_second_with_the_api_server_away(
    target: Target, namespace: str, operator: OperatorProcess, bed: Bed
) -> None:
    cluster, load = _settled(target, namespace, operator)
    container = target.container_id(namespace, cluster.leader(), CONTAINER)
    with bed.api_server_away():
        assert kill_processes(container) > 0
    eventually("the killed one runs again", lambda: _all_ready(cluster), 90)
    _judge(load)
