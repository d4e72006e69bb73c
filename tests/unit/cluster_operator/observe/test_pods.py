"""What the API server shows, in the words that decisions are made in."""

from __future__ import annotations

from typing import Any

import pytest

from quorate_operator.decide.world import Answer
from quorate_operator.objects.claims import claim as kept_claim
from quorate_operator.objects.identity import DEFAULT_IMAGE_ANNOTATION, MEMBER_ID_ANNOTATION, TEMPLATE_VERSION_ANNOTATION
from quorate_operator.observe.pods import pods, trouble, volumes, volumes_on_gone_nodes, workload, zones_of
from tests.unit.cluster_operator.resources import identity_of, spec_of

IDENTITY = identity_of("kv", "shop")


def pod(name: str, status: dict[str, Any] | None = None, **metadata: Any) -> dict[str, Any]:
    return {"metadata": {"name": name, "uid": f"uid of {name}", **metadata}, "spec": {"nodeName": "n1"}, "status": status or {}}


def claim(name: str, uid: str = "c", **more: Any) -> dict[str, Any]:
    spec = {"resources": {"requests": {"storage": "1Gi"}}, "volumeName": more.pop("volume", "")}
    return {"metadata": {"name": name, "uid": uid, **more}, "spec": spec, "status": {}}


def test_a_volume_that_is_kept_for_its_data_alone_is_known_again() -> None:
    made = kept_claim(spec_of(), IDENTITY, IDENTITY.claim(3), "c", "1Gi", 7, retired=True)
    (found,) = volumes(IDENTITY, [{**made, "status": {}}], frozenset())
    assert found.retired and found.member_id == 7
    assert not volumes(IDENTITY, [claim(IDENTITY.claim(3))], frozenset())[0].retired


def local_volume(name: str, host: str) -> dict[str, Any]:
    expression = {"key": "kubernetes.io/hostname", "operator": "In", "values": [host]}
    return {"metadata": {"name": name}, "spec": {"nodeAffinity": {"required": {"nodeSelectorTerms": [{"matchExpressions": [expression]}]}}}}


def test_pods_come_by_ordinal_with_what_each_says() -> None:
    answer = Answer(1, 2, "leader")
    ready = {"conditions": [{"type": "Ready", "status": "True"}]}
    items = [pod("kv-10"), pod("kv-2", ready, deletionTimestamp="now"), pod("kv-client"), pod("other-1")]
    found = pods(IDENTITY, items, {"n1": "zone-1"}, {"uid of kv-2": answer})
    assert [(each.name, each.ordinal, each.zone) for each in found] == [("kv-2", 2, "zone-1"), ("kv-10", 10, "zone-1")]
    assert (found[0].ready, found[0].deleting, found[0].answer) == (True, True, answer)
    assert (found[1].ready, found[1].deleting, found[1].answer) == (False, False, None)


@pytest.mark.parametrize("phase", ["Succeeded", "Failed"])
def test_a_pod_that_has_ended_is_none(phase: str) -> None:
    assert pods(IDENTITY, [pod("kv-0", {"phase": phase})], {}, {}) == ()


def test_trouble_is_what_does_not_pass_by_itself() -> None:
    waiting = {"containerStatuses": [{"name": "quorate", "state": {"waiting": {"reason": "ImagePullBackOff", "message": "no such image"}}}]}
    unschedulable = {"conditions": [{"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "0/2 nodes"}]}
    assert trouble(waiting) == "ImagePullBackOff of container quorate: no such image"
    assert trouble(unschedulable) == "Unschedulable: 0/2 nodes"
    early = {**unschedulable["conditions"][0], "message": '0/2 nodes are available: persistentvolumeclaim "data-kv-0" not found'}
    assert trouble({"conditions": [early]}) == "", "its claim was made a moment ago"
    assert trouble({"containerStatuses": [{"name": "quorate", "state": {"waiting": {"reason": "ContainerCreating"}}}]}) == ""
    assert trouble({}) == ""


def test_volumes_are_this_clusters_own() -> None:
    bound = claim("data-kv-1", annotations={MEMBER_ID_ANNOTATION: "77"}, ownerReferences=[{"uid": IDENTITY.uid}])
    items = [bound, claim("data-kv-0", volume="pv-1", deletionTimestamp="now"), claim("data-kv-x"), claim("backup-kv-1"), claim("kv-1")]
    first, second = volumes(IDENTITY, items, frozenset({"pv-1"}))
    assert (first.ordinal, first.node_gone, first.deleting, first.member_id, first.owned) == (0, True, True, 0, False)
    assert (second.ordinal, second.node_gone, second.deleting, second.member_id, second.owned) == (1, False, False, 77, True)
    assert second.capacity == "1Gi", "one that is not bound yet will have what it asks for"


def test_a_volume_is_lost_with_its_node_only_when_no_node_has_that_host() -> None:
    nodes = [{"metadata": {"name": "n1", "labels": {"kubernetes.io/hostname": "host-1"}}}, {"metadata": {"name": "n2"}}]
    items = [local_volume("a", "host-1"), local_volume("b", "gone"), local_volume("c", "n2"), {"metadata": {"name": "d"}, "spec": {}}]
    assert volumes_on_gone_nodes(items, nodes) == {"b"}
    assert volumes_on_gone_nodes(items, []) == frozenset(), "an operator that sees no nodes knows nothing of them"
    assert zones_of([{"metadata": {"name": "n1", "labels": {"topology.kubernetes.io/zone": "z"}}}]) == {"n1": "z"}


def test_a_stateful_set_without_our_annotations_is_of_the_first_version() -> None:
    template = {"metadata": {}, "spec": {}}
    spec = {"replicas": 3, "template": template, "volumeClaimTemplates": [{**claim("data")}]}
    bare = workload({"metadata": {"uid": "u", "resourceVersion": "5"}, "spec": spec})
    assert bare is not None
    assert (bare.replicas, bare.template_version, bare.pinned_image, bare.volume_size) == (3, 1, "", "1Gi")
    notes = {TEMPLATE_VERSION_ANNOTATION: "7", DEFAULT_IMAGE_ANNOTATION: "quorate:2"}
    pinned = workload({"metadata": {"uid": "u", "resourceVersion": "5", "annotations": notes}, "spec": spec}, "no quota")
    assert pinned is not None
    assert (pinned.template_version, pinned.pinned_image, pinned.trouble) == (7, "quorate:2", "no quota")
    assert workload(None) is None
