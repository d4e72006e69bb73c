"""What the API server itself says to a resource that cannot work, or that is unwise: every rule of the definition has a case here."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.kubernetes.consensus_cluster import resource
from tests.kubernetes.installation import Installation
from tests.kubernetes.kubectl import Kubectl, KubectlFailure

CRDS = Path(__file__).resolve().parents[2] / "crds"
Spec = dict[str, Any]
GPU_BY_PLUGIN = {"kind": "devicePlugin", "devicePlugin": {}}

MADE_WRONG: list[tuple[str, str, Spec]] = [
    ("metadata.name must be 1 to 40", "a-name-of-more-than-forty-characters-in-all", {}),
    ("spec.placement.preferredLeader is none of this cluster's pods", "wrong", {"placement": {"preferredLeader": "other-0"}}),
    ("replicas must be 1 to 9", "wrong", {"replicas": 10}),
    ("replicas must be 1 to 9", "wrong", {"replicas": 0}),
    ("lostMembers names half of the members or more", "wrong", {"replicas": 3, "lostMembers": ["1", "2"]}),
    ("storage.size must be at least 1Gi", "wrong", {"storage": {"size": "512Mi"}}),
    (
        "resources.limits.memory is below resources.requests.memory",
        "wrong",
        {"resources": {"requests": {"memory": "2Gi"}, "limits": {"memory": "1Gi"}}},
    ),
    ("resources.limits.cpu is below resources.requests.cpu", "wrong", {"resources": {"requests": {"cpu": "2"}, "limits": {"cpu": "1"}}}),
    ("resources.limits.memory is below 256Mi", "wrong", {"resources": {"limits": {"memory": "128Mi"}}}),
    ("gpu.devicePlugin goes with gpu.kind devicePlugin", "wrong", {"gpu": {"kind": "devicePlugin"}}),
    ("gpu.devicePlugin goes with gpu.kind devicePlugin", "wrong", {"gpu": GPU_BY_PLUGIN | {"kind": "none"}}),
    ("gpu.resourceClaim goes with gpu.kind resourceClaim", "wrong", {"gpu": {"kind": "resourceClaim"}}),
    (
        "placement.preferredLeaderZones names a zone that placement.zones leaves out",
        "wrong",
        {"placement": {"zones": ["a"], "preferredLeaderZones": ["b"]}},
    ),
    ("tls.secretName goes with tls.mode Secret", "wrong", {"tls": {"mode": "Secret"}}),
    ("tls.issuer goes with tls.mode CertManager", "wrong", {"tls": {"mode": "Disabled", "issuer": {"name": "ours"}}}),
    ("tls.rotateAuthorityAt goes with tls.mode Operator", "wrong", {"tls": {"mode": "Disabled", "rotateAuthorityAt": "2026-11-22"}}),
    ("timing.electionTimeoutMs must be at least five times", "wrong", {"timing": {"heartbeatMs": 100, "electionTimeoutMs": 499}}),
    ("timing.readLeaseMs must be below timing.electionTimeoutMs", "wrong", {"timing": {"readLeaseMs": 250, "electionTimeoutMs": 250}}),
    ("keyRotation.graceS must be below keyRotation.intervalS", "wrong", {"keyRotation": {"intervalS": 60, "graceS": 60}}),
    ("limits.valueBytesMax is above limits.requestBytesMax", "wrong", {"limits": {"valueBytesMax": 4194304, "requestBytesMax": 2097152}}),
]
"""Refused at birth: what the message begins with, the resource's name, its spec."""

CHANGED_WRONG: list[tuple[str, Spec, Spec]] = [
    ("replicas cannot be changed while the cluster is or gets hibernated", {"hibernated": True}, {"hibernated": True, "replicas": 5}),
    ("sidecar cannot be added to or taken from a cluster", {}, {"sidecar": {"template": {"spec": {"containers": [{"name": "app"}]}}}}),
    ("storage.className cannot be changed", {"storage": {"className": "fast"}}, {"storage": {"className": "slow"}}),
    ("storage.className cannot be changed", {}, {"storage": {"className": "slow"}}),
    ("storage.size cannot shrink", {"storage": {"size": "20Gi"}}, {"storage": {"size": "19Gi"}}),
    (
        "tls cannot be turned on or off in a running cluster",
        {"tls": {"mode": "Disabled"}},
        {"tls": {"mode": "Secret", "secretName": "ours"}},
    ),
    ("tls.mode cannot be changed to or from Operator", {"tls": {"mode": "Operator"}}, {"tls": {"mode": "Secret", "secretName": "ours"}}),
]
"""Refused as a change of a resource that is there: what the message begins with, before, after."""

UNWISE: list[tuple[str, Spec]] = [
    ("spec.replicas is even", {"replicas": 4}),
    ("spec.replicas is 1", {"replicas": 1}),
    ("spec.tls.mode is Disabled", {"tls": {"mode": "Disabled"}}),
    ("spec.resources.limits.memory is not set", {"resources": {}}),
    ("spec.keyRotation.enabled is true", {"keyRotation": {"enabled": True, "intervalS": 3600}}),
    ("spec.storage.retention is Delete", {"storage": {"retention": "Delete"}}),
    ("spec.placement.nodes is Preferred", {"placement": {"nodes": "Preferred"}}),
    ("spec.networkPolicy.enabled is false", {"networkPolicy": {"enabled": False}}),
]
"""Taken, with a warning: what it begins with, the spec."""

WISE: Spec = {
    "replicas": 3,
    "tls": {"mode": "Secret", "secretName": "ours"},
    "resources": {"limits": {"memory": "1Gi"}},
    "placement": {"nodes": "Required"},
}


@pytest.fixture(autouse=True)
def definitions(installation: Installation) -> None:
    """As the chart brings them."""


def _messages(document: object) -> Iterator[str]:
    """Of all rules of a definition."""
    if isinstance(document, Mapping):
        for rule in document.get("x-kubernetes-validations", []):
            yield rule["message"]
        for value in document.values():
            yield from _messages(value)
    elif isinstance(document, list):
        for value in document:
            yield from _messages(value)


def test_every_rule_has_a_case() -> None:
    definition = yaml.safe_load((CRDS / "consensusclusters.yaml").read_text())
    cases = {beginning for beginning, _, _ in (*MADE_WRONG, *CHANGED_WRONG)}
    without = [message for message in _messages(definition) if not any(message.startswith(beginning) for beginning in cases)]
    assert without == []


def test_every_warning_has_a_case() -> None:
    policy = next(document for document in yaml.safe_load_all((CRDS / "warnings.yaml").read_text()) if "validations" in document["spec"])
    messages = [rule["message"] for rule in policy["spec"]["validations"]]
    assert [message for message in messages if not any(message.startswith(beginning) for beginning, _ in UNWISE)] == []


@pytest.mark.parametrize(
    ("message", "name", "spec"), MADE_WRONG, ids=[f"{case[0][:50]}-{number}" for number, case in enumerate(MADE_WRONG)]
)
def test_what_cannot_work_is_refused_with_the_remedy(kubectl: Kubectl, message: str, name: str, spec: Spec) -> None:
    assert _refusal(kubectl, resource(name, spec), "default").count(message) == 1


@pytest.mark.parametrize(
    ("message", "before", "after"), CHANGED_WRONG, ids=[f"{case[0][:50]}-{number}" for number, case in enumerate(CHANGED_WRONG)]
)
def test_a_change_that_cannot_work_is_refused_with_the_remedy(
    kubectl: Kubectl, namespace: str, message: str, before: Spec, after: Spec
) -> None:
    kubectl.apply([resource("changed", {"paused": True, **before})], namespace)
    assert _refusal(kubectl, resource("changed", {"paused": True, **after}), namespace).count(message) == 1


def _refusal(kubectl: Kubectl, document: Mapping[str, object], namespace: str) -> str:
    """In one line."""
    with pytest.raises(KubectlFailure) as refused:
        kubectl.try_out(document, namespace)
    return " ".join(str(refused.value).split())


@pytest.mark.parametrize(("message", "spec"), UNWISE, ids=[case[0] for case in UNWISE])
def test_what_is_unwise_is_taken_with_a_warning(kubectl: Kubectl, message: str, spec: Spec) -> None:
    warnings = " ".join(kubectl.try_out(resource("unwise", {**WISE, **spec}), "default").split())
    assert message in warnings


def test_what_is_wise_is_taken_without_a_word(kubectl: Kubectl) -> None:
    assert kubectl.try_out(resource("wise", WISE), "default") == ""


def test_a_field_that_nobody_knows_is_refused(kubectl: Kubectl) -> None:
    assert ".spec.replica: field not declared in schema" in _refusal(kubectl, resource("wrong", {"replica": 3}), "default")


def test_a_resource_with_nothing_in_it_has_every_default(kubectl: Kubectl) -> None:
    document = json.dumps(resource("plain", {}))
    made = json.loads(kubectl("create", "--dry-run=server", "-o", "json", "-n", "default", "-f", "-", text=document))
    assert (made["spec"]["replicas"], made["spec"]["mode"], made["spec"]["storage"]["retention"]) == (3, "raft", "Retain")
