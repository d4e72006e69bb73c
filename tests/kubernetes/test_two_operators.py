"""Two operators at once: one works, the other takes over; and a Lease that was lost is no harm."""

from __future__ import annotations

import time
from pathlib import Path

from tests.kubernetes.consensus_cluster import ConsensusCluster
from tests.kubernetes.kubectl import eventually
from tests.kubernetes.operator_process import OperatorProcess
from tests.kubernetes.target import Target


def holder(target: Target, namespace: str) -> str:
    leases = target.kubectl.list("leases", namespace)
    return str(leases[0]["spec"].get("holderIdentity", "")) if leases else ""


def test_the_second_takes_over_at_once_when_the_first_leaves_in_order(
    target: Target, namespace: str, operator: OperatorProcess, tmp_path: Path
) -> None:
    second = OperatorProcess(target, namespace, tmp_path / "second.log", "second")
    cluster = ConsensusCluster(target, namespace)
    operator.start()
    eventually("the first holds the lease", lambda: "" if holder(target, namespace) == "first" else "nobody does", 20)
    second.start()
    try:
        cluster.apply({"storage": {"retention": "Delete"}})
        cluster.wait_until_settled()
        assert holder(target, namespace) == "first"
        assert operator.stop() == 0
        eventually("the second holds the lease", lambda: "" if holder(target, namespace) == "second" else "nobody does", 10)
        cluster.patch({"limits": {"watchesMax": 100}})
        cluster.wait_until_settled(180)
    finally:
        second.kill()


def test_it_ends_in_order_whatever_it_is_doing(target: Target, namespace: str, operator: OperatorProcess) -> None:
    """Requests of every turn are in flight when the signal comes, some of them about to find nothing."""
    cluster = ConsensusCluster(target, namespace)
    cluster.apply({"storage": {"retention": "Delete"}})
    for delay_s in (0.0, 0.1, 0.2, 0.3, 0.5, 0.8, 1.3, 2.1):
        operator.start()
        eventually("it holds the lease", lambda: "" if holder(target, namespace) == "first" else "nobody does", 20)
        time.sleep(delay_s)
        assert operator.stop() == 0, operator.tail()
        assert holder(target, namespace) == "", "the lease was not given back"


def test_one_that_slept_through_its_lease_undoes_nothing(target: Target, namespace: str, operator: OperatorProcess, tmp_path: Path) -> None:
    """It wakes in the middle of what it did, beside one that has gone on meanwhile."""
    second = OperatorProcess(target, namespace, tmp_path / "second.log", "second")
    cluster = ConsensusCluster(target, namespace)
    operator.start()
    cluster.apply({"replicas": 4, "storage": {"retention": "Delete"}})
    cluster.wait_until_settled()
    cluster.patch({"replicas": 3, "limits": {"watchesMax": 100}})
    eventually("it has begun", lambda: "" if len(cluster.pods()) < 4 else "four pods are there", 60)
    operator.pause()
    second.start()
    try:
        eventually("the second works", lambda: "" if holder(target, namespace) == "second" else "nobody does", 30)
        operator.go_on()
        cluster.wait_until_settled(240)
        names = [pod["metadata"]["name"] for pod in cluster.pods()]
        assert names == ["kv-0", "kv-1", "kv-2"]
        assert operator.ended is None, operator.tail()
        assert holder(target, namespace) == "second"
    finally:
        second.kill()
