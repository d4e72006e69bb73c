"""Warnings about what works and is unwise: a ValidatingAdmissionPolicy, which needs no webhook that could be down."""

from __future__ import annotations

from typing import Any

from quorate_operator.api.model import GROUP, PLURAL, VERSION

POLICY_NAME = f"unwise.{PLURAL}.{GROUP}"

WARNINGS = (
    (
        "object.spec.replicas % 2 == 1",
        "spec.replicas is even: it survives no more losses than one member fewer would; choose an odd number",
    ),
    (
        "object.spec.replicas != 1",
        "spec.replicas is 1: a lost volume is lost data, and a restart is an outage; 3 survive the loss of one member",
    ),
    (
        "object.spec.tls.mode != 'Disabled'",
        "spec.tls.mode is Disabled: whoever reaches a pod may read, write and join; set Operator or CertManager: it cannot be set later",
    ),
    (
        "has(object.spec.resources.limits) && has(object.spec.resources.limits.memory)",
        "spec.resources.limits.memory is not set: a member may be evicted with its node's memory; 1Gi suits a million small keys",
    ),
    (
        "!has(object.spec.keyRotation) || !object.spec.keyRotation.enabled",
        "spec.keyRotation.enabled is true: this release rotates no keys of the group yet, and nothing happens; wait for one that does",
    ),
    (
        "object.spec.storage.retention != 'Delete'",
        "spec.storage.retention is Delete: deleting this resource deletes all of its data; Retain keeps the volumes",
    ),
    (
        "object.spec.replicas <= 1 || object.spec.placement.nodes == 'Required'",
        "spec.placement.nodes is Preferred: two members may share a node, and with it their end; set Required where there are enough nodes",
    ),
    (
        "!has(object.spec.networkPolicy) || object.spec.networkPolicy.enabled",
        "spec.networkPolicy.enabled is false: the members' port is open to every pod that the network lets through",
    ),
)
"""(what is wise, what is said otherwise)."""


def warning_policy() -> tuple[dict[str, Any], dict[str, Any]]:
    """The policy and its binding. `failurePolicy: Ignore`: a warning never stands in anybody's way."""
    resource = {"apiGroups": [GROUP], "apiVersions": [VERSION], "operations": ["CREATE", "UPDATE"], "resources": [PLURAL]}
    policy = {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "ValidatingAdmissionPolicy",
        "metadata": {"name": POLICY_NAME},
        "spec": {
            "failurePolicy": "Ignore",
            "matchConstraints": {"resourceRules": [resource]},
            "validations": [{"expression": expression, "message": message} for expression, message in WARNINGS],
        },
    }
    binding = {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "ValidatingAdmissionPolicyBinding",
        "metadata": {"name": POLICY_NAME},
        "spec": {"policyName": POLICY_NAME, "validationActions": ["Warn"]},
    }
    return policy, binding
