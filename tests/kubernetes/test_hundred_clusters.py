"""A hundred clusters of three on nodes of kwok's, whose pods are stubs: how long the operator takes, what it needs, and that it rests."""

from __future__ import annotations

import os
import time

import pytest

from tests.kubernetes.audit import Audit, described
from tests.kubernetes.bed.bed import Bed
from tests.kubernetes.bed.kwok import TAINT, fake_volumes
from tests.kubernetes.consensus_cluster import KIND, resource
from tests.kubernetes.installation import Installation
from tests.kubernetes.kubectl import Document, Kubectl, eventually
from tests.kubernetes.target import Target, resident_bytes

CLUSTERS = 100
MEMBERS = 3
NODES = 10
SETTLED_S_MAX = float(os.environ.get("QUORATE_KUBERNETES_SETTLED_S", "60"))
"""On two cores that have nothing else to do. Where something else runs beside it a run may allow more: the figure is printed either way."""
QUIET_S = float(os.environ.get("QUORATE_KUBERNETES_QUIET_S", "300"))
"""How long nobody may write afterwards."""
OPERATOR_BYTES_MAX = 200 * 2**20
SPEC = {
    "storage": {"className": "fake", "size": "1Gi"},
    "placement": {"nodeSelector": {"type": "kwok"}, "tolerations": [{"key": TAINT["key"], "operator": "Exists"}]},
}


def unsettled(kubectl: Kubectl, namespace: str) -> str:
    found = [each for each in kubectl.list(KIND, namespace) if not _settled(each)]
    if not found:
        return ""
    first = found[0]
    status = first.get("status", {})
    return f"{len(found)} are not, {first['metadata']['name']} with {status.get('conditions')} and plan {status.get('plan')}"


def _settled(item: Document) -> bool:
    conditions = {each["type"]: each for each in item.get("status", {}).get("conditions", [])}
    return bool(conditions) and conditions["Available"]["status"] == "True" and conditions["Progressing"]["reason"] == "AsSpecified"


def of_clusters(user: str) -> bool:
    """The operator's account and the members': everything but Kubernetes' own parts and the tests."""
    return user.startswith("system:serviceaccount:") and not user.startswith("system:serviceaccount:kube-system:")


@pytest.mark.timeout(1_200)
def test_a_hundred_clusters_settle_within_a_minute_and_then_nobody_writes(
    kubectl: Kubectl, target: Target, bed: Bed, installation: Installation, namespace: str, audit: Audit
) -> None:
    bed.add_fake_nodes(NODES)
    bed.stub_members.start()
    try:
        kubectl.apply(fake_volumes(CLUSTERS * MEMBERS))
        eventually("an operator works", lambda: "" if installation.holder() else "nobody does", 60)
        begun = time.monotonic()
        kubectl.apply([resource(f"kv-{number}", SPEC) for number in range(CLUSTERS)], namespace)
        eventually(f"{CLUSTERS} clusters are settled", lambda: unsettled(kubectl, namespace), 5 * SETTLED_S_MAX)
        took_s = time.monotonic() - begun
        worker = target.container_id(installation.namespace, installation.holder(), "operator")
        at_work = resident_bytes(worker)
        # Statuses are written at most every ten seconds: the last of them may still be due.
        time.sleep(15)
        audit.restart()
        time.sleep(QUIET_S)
        written = [each for each in audit.writes(of_clusters) if each["objectRef"]["resource"] != "leases"]
        needed = resident_bytes(worker)
        memory = f"{at_work / 2**20:.0f} MiB at the end of that, {needed / 2**20:.0f} MiB at rest"
        print(f"{CLUSTERS} clusters of {MEMBERS} settled in {took_s:.1f} s; the operator had {memory}")
        assert written == [], described(written)
        assert needed <= OPERATOR_BYTES_MAX
        assert took_s <= SETTLED_S_MAX
    finally:
        kubectl("delete", KIND, "--all", "-n", namespace, timeout_s=120)
        kubectl("delete", "namespace", namespace, "--timeout=180s", timeout_s=200)
        kubectl("delete", "persistentvolumes", "-l", "type=kwok", "--wait=false", timeout_s=120)
        bed.stub_members.stop()
        bed.remove_fake_nodes()
