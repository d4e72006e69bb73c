"""The operator dies before and after everything that it does, and the world ends as the resource says."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from tests.kubernetes.consensus_cluster import ConsensusCluster
from tests.kubernetes.kubectl import eventually
from tests.kubernetes.operator_process import OperatorProcess
from tests.kubernetes.target import Target

SPEC: dict[str, Any] = {"replicas": 3, "storage": {"retention": "Delete"}}
RESOURCES = {"limits": {"memory": "512Mi"}}
PHASES: tuple[tuple[str, Mapping[str, Any], tuple[str, ...]], ...] = (
    ("made", {}, ("children", "workload", "founding", "record", "volumes")),
    ("grown", {"replicas": 4}, ("scale-up",)),
    ("shrunk", {"replicas": 3}, ("scale-down", "surplus-pods", "dead-volumes")),
    ("changed", {"resources": RESOURCES, "limits": {"watchesMax": 100}}, ("template", "restart", "old-settings")),
    ("asleep", {"hibernated": True}, ("hibernation",)),
    ("awake", {"hibernated": False}, ("hibernation",)),
)
"""What is asked for, and the steps that do something then. `promotion` is the node's own work, and comes first there; volumes that can
grow need a driver that no test cluster here has."""
CRASH_TIMEOUT_S = 90.0


@pytest.mark.timeout(1500)
def test_it_may_die_before_and_after_every_step(target: Target, namespace: str, operator: OperatorProcess) -> None:
    cluster = ConsensusCluster(target, namespace)
    cluster.apply(SPEC)
    cluster.start_client()
    for name, change, steps in PHASES:
        if change:
            cluster.patch(change)
        for place in [f"{step}.{when}" for step in steps for when in ("before", "after")]:
            operator.start(crash_at=place)
            operator.wait_for_crash(CRASH_TIMEOUT_S)
        operator.start()
        if name == "asleep":
            cluster.wait_for("Available", "Hibernated", true=False)
            eventually("no pod is left", lambda: "" if not cluster.pods() else "there are pods", 60)
        else:
            cluster.wait_until_settled(180)
        operator.kill()
        if name == "made":
            cluster.put("kept", "through all of it")
    operator.start()
    cluster.wait_until_settled(180)
    assert cluster.get("kept") == "through all of it"
    founded = [event for event in cluster.events() if event["reason"] == "Founding" and "makes a cluster" in event["message"]]
    assert len(founded) <= 1, "it is never founded twice"
    assert operator.stop() == 0
