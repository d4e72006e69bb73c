"""The operator dies before and after everything that it does, and the world ends as the resource says."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.kubernetes.consensus_cluster import ConsensusCluster
from tests.kubernetes.crash_walk import CERTIFICATES, LIFE, Phase
from tests.kubernetes.installation import REPLICAS, Installation
from tests.kubernetes.kubectl import eventually
from tests.kubernetes.operator_process import OperatorProcess
from tests.kubernetes.target import Target

SPEC: dict[str, Any] = {"replicas": 3, "storage": {"retention": "Delete"}}
ISSUED: dict[str, Any] = {**SPEC, "replicas": 1, "tls": {"mode": "Operator"}}
CRASH_TIMEOUT_S = 90.0
CA_TIMEOUT_S = 300.0
"""A kubelet brings a changed bundle to its pods within a minute and a half."""


def walk(cluster: ConsensusCluster, operator: OperatorProcess, phase: Phase, crash_timeout_s: float = CRASH_TIMEOUT_S) -> None:
    """Dies at every place of the phase; then one that lives ends it, and goes on living."""
    operator.kill()
    change = phase.change(cluster)
    if change:
        cluster.patch(change)
    for place in phase.places:
        operator.start(crash_at=place)
        operator.wait_for_crash(crash_timeout_s)
    operator.start()
    if change.get("hibernated"):
        cluster.wait_for("Available", "Hibernated", true=False)
        eventually("no pod is left", lambda: "" if not cluster.pods() else "there are pods", 60)
    else:
        cluster.wait_until_settled(180)


@pytest.mark.timeout(2400)
def test_it_may_die_before_and_after_every_step(target: Target, namespace: str, operator: OperatorProcess) -> None:
    cluster = ConsensusCluster(target, namespace)
    cluster.apply(SPEC)
    cluster.start_client()
    made, *later = LIFE
    walk(cluster, operator, made)
    cluster.put("kept", "through all of it")
    for phase in later:
        walk(cluster, operator, phase)
    assert cluster.get("kept") == "through all of it"
    founded = [event for event in cluster.events() if event["reason"] == "Founding" and "makes a cluster" in event["message"]]
    assert len(founded) <= 1, "it is never founded twice"
    assert operator.stop() == 0


@pytest.fixture
def issuer(target: Target, namespace: str, installation: Installation, reaches_pods: None, tmp_path: Path) -> Iterator[OperatorProcess]:
    """Of the whole cluster, since requests for certificates belong to no namespace: in the place of the chart's."""
    made = OperatorProcess(target, namespace, tmp_path / "operator.log", watched="")
    installation.scale(0)
    yield made
    made.kill()
    installation.scale(REPLICAS)


@pytest.mark.timeout(2400)
def test_it_may_die_while_it_issues_certificates_and_replaces_its_authority(
    target: Target, namespace: str, issuer: OperatorProcess
) -> None:
    cluster = ConsensusCluster(target, namespace)
    cluster.apply(ISSUED)
    for phase in CERTIFICATES:
        walk(cluster, issuer, phase, CA_TIMEOUT_S)
    bundle = cluster.kubectl.get("configmap", f"{cluster.name}-ca", namespace)["data"]["ca.crt"]
    assert bundle.count("BEGIN CERTIFICATE") == 1, "the old CA is gone, and there is one new one"
    secrets = [secret["metadata"]["name"] for secret in cluster.kubectl.list("secrets", namespace)]
    assert len([name for name in secrets if name.startswith("quorate-ca-")]) == 1
