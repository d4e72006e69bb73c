"""The CustomResourceDefinition, made from the models; `crds/` holds what this gives, and a test holds both equal."""

from __future__ import annotations

from typing import Any

from quorate_operator.api.model import GROUP, KIND, PLURAL, VALIDATIONS, VERSION, rule
from quorate_operator.api.schema import Schema, structural_schema
from quorate_operator.api.spec import REPLICAS_MAX, ConsensusClusterSpec
from quorate_operator.api.status import ConsensusClusterStatus

NAME_CHARACTERS_MAX = 40
"""Names of pods and Services are made from it and are labels of at most 63 characters."""

COLUMNS = (
    ("Phase", "string", ".status.phase", 0),
    ("Replicas", "integer", ".spec.replicas", 0),
    ("Ready", "integer", ".status.readyReplicas", 0),
    ("Leader", "string", ".status.leader", 0),
    ("Version", "string", ".status.version", 0),
    ("Age", "date", ".metadata.creationTimestamp", 0),
    ("Term", "string", ".status.term", 1),
    ("Next", "string", ".status.plan[0].action", 1),
    ("Available", "string", ".status.conditions[?(@.type=='Available')].status", 1),
    ("Degraded", "string", ".status.conditions[?(@.type=='Degraded')].reason", 1),
)
"""Printer columns: name, type, path, and the priority (1: with `-o wide` alone)."""


def root_schema() -> Schema:
    """The schema of a whole resource."""
    status = structural_schema(ConsensusClusterStatus)
    status.pop("default", None)
    name_rule = rule(
        f"self.metadata.name.matches('^[a-z]([-a-z0-9]{{0,{NAME_CHARACTERS_MAX - 2}}}[a-z0-9])?$')",
        f"metadata.name must be 1 to {NAME_CHARACTERS_MAX} lower-case letters, digits and dashes, beginning with a letter:"
        " it becomes part of DNS names; choose another name",
    )
    ordinals = ", ".join(f"'{ordinal}'" for ordinal in range(REPLICAS_MAX))
    leader_rule = rule(
        "!has(self.spec.placement) || !has(self.spec.placement.preferredLeader) || self.spec.placement.preferredLeader == ''"
        f" || [{ordinals}].exists(n, self.spec.placement.preferredLeader == self.metadata.name + '-' + n)",
        f"spec.placement.preferredLeader is none of this cluster's pods, <name>-0 to <name>-{REPLICAS_MAX - 1}: name one of these,"
        " or leave it empty",
    )
    return {
        "type": "object",
        "description": "A replicated, linearizable key-value and coordination service.",
        VALIDATIONS: [name_rule, leader_rule],
        "properties": {
            "apiVersion": {"type": "string"},
            "kind": {"type": "string"},
            "metadata": {"type": "object"},
            "spec": structural_schema(ConsensusClusterSpec),
            "status": status,
        },
    }


def custom_resource_definition() -> dict[str, Any]:
    """`apiextensions.k8s.io/v1`. Versions are additive: a field that was once there stays."""
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{PLURAL}.{GROUP}"},
        "spec": {
            "group": GROUP,
            "scope": "Namespaced",
            "names": {
                "kind": KIND,
                "listKind": f"{KIND}List",
                "plural": PLURAL,
                "singular": KIND.lower(),
                "shortNames": ["quorate", "qcc"],
                "categories": ["all", "quorate"],
            },
            "versions": [
                {
                    "name": VERSION,
                    "served": True,
                    "storage": True,
                    "schema": {"openAPIV3Schema": root_schema()},
                    "subresources": {
                        "status": {},
                        "scale": {
                            "specReplicasPath": ".spec.replicas",
                            "statusReplicasPath": ".status.replicas",
                            "labelSelectorPath": ".status.selector",
                        },
                    },
                    "additionalPrinterColumns": [
                        {"name": name, "type": kind, "jsonPath": path, **({"priority": priority} if priority else {})}
                        for name, kind, path, priority in COLUMNS
                    ],
                }
            ],
        },
    }
