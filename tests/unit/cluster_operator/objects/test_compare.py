"""What is outdated is seen in live fields; what Kubernetes fills in is not ours."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given

from quorate_operator.api.spec import ConsensusClusterSpec
from quorate_operator.objects.compare import differences, outdated_fields
from quorate_operator.objects.overlay import overlaid
from quorate_operator.objects.pod import pod_template
from tests.unit.cluster_operator.resources import identity_of, spec_of, specs

IDENTITY = identity_of()


def live_pod(template: dict[str, Any]) -> dict[str, Any]:
    """A pod as the API server gives it back: with all that it and its admission add."""
    pod = copy.deepcopy(template)
    pod["metadata"].update(name="orders-0", uid="u", generateName="orders-")
    pod["metadata"]["labels"]["apps.kubernetes.io/pod-index"] = "0"
    spec = pod["spec"]
    spec.update(restartPolicy="Always", dnsPolicy="ClusterFirst", schedulerName="default-scheduler", nodeName="node-1")
    spec.setdefault("tolerations", []).append({"key": "node.kubernetes.io/not-ready", "operator": "Exists", "tolerationSeconds": 300})
    spec["volumes"] = [{"name": "kube-api-access", "projected": {}}, *spec["volumes"]]
    for container in [*spec["containers"], *spec.get("initContainers", [])]:
        container.update(terminationMessagePath="/dev/termination-log")
        container.setdefault("volumeMounts", []).append({"name": "kube-api-access", "mountPath": "/var/run/secrets"})
        if "limits" in container.get("resources", {}):
            container["resources"]["requests"] = {**container["resources"]["limits"], **container["resources"].get("requests", {})}
    return pod


@given(specs)
def test_a_pod_as_kubernetes_completes_it_is_not_outdated(spec: ConsensusClusterSpec) -> None:
    template = pod_template(spec, IDENTITY)
    if "containers" in template["spec"]:
        assert outdated_fields(template, live_pod(template)) == []


@pytest.mark.parametrize(
    "before, after, field",
    [
        ({}, {"version": "0.2.0"}, "image"),
        ({}, {"restartedAt": "2026-01-01T00:00:00Z"}, "annotations"),
        ({}, {"timing": {"heartbeatMs": 60}}, "configMap"),
        ({"placement": {"nodeSelector": {"disk": "ssd"}}}, {}, "nodeSelector"),
        ({"placement": {"zones": ["a"]}}, {"placement": {"zones": ["b"]}}, "affinity"),
        ({"resources": {"limits": {"memory": "1Gi"}}}, {"resources": {"limits": {"memory": "2Gi"}}}, "memory"),
        ({"resources": {"limits": {"memory": "1Gi"}}}, {}, "memory"),
        ({"podTemplate": {"spec": {"runtimeClassName": "kata"}}}, {}, "runtimeClassName"),
        ({}, {"placement": {"tolerations": [{"key": "db", "operator": "Exists"}]}}, "tolerations"),
        ({}, {"tls": {"mode": "Secret", "secretName": "x"}}, "env"),
        (
            {"podTemplate": {"spec": {"containers": [{"name": "quorate", "command": ["sh"]}]}}},
            {"podTemplate": {"spec": {"containers": [{"name": "quorate"}]}}},
            "command",
        ),
        (
            {"sidecar": {"template": {"spec": {"containers": [{"name": "app", "env": [{"name": "A", "value": "1"}]}]}}}},
            {"sidecar": {"template": {"spec": {"containers": [{"name": "app"}]}}}},
            "env",
        ),
    ],
)
def test_a_change_of_the_spec_is_seen_in_the_live_pod(before: dict[str, Any], after: dict[str, Any], field: str) -> None:
    pod = live_pod(pod_template(spec_of(**before), IDENTITY))
    found = outdated_fields(pod_template(spec_of(**after), IDENTITY), pod)
    assert any(field in path for path in found), found


def test_amounts_are_the_same_however_they_are_written() -> None:
    wanted = {"resources": {"limits": {"cpu": "1000m", "memory": "1024Mi"}}}
    assert differences(wanted, {"resources": {"limits": {"cpu": "1", "memory": "1Gi"}}}) == []
    assert differences(wanted, {"resources": {"limits": {"cpu": "2", "memory": "1Gi"}}}) == ["resources.limits.cpu"]


@pytest.mark.parametrize(
    "wanted, live, paths",
    [
        ({"a": 1}, {"a": 1, "b": 2}, []),
        ({"a": {"b": 1}}, {"a": None}, ["a"]),
        ({"a": {}}, {}, []),
        ({"a": False}, {}, []),
        ({"a": [1]}, {"a": [1, 2]}, ["a"]),
        ({"a": []}, {}, []),
        ({"a": [1]}, {}, ["a"]),
        ({"a": [{"name": "x", "v": 1}]}, {"a": [{"name": "y"}, {"name": "x", "v": 2}]}, ["a[x].v"]),
        ({"a": [{"v": 1}]}, {"a": [{"v": 1, "w": 2}]}, []),
        ({"limits": {"cpu": "x"}}, {"limits": {"cpu": "x"}}, []),
    ],
)
def test_only_what_is_wanted_is_compared(wanted: Any, live: Any, paths: list[str]) -> None:
    assert differences(wanted, live) == paths


def test_an_overlay_replaces_fields_and_merges_named_lists() -> None:
    base = {"a": 1, "list": [{"name": "x", "v": 1, "w": 1}], "plain": [1]}
    over = {"b": 2, "list": [{"name": "y"}, {"name": "x", "v": 2}], "plain": [2]}
    assert overlaid(base, over) == {"a": 1, "b": 2, "list": [{"name": "x", "v": 2, "w": 1}, {"name": "y"}], "plain": [2]}
    assert base["list"] == [{"name": "x", "v": 1, "w": 1}], "the arguments stay as they were"


def test_a_selector_is_a_whole_and_another_label_in_it_is_a_difference() -> None:
    wanted = {"spec": {"selector": {"app": "ours"}}}
    assert differences(wanted, {"spec": {"selector": {"app": "ours", "more": "others"}}}) == ["spec.selector"]
    assert differences(wanted, {"spec": {"selector": {"app": "ours"}, "more": 1}}) == []
