"""The worked examples are valid, and show what they say."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from quorate_operator.api.model import GROUP, KIND, VERSION
from quorate_operator.api.spec import ConsensusClusterSpec
from quorate_operator.objects.children import wanted_children
from quorate_operator.objects.injection import INJECT_LABEL, refusal
from quorate_operator.objects.statefulset import stateful_set
from tests.unit.cluster_operator.resources import identity_of

MANIFESTS = Path(__file__).resolve().parents[4] / "manifests"
EXAMPLES = ("minimal", "production", "sidecar", "gpu", "hibernated", "injected")


def load(name: str) -> ConsensusClusterSpec:
    resource = next(yaml.safe_load_all((MANIFESTS / f"{name}.yaml").read_text(encoding="utf-8")))
    assert (resource["apiVersion"], resource["kind"]) == (f"{GROUP}/{VERSION}", KIND)
    return ConsensusClusterSpec.model_validate(resource["spec"])


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_is_a_resource_from_which_children_can_be_built(name: str) -> None:
    spec = load(name)
    assert wanted_children(spec, identity_of())
    assert stateful_set(spec, identity_of(), replicas=spec.replicas)["spec"]["template"]["spec"]


def test_the_injected_examples_pods_get_their_member() -> None:
    resource, deployment = yaml.safe_load_all((MANIFESTS / "injected.yaml").read_text(encoding="utf-8"))
    pod = deployment["spec"]["template"]
    assert pod["metadata"]["labels"][INJECT_LABEL] == resource["metadata"]["name"]
    assert refusal(pod, load("injected"), identity_of()) == ""


def test_the_examples_show_what_they_are_for() -> None:
    assert load("minimal") == ConsensusClusterSpec()
    assert load("production").placement.preferred_leader_zones
    assert load("sidecar").sidecar is not None
    assert load("gpu").gpu.kind == "resourceClaim"
    assert load("hibernated").hibernated
