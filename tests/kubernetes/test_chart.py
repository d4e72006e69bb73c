"""What Helm makes of the chart: needs Helm, and no cluster."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from quorate_operator.documents.install import KUBERNETES, install_manifest
from tests.kubernetes.binaries.build import programs
from tests.kubernetes.installation import CHART, REPOSITORY

Document = dict[str, Any]
Render = Callable[..., list[Document]]
PULLED = {
    "image.digest": "sha256:" + "a" * 64, "image.pullSecrets": "{registry}", "nodeImage.repository": "registry.example.com/quorate",
    "nodeImage.tag": "0.2.0",
}  # fmt: skip


@pytest.fixture(scope="session")
def helm() -> Path:
    found = shutil.which("helm")
    return Path(found) if found else programs()["helm"]


def run(helm: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([str(helm), *arguments, "--kube-version", KUBERNETES], capture_output=True, text=True, timeout=60)


@pytest.fixture
def render(helm: Path) -> Render:
    """The chart with values, as objects."""

    def rendered(release: str = "quorate", **values: str) -> list[Document]:
        settings = [part for name, value in values.items() for part in ("--set", f"{name}={value}")]
        done = run(helm, "template", release, str(CHART), "-n", "ops", *settings)
        assert done.returncode == 0, done.stderr
        return [each for each in yaml.safe_load_all(done.stdout) if each]

    return rendered


def of_kind(objects: list[Document], kind: str) -> list[Document]:
    return [each for each in objects if each["kind"] == kind]


def environment(objects: list[Document]) -> dict[str, str]:
    (deployment,) = of_kind(objects, "Deployment")
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    return {each["name"]: each.get("value", "") for each in container["env"]}


def test_helm_finds_nothing_wrong_with_the_chart(helm: Path) -> None:
    done = run(helm, "lint", str(CHART), "--strict")
    assert done.returncode == 0, done.stdout


def test_the_manifest_without_helm_is_the_chart_with_its_defaults(helm: Path) -> None:
    there = (REPOSITORY / "manifests" / "install.yaml").read_text(encoding="utf-8")
    assert there == install_manifest(CHART, str(helm)), "make operator-docs"


def test_every_object_of_a_namespace_is_in_the_releases_own(render: Render) -> None:
    cluster_wide = {"CustomResourceDefinition", "ClusterRole", "ClusterRoleBinding"}
    cluster_wide |= {"ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding", "MutatingWebhookConfiguration"}
    for each in render():
        assert each["metadata"].get("namespace") == (None if each["kind"] in cluster_wide else "ops"), each["metadata"]["name"]


def test_the_operator_is_told_what_the_values_say(render: Render) -> None:
    found = environment(render(**{"settings.tickS": "7", "settings.logFormat": "text", **PULLED}))
    assert found["QUORATE_OPERATOR_TICK_S"] == "7" and found["QUORATE_OPERATOR_LOG_FORMAT"] == "text"
    assert found["QUORATE_OPERATOR_IMAGE"] == "registry.example.com/quorate" and found["QUORATE_OPERATOR_IMAGE_VERSION"] == "0.2.0"


def test_every_variable_is_a_setting_that_the_operator_takes(render: Render) -> None:
    from quorate_operator.settings import PREFIX, settings_from

    given = {name: value for name, value in environment(render(watchNamespaces="{a,b}")).items() if value}
    found = {name: value for name, value in given.items() if name.startswith(PREFIX)}
    assert set(given) - set(found) == {"MALLOC_ARENA_MAX", "MALLOC_MMAP_THRESHOLD_"}, "what is for the C library is none of its settings"
    settings = settings_from([], {**found, f"{PREFIX}NAMESPACE": "ops", f"{PREFIX}POD_NAME": "p"})
    assert all(name.removeprefix(PREFIX).lower() in type(settings).model_fields for name in found)
    assert settings.watch_namespaces == ("a", "b") and settings.lease_name == "quorate-operator"


def test_an_image_by_digest_goes_before_its_tag(render: Render) -> None:
    (deployment,) = of_kind(render(**PULLED), "Deployment")
    pod = deployment["spec"]["template"]["spec"]
    assert pod["containers"][0]["image"] == f"quorate@{PULLED['image.digest']}" and pod["imagePullSecrets"] == [{"name": "registry"}]


def test_for_some_namespaces_there_are_roles_and_no_rights_elsewhere(render: Render) -> None:
    objects = render(**{"watchNamespaces": "{a,b}", "rbac.nodes": "false"})
    assert {each["metadata"]["namespace"] for each in of_kind(objects, "Role")} == {"ops", "a", "b"}
    bound = {each["roleRef"]["name"] for each in of_kind(objects, "ClusterRoleBinding")}
    assert bound == {"ops-quorate-operator-test"}, "the test's own, to look at the definition and one role"
    rules = [rule for role in of_kind(objects, "Role") + of_kind(objects, "ClusterRole") for rule in role["rules"]]
    assert not [rule for rule in rules if "certificatesigningrequests" in rule["resources"]]


def test_names_hold_two_installations_apart(render: Render) -> None:
    wide = ("ClusterRole", "ClusterRoleBinding")
    values = {"crds.install": "false", "memberRole.create": "false", "warnings.enabled": "false"}
    one, two = ({(each["kind"], each["metadata"]["name"]) for each in render(release, **values)} for release in ("quorate", "second"))
    assert not one & two and any(kind in wide for kind, _ in one)


def test_the_webhook_is_asked_about_labelled_pods_alone_and_its_absence_stops_nobody(render: Render) -> None:
    (found,) = of_kind(render(), "MutatingWebhookConfiguration")
    (webhook,) = found["webhooks"]
    assert webhook["failurePolicy"] == "Ignore" and webhook["timeoutSeconds"] <= 5 and webhook["sideEffects"] == "None"
    assert webhook["objectSelector"] == {"matchExpressions": [{"key": "quorate.io/inject", "operator": "Exists"}]}
    assert [(rule["operations"], rule["resources"]) for rule in webhook["rules"]] == [(["CREATE"], ["pods"])]
    service = next(each for each in of_kind(render(), "Service") if each["metadata"]["name"] == webhook["clientConfig"]["service"]["name"])
    assert service["spec"]["ports"][0]["targetPort"] == "webhook"
    assert not of_kind(render(watchNamespaces="{a}"), "MutatingWebhookConfiguration"), "a webhook is of the whole Kubernetes"
    theirs = render(**{"injection.certManager.issuer.name": "internal"})
    assert of_kind(theirs, "Certificate")[0]["spec"]["issuerRef"] == {"name": "internal", "kind": "Issuer"}
    (told,) = of_kind(theirs, "MutatingWebhookConfiguration")
    assert told["metadata"]["annotations"]["cert-manager.io/inject-ca-from"] == "ops/quorate-operator-webhook"


def test_switches_leave_their_objects_out(render: Render) -> None:
    switches = {
        "crds.install": "CustomResourceDefinition", "warnings.enabled": "ValidatingAdmissionPolicy",
        "networkPolicy.enabled": "NetworkPolicy", "podDisruptionBudget.enabled": "PodDisruptionBudget",
        "metrics.service.enabled": "Service", "tests.enabled": "Pod", "injection.enabled": "MutatingWebhookConfiguration",
    }  # fmt: skip
    assert {each["kind"] for each in render()} >= set(switches.values())
    assert not {each["kind"] for each in render(**dict.fromkeys(switches, "false"))} & set(switches.values())
    assert not of_kind(render(), "PodMonitor") and of_kind(render(**{"metrics.podMonitor.enabled": "true"}), "PodMonitor")
    assert not of_kind(render(replicas="1"), "PodDisruptionBudget"), "one that allows nothing blocks every drain"


@pytest.mark.parametrize(
    "setting, words",
    [
        ("replicas=9", "'/replicas': maximum"),
        ("replica=2", "additional properties 'replica' not allowed"),
        ("image.pullPolicy=Sometimes", "'/image/pullPolicy': value must be one of"),
        ("image.digest=abc", "'/image/digest'"),
        ("watchNamespaces={A_b}", "'/watchNamespaces/0'"),
        ("settings.tickS=1", "'/settings/tickS': minimum"),
        ("settings.logLevel=loud", "'/settings/logLevel'"),
        ("resources.limits.memory=lots", "'/resources/limits/memory'"),
        ("networkPolicy.colour=red", "'/networkPolicy': additional properties 'colour' not allowed"),
        ("fullnameOverride=-x", "'/fullnameOverride'"),
    ],
)
def test_a_value_that_cannot_be_is_refused_where_it_stands(helm: Path, setting: str, words: str) -> None:
    done = run(helm, "template", "quorate", str(CHART), "--set", setting)
    assert done.returncode != 0 and words in done.stderr, done.stderr


def test_an_old_kubernetes_is_refused(helm: Path) -> None:
    command = [str(helm), "template", "quorate", str(CHART), "--kube-version", "1.29.0"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode != 0 and "kubeVersion" in done.stderr
