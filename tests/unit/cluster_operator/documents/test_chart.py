"""The chart without Helm: its written parts are what they are written from, its values are bounded, its rights are few.

What Helm makes of it is tested beside the test cluster, where Helm is always there (tests/kubernetes/test_chart.py).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from quorate_operator.api.admission import warning_policy
from quorate_operator.api.crd import custom_resource_definition
from quorate_operator.clients.kinds import CHILDREN, KINDS
from quorate_operator.documents.chart import CRD_PART, KEEP, WARNINGS_PART, conditional, generated_parts
from quorate_operator.documents.install import NAMESPACE, chart_digest, header
from quorate_operator.documents.values import Undescribed, values_in
from quorate_operator.handlers import WATCHED
from quorate_operator.objects.access import MEMBER_ROLE
from quorate_operator.objects.children import unwanted_children, wanted_children
from tests.unit.cluster_operator.resources import identity_of, spec_of

REPOSITORY = Path(__file__).resolve().parents[4]
CHART = REPOSITORY / "helm" / "quorate"
SCHEMA: dict[str, Any] = json.loads((CHART / "values.schema.json").read_text(encoding="utf-8"))
VALUES_TEXT = (CHART / "values.yaml").read_text(encoding="utf-8")
GROUPS_WITHOUT_LIMIT = {"global", "affinity"}
"""A parent chart's own, and Kubernetes' own."""


def objects_in(part: str) -> list[dict[str, Any]]:
    """What stands between the switch at the top and its end."""
    lines = (CHART / part).read_text(encoding="utf-8").splitlines()
    assert lines[0].startswith("{{- if .Values.") and lines[-1] == "{{- end }}"
    return list(yaml.safe_load_all("\n".join(lines[1:-1])))


def schema_at(path: str) -> dict[str, Any]:
    node = SCHEMA
    for name in path.split("."):
        node = resolved(node)["properties"][name]
    return resolved(node)


def resolved(node: dict[str, Any]) -> dict[str, Any]:
    if "$ref" in node:
        found: dict[str, Any] = SCHEMA["definitions"][node["$ref"].rsplit("/", 1)[1]]
        return found
    return node


def schema_nodes(node: dict[str, Any], path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    node = resolved(node)
    yield path, node
    for name, each in node.get("properties", {}).items():
        yield from schema_nodes(each, f"{path}.{name}".lstrip("."))


def test_the_written_parts_are_what_the_models_and_values_give() -> None:
    for name, text in generated_parts(CHART).items():
        assert (CHART / name).read_text(encoding="utf-8") == text, f"{name}: run make operator-docs"


def test_the_charts_crd_is_the_one_in_crds_and_helm_never_deletes_it() -> None:
    (crd,) = objects_in(CRD_PART)
    assert crd["metadata"].pop("annotations") == KEEP == {"helm.sh/resource-policy": "keep"}
    (file,) = yaml.safe_load_all((REPOSITORY / "crds" / "consensusclusters.yaml").read_text(encoding="utf-8"))
    assert crd == file == custom_resource_definition()


def test_the_charts_warnings_are_the_operators() -> None:
    assert objects_in(WARNINGS_PART) == list(warning_policy())


def test_a_text_that_helm_would_read_as_an_action_is_refused() -> None:
    with pytest.raises(ValueError, match="word it differently"):
        conditional("crds.install", [{"description": "{{ .Values }}"}])


def test_every_value_has_a_schema_and_every_schema_a_value() -> None:
    for value in values_in(VALUES_TEXT):
        assert schema_at(value.path), value.path
    named = {value.path for value in values_in(VALUES_TEXT)}
    leaves = {path for path, node in schema_nodes(SCHEMA) if path and "properties" not in node}
    amounts = ("cpu", "memory", "ephemeral-storage")
    optional = {"global"} | {f"resources.{kind}.{name}" for kind in ("requests", "limits") for name in amounts}
    assert leaves - optional == named - optional


def test_unknown_values_are_refused_everywhere_and_every_value_is_bounded() -> None:
    for path, node in schema_nodes(SCHEMA):
        if "properties" in node:
            assert node["additionalProperties"] is False, path
        elif node.get("type") == "string":
            assert "maxLength" in node or "pattern" in node, path
        elif node.get("type") == "integer":
            assert "minimum" in node and "maximum" in node, path
        elif node.get("type") == "array":
            assert "maxItems" in node, path
        elif node.get("type") == "object" and path not in GROUPS_WITHOUT_LIMIT:
            assert "maxProperties" in node, path


def test_the_charts_release_is_the_projects() -> None:
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text(encoding="utf-8"))
    project = re.search(r'^version = "(.+)"$', (REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"), re.MULTILINE)
    assert project is not None
    assert chart["version"] == chart["appVersion"] == project[1]


def test_a_value_without_a_comment_is_refused_by_its_name() -> None:
    with pytest.raises(Undescribed, match=r"image\.tag"):
        values_in("image:\n  # The repository.\n  repository: a\n\n  tag: b\n")


def test_the_manifest_without_helm_is_of_this_chart() -> None:
    """Without Helm only the chart's digest in it can be compared; with Helm the whole is (tests/kubernetes/test_chart.py)."""
    text = (REPOSITORY / "manifests" / "install.yaml").read_text(encoding="utf-8")
    assert chart_digest(CHART) in text.split("---", 1)[0], "run make operator-docs"
    assert text.startswith(header(CHART))
    found = [each for each in yaml.safe_load_all(text) if each]
    assert found[0]["kind"] == "Namespace" and found[0]["metadata"]["name"] == NAMESPACE
    assert found[0]["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"
    assert {each["metadata"].get("namespace", NAMESPACE) for each in found} == {NAMESPACE}


def installed(kind: str) -> list[dict[str, Any]]:
    text = (REPOSITORY / "manifests" / "install.yaml").read_text(encoding="utf-8")
    return [each for each in yaml.safe_load_all(text) if each and each["kind"] == kind]


def granted() -> list[dict[str, Any]]:
    """Every rule that the operator itself has."""
    roles = installed("Role") + [role for role in installed("ClusterRole") if role["metadata"]["name"].endswith("quorate-operator")]
    return [rule for role in roles for rule in role["rules"]]


def test_the_operator_has_no_right_over_everything_and_none_to_take_more() -> None:
    for rule in granted():
        assert "*" not in rule["apiGroups"] + rule["resources"] + rule["verbs"], rule
        assert not {"escalate", "impersonate"} & set(rule["verbs"]), rule
        if "bind" in rule["verbs"]:
            assert rule["resources"] == ["clusterroles"] and rule["resourceNames"] == [MEMBER_ROLE] and rule["verbs"] == ["bind"]
        if "mutatingwebhookconfigurations" in rule["resources"]:
            (configuration,) = installed("MutatingWebhookConfiguration")
            assert rule["resourceNames"] == [configuration["metadata"]["name"]]
        if "signers" in rule["resources"]:
            assert rule["resourceNames"] == ["quorate.io/member"]


BESIDE_CHILDREN = {
    ("ConsensusCluster", ""): {"get", "list", "watch"},
    ("ConsensusCluster", "status"): {"patch"},
    ("StatefulSet", ""): {"get", "create", "patch", "delete"},
    ("PersistentVolumeClaim", ""): {"get", "create", "patch", "delete"},
    ("ConfigMap", ""): {"delete"},
    ("Pod", ""): {"patch"},
    ("Pod", "resize"): {"patch"},
    ("Pod", "eviction"): {"create"},
    ("Secret", ""): {"get"},
    ("Event", ""): {"list", "create"},
    ("Node", ""): {"list"},
    ("PersistentVolume", ""): {"list"},
    ("StorageClass", ""): {"get"},
    ("CertificateSigningRequest", ""): {"get", "list", "watch"},
    ("CertificateSigningRequest", "approval"): {"update"},
    ("CertificateSigningRequest", "status"): {"update"},
    ("MutatingWebhookConfiguration", ""): {"get", "patch"},
}
"""What `act/`, `observe/` and `issuing/` do with kinds beside what all children are for: kind, subresource, verbs."""


def used() -> dict[tuple[str, str], set[str]]:
    """Group and resource with subresource, and every verb that the operator's code has a use for."""
    verbs: dict[tuple[str, str], set[str]] = {key: set(each) for key, each in BESIDE_CHILDREN.items()}
    for kind in CHILDREN:
        verbs.setdefault((kind, ""), set()).update({"list", "watch"} if kind in WATCHED else {"list"})
    for name in EXAMPLES_OF_CHILDREN:
        for item in wanted_children(spec_of(**name), identity_of()):
            # An apply makes what is not there, and looks first whose it is.
            verbs.setdefault((item["kind"], ""), set()).update({"get", "create", "patch"})
            for rule in item.get("rules", []):
                # Nobody may grant what they do not have.
                assert rule["apiGroups"] == ["discovery.k8s.io"] and rule["resources"] == ["endpointslices"]
                verbs.setdefault(("EndpointSlice", ""), set()).update(rule["verbs"])
        for kind, _ in unwanted_children(spec_of(**name), identity_of()):
            verbs.setdefault((kind, ""), set()).add("delete")
    found = {}
    for (kind, subresource), each in verbs.items():
        group = KINDS[kind].api_version.rpartition("/")[0]
        found[group, KINDS[kind].plural + (f"/{subresource}" if subresource else "")] = each
    return found


EXAMPLES_OF_CHILDREN: tuple[dict[str, Any], ...] = (
    {"replicas": 1, "metrics": {"podMonitor": False}, "networkPolicy": {"enabled": False}},
    {
        "services": {"leader": {"enabled": True}},
        "tls": {"mode": "CertManager", "issuer": {"name": "i"}},
        "gpu": {"kind": "resourceClaim", "resourceClaim": {"deviceClassName": "g"}},
    },
)
"""Without anything that may be left out, and with all of it."""


def test_every_right_has_a_use_and_every_use_its_right() -> None:
    cluster_role = next(role for role in installed("ClusterRole") if role["metadata"]["name"].endswith("quorate-operator"))
    there: dict[tuple[str, str], set[str]] = {}
    for rule in cluster_role["rules"]:
        for group in rule["apiGroups"]:
            for resource in rule["resources"]:
                there.setdefault((group, resource), set()).update(rule["verbs"])
    assert there.pop(("rbac.authorization.k8s.io", "clusterroles")) == {"bind"}
    assert there.pop(("certificates.k8s.io", "signers")) == {"approve", "sign"}
    assert there == used()


def test_the_operator_lists_no_secrets_and_deletes_no_pods() -> None:
    cluster_role = next(role for role in installed("ClusterRole") if role["metadata"]["name"].endswith("quorate-operator"))
    for rule in cluster_role["rules"]:
        if "secrets" in rule["resources"]:
            assert rule["verbs"] == ["get"], rule
        if "pods" in rule["resources"]:
            assert "delete" not in rule["verbs"] and "create" not in rule["verbs"], rule


def test_the_member_role_is_there_under_the_name_that_the_operator_binds() -> None:
    (role,) = [role for role in installed("ClusterRole") if role["metadata"]["name"] == MEMBER_ROLE]
    assert all(set(rule["verbs"]) <= {"get", "list", "watch"} for rule in role["rules"])


def test_the_operators_pods_are_as_restricted_asks() -> None:
    (deployment,) = installed("Deployment")
    pod = deployment["spec"]["template"]["spec"]
    assert deployment["spec"]["replicas"] == 2
    assert pod["securityContext"]["runAsNonRoot"] and pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    for container in pod["containers"]:
        security = container["securityContext"]
        assert security["readOnlyRootFilesystem"] and not security["allowPrivilegeEscalation"]
        assert security["capabilities"] == {"drop": ["ALL"]}
        assert container["resources"]["limits"]["memory"]
        assert container["livenessProbe"] and container["readinessProbe"]
