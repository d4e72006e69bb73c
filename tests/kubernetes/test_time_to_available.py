"""How long a user waits for a new cluster of three, image present: from `kubectl apply` to Available, with and without TLS."""

from __future__ import annotations

import time
from statistics import median
from typing import Any

import pytest

from tests.kubernetes.consensus_cluster import ConsensusCluster
from tests.kubernetes.installation import Installation
from tests.kubernetes.kubectl import eventually
from tests.kubernetes.target import Target

TIMES = 3
AVAILABLE_S_MAX = 15.0


@pytest.mark.parametrize("mode", ["Disabled", "Operator"])
def test_a_new_cluster_is_available_within_fifteen_seconds(mode: str, target: Target, namespace: str, installation: Installation) -> None:
    eventually("an operator works", lambda: "" if installation.holder() else "nobody does", 60)
    took_s: list[float] = []
    settled_s: list[float] = []
    for number in range(TIMES):
        cluster = ConsensusCluster(target, namespace, f"kv-{number}")
        spec: dict[str, Any] = {"replicas": 3, "storage": {"size": "1Gi"}, "tls": {"mode": mode}}
        begun = time.monotonic()
        cluster.apply(spec)
        target.kubectl("wait", "-n", namespace, "--for=condition=Available", f"quorate/{cluster.name}", "--timeout=120s", timeout_s=150)
        took_s.append(time.monotonic() - begun)
        cluster.wait_until_settled()
        settled_s.append(time.monotonic() - begun)
        cluster.delete()
    shown = ", ".join(f"{each:.1f}" for each in took_s)
    print(f"tls.mode {mode}: Available after {shown} s; as specified after {', '.join(f'{each:.1f}' for each in settled_s)} s")
    assert median(took_s) <= AVAILABLE_S_MAX
