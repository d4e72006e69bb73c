"""A cluster's life under load: it grows, shrinks, changes, sleeps and wakes, and nobody who writes to it notices more than a pause."""

from __future__ import annotations

import pytest

from tests.kubernetes.consensus_cluster import ConsensusCluster
from tests.kubernetes.kubectl import Document, Kubectl, eventually
from tests.kubernetes.load import Load
from tests.kubernetes.operator_process import OperatorProcess
from tests.kubernetes.target import Target

PAUSE_S_MAX = 1.0
KEPT = {"storage": {"retention": "Retain"}}
GONE = {"storage": {"retention": "Delete"}}


@pytest.fixture
def cluster(target: Target, namespace: str, operator: OperatorProcess) -> ConsensusCluster:
    """Three members, settled, with an operator of the test's own."""
    made = ConsensusCluster(target, namespace)
    operator.start()
    made.apply({"replicas": 3, **GONE})
    made.wait_until_settled()
    return made


@pytest.fixture
def load(target: Target, namespace: str, cluster: ConsensusCluster) -> Load:
    made = Load(target, namespace)
    made.start()
    return made


def test_a_rolling_change_of_all_pods_fails_no_write_and_pauses_none_for_long(cluster: ConsensusCluster, load: Load) -> None:
    before = cluster.uids()
    cluster.patch({"limits": {"watchesMax": 100}})
    cluster.wait_until_settled(180)
    report = load.stop()
    after = cluster.uids()
    assert not set(before.values()) & set(after.values()), "every pod was replaced"
    assert (report.failures, report.wrong) == ([], [])
    assert report.longest_pause_s <= PAUSE_S_MAX, report.gaps


def test_it_grows_and_shrinks_under_load(cluster: ConsensusCluster, load: Load) -> None:
    before = cluster.uids()
    cluster.patch({"replicas": 5})
    cluster.wait_until_settled(120)
    assert [pod["metadata"]["name"] for pod in cluster.pods()] == [f"kv-{number}" for number in range(5)]
    cluster.patch({"replicas": 3})
    cluster.wait_until_settled(120)
    report = load.stop()
    assert cluster.uids() == before, "those that stay are never touched"
    assert (report.failures, report.wrong) == ([], [])
    assert report.longest_pause_s <= PAUSE_S_MAX, report.gaps
    claims = [claim["metadata"]["name"] for claim in cluster.kubectl.list("persistentvolumeclaims", cluster.namespace)]
    assert sorted(claims) == ["data-kv-0", "data-kv-1", "data-kv-2"], "volumes of members that were voted out never come back"


def test_a_removed_members_volume_is_kept_until_its_place_is_wanted_again(cluster: ConsensusCluster) -> None:
    def claims() -> dict[str, Document]:
        return {claim["metadata"]["name"]: claim for claim in cluster.kubectl.list("persistentvolumeclaims", cluster.namespace)}

    def kept() -> list[str]:
        return sorted(name for name, claim in claims().items() if "quorate.io/retired" in claim["metadata"].get("annotations", {}))

    cluster.patch({**KEPT, "replicas": 2})
    cluster.wait_until_settled(120)
    eventually("it is marked", lambda: "" if kept() == ["data-kv-2"] else f"{kept()} are", 30)
    uid = claims()["data-kv-2"]["metadata"]["uid"]
    cluster.patch({"replicas": 3})
    cluster.wait_until_settled(120)
    assert claims()["data-kv-2"]["metadata"]["uid"] != uid and kept() == [], "a volume of a member that was voted out never comes back"
    cluster.patch({"replicas": 2})
    cluster.wait_until_settled(120)
    cluster.patch(GONE)
    eventually("what is kept for nobody goes", lambda: "" if sorted(claims()) == ["data-kv-0", "data-kv-1"] else f"{sorted(claims())}", 60)


def test_processor_and_memory_change_in_running_pods(cluster: ConsensusCluster) -> None:
    cluster.patch({"resources": {"requests": {"cpu": "50m", "memory": "128Mi"}}})
    cluster.wait_until_settled(180)
    before, restarts = cluster.uids(), _restarts(cluster)
    cluster.patch({"resources": {"requests": {"cpu": "80m", "memory": "128Mi"}}})

    def missing() -> str:
        asked = [pod["spec"]["containers"][0]["resources"]["requests"]["cpu"] for pod in cluster.pods()]
        return "" if asked == ["80m"] * 3 else f"they ask for {asked}"

    eventually("all pods are resized", missing, 60)
    assert (cluster.uids(), _restarts(cluster)) == (before, restarts)


def _restarts(cluster: ConsensusCluster) -> list[int]:
    return [status["restartCount"] for pod in cluster.pods() for status in pod["status"]["containerStatuses"]]


def test_hibernated_it_runs_no_pods_and_awake_it_has_all_its_data(cluster: ConsensusCluster) -> None:
    cluster.start_client()
    cluster.put("kept", "over night")
    cluster.patch({"hibernated": True})
    cluster.wait_for("Available", "Hibernated", true=False)
    eventually("no pod is left", lambda: "" if not cluster.pods() else "there are pods", 60)
    assert len(cluster.kubectl.list("persistentvolumeclaims", cluster.namespace)) == 3
    cluster.patch({"hibernated": False})
    cluster.wait_until_settled(120)
    assert cluster.get("kept") == "over night"


def test_a_member_that_the_user_calls_lost_is_replaced_by_a_new_one(cluster: ConsensusCluster, load: Load) -> None:
    member = next(each for each in cluster.status()["members"] if each["role"] != "leader")
    cluster.patch({"lostMembers": [member["memberId"]]})
    cluster.wait_until_settled(180)
    now = next(each for each in cluster.status()["members"] if each["pod"] == member["pod"])
    report = load.stop()
    assert now["memberId"] != member["memberId"]
    assert (report.failures, report.wrong) == ([], [])


@pytest.mark.parametrize(("retention", "left"), [(KEPT, 3), (GONE, 0)], ids=["kept", "gone"])
def test_a_deleted_resource_takes_its_volumes_only_where_that_was_asked_for(
    cluster: ConsensusCluster, kubectl: Kubectl, retention: dict[str, dict[str, str]], left: int
) -> None:
    cluster.patch(retention)
    cluster.wait_until_settled()
    cluster.delete()
    eventually("its pods are gone", lambda: "" if not cluster.pods() else "there are pods", 60)

    def claims() -> str:
        count = len(kubectl.list("persistentvolumeclaims", cluster.namespace))
        return "" if count == left else f"{count} volumes are left"

    eventually(f"{left} volumes are left", claims, 30)
    services = [each["metadata"]["name"] for each in kubectl.list("services", cluster.namespace)]
    eventually("its Services are gone", lambda: "" if not _named(kubectl, cluster, "services") else f"{services} are there", 30)


def _named(kubectl: Kubectl, cluster: ConsensusCluster, kind: str) -> list[str]:
    return [each["metadata"]["name"] for each in kubectl.list(kind, cluster.namespace) if each["metadata"]["name"].startswith(cluster.name)]
