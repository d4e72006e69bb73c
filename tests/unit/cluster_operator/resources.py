"""Specs and identities for the operator's tests: a plain one, and any valid one."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from quorate_operator.api.crd import NAME_CHARACTERS_MAX
from quorate_operator.api.spec import REPLICAS_MAX, ConsensusClusterSpec
from quorate_operator.objects.identity import Identity


def spec_of(**fields: Any) -> ConsensusClusterSpec:
    """Fields in the resource's own words: `spec_of(replicas=5, storage={"size": "20Gi"})`."""
    return ConsensusClusterSpec.model_validate(fields)


def identity_of(name: str = "orders", namespace: str = "shop") -> Identity:
    return Identity(name, namespace, "6a6a1a4e-0000-4000-8000-000000000001", "quorate-system", "quorate", "0.1.0")


names = st.from_regex(rf"\A[a-z]([-a-z0-9]{{0,{NAME_CHARACTERS_MAX - 2}}}[a-z0-9])?\Z")
namespaces = st.from_regex(r"\A[a-z]([-a-z0-9]{0,61}[a-z0-9])?\Z")
identities = st.builds(identity_of, names, namespaces)
labels = st.dictionaries(st.sampled_from(["team", "app.kubernetes.io/name", "quorate.io/cluster"]), st.sampled_from(["a", "orders", ""]))
gpus = st.sampled_from(
    [
        {"kind": "none"},
        {"kind": "devicePlugin", "devicePlugin": {"count": 2, "resourceName": "nvidia.com/mig-1g.10gb"}, "runtimeClassName": "nvidia"},
        {"kind": "resourceClaim", "resourceClaim": {"deviceClassName": "gpu.nvidia.com", "selectors": ["true"]}},
    ]
)
tls = st.sampled_from(
    [
        {"mode": "Disabled"},
        {"mode": "Operator", "rotateAuthorityAt": "2026-11-22"},
        {"mode": "Secret", "secretName": "orders-tls"},
        {"mode": "CertManager", "issuer": {"name": "internal"}},
    ]
)
sidecars = st.sampled_from(
    [
        None,
        {"template": {"spec": {"containers": [{"name": "app", "image": "app:1", "ports": [{"containerPort": 8080}]}]}}},
        {"template": {"metadata": {"labels": {"app": "x"}}, "spec": {"containers": [{"name": "app"}], "volumes": [{"name": "mine"}]}}},
    ]
)
specs = st.builds(
    lambda **fields: spec_of(**{name: value for name, value in fields.items() if value is not None}),
    replicas=st.integers(1, REPLICAS_MAX),
    hibernated=st.booleans(),
    storage=st.fixed_dictionaries({"size": st.sampled_from(["1Gi", "10Gi"]), "retention": st.sampled_from(["Retain", "Delete"])}),
    resources=st.sampled_from([{}, {"limits": {"memory": "1Gi"}}, {"requests": {"cpu": "500m"}, "limits": {"cpu": "1"}}]),
    gpu=gpus,
    placement=st.sampled_from([{}, {"zones": ["a", "b"], "preferredLeaderZones": ["a"], "nodes": "Required", "zoneSpread": "Required"}]),
    tls=tls,
    limits=st.sampled_from([{}, {"watchesMax": 100, "keyBytesMax": 1024}]),
    services=st.fixed_dictionaries({"leader": st.fixed_dictionaries({"enabled": st.booleans(), "labels": labels})}),
    podTemplate=st.fixed_dictionaries({"metadata": st.fixed_dictionaries({"labels": labels})}),
    sidecar=sidecars,
)
"""Any spec that the API server would take."""
