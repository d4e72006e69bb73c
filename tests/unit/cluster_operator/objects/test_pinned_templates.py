"""What a template version makes is the same in every release: with one line more a new operator would restart every pod there is."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import pytest

from quorate_operator.objects.node_settings import CONFIG_FILE, SETTINGS, settings_map
from quorate_operator.objects.pod import pod_template
from quorate_operator.objects.statefulset import TEMPLATE_VERSION, TEMPLATES, stateful_set
from tests.unit.cluster_operator.resources import identity_of, spec_of

SIDECAR = {"template": {"spec": {"containers": [{"name": "app", "image": "app:1", "ports": [{"containerPort": 8080}]}]}}}
SPECS: dict[str, dict[str, Any]] = {
    "plain": {},
    "everything": {
        "tls": {"mode": "Operator"},
        "limits": {"watchesMax": 100},
        "services": {"leader": {"enabled": True}},
        "resources": {"limits": {"memory": "1Gi"}},
        "placement": {"zones": ["a"], "nodes": "Required", "zoneSpread": "Required"},
        "gpu": {"kind": "devicePlugin", "devicePlugin": {"count": 1}},
    },
    "sidecar": {"sidecar": SIDECAR},
    "given certificates": {"tls": {"mode": "Secret", "secretName": "orders-tls"}},
}
DIGESTS: dict[int, dict[str, str]] = {
    1: {
        "plain": "89185b2a02053d58",
        "everything": "c49ea9db1f18b163",
        "sidecar": "8c8dfa3737a7643d",
        "given certificates": "ebedcead7598ef80",
    },
}
"""Of the pod template and the node's file. Until the first release version 1 may change, and its digests with it; from then on a change
takes a new version with a builder of its own, and the old one stays as it is."""


def made(version: int, fields: dict[str, Any]) -> str:
    identity = identity_of()
    spec = spec_of(**fields)
    template = stateful_set(spec, identity, replicas=3, template_version=version)["spec"]["template"]
    text = json.dumps([template, settings_map(spec, identity)["data"][CONFIG_FILE]], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


@pytest.mark.parametrize("version", sorted(DIGESTS))
def test_a_version_makes_what_it_always_made(version: int) -> None:
    assert {name: made(version, fields) for name, fields in SPECS.items()} == DIGESTS[version]


def test_pods_and_their_settings_are_of_one_version() -> None:
    assert set(TEMPLATES) == set(SETTINGS) == set(DIGESTS)
    assert max(TEMPLATES) == TEMPLATE_VERSION == identity_of().template_version
    assert TEMPLATES[1] is pod_template
