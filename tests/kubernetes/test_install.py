"""The life of an installation: tested by Helm, upgraded, kept to one namespace, taken away, and made again."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.kubernetes.consensus_cluster import ConsensusCluster
from tests.kubernetes.installation import NAMESPACE, OPERATOR, RELEASE, Installation
from tests.kubernetes.kubectl import KubectlFailure, eventually

SPEC: dict[str, Any] = {"replicas": 3, "storage": {"size": "1Gi"}, "resources": {"limits": {"memory": "512Mi"}}}
ACCOUNT = f"system:serviceaccount:{NAMESPACE}:{OPERATOR}"
CRD = "consensusclusters.quorate.io"


def plugin(installation: Installation, *words: str, status: int = 0) -> str:
    """Standard output of `kubectl quorate`; it must end with that status."""
    command = [sys.executable, "-m", "quorate_operator.plugin.main", *words, "--kubeconfig", str(installation.kubeconfig)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=240, env={**os.environ})
    assert done.returncode == status, f"`{' '.join(words)}` ended with {done.returncode}: {done.stdout}{done.stderr}"
    return done.stdout


def test_the_plugin_tells_what_the_api_server_warns_of(cluster: ConsensusCluster, installation: Installation) -> None:
    cluster.apply({**SPEC, "replicas": 2})
    command = [sys.executable, "-m", "quorate_operator.plugin.main", "pause", cluster.name, "-n", cluster.namespace]
    done = subprocess.run([*command, "--kubeconfig", str(installation.kubeconfig)], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0 and "Warning: " not in done.stdout, done.stderr
    assert any(line.startswith("Warning: ") and "spec.replicas" in line for line in done.stderr.splitlines()), done.stderr


PLUGIN = """#!/bin/sh
exec "{python}" -m quorate_operator.plugin.main "$@"
"""
INDENT = "     "
FOLLOWING_S = 3


def told_commands(notes: str) -> str:
    """The script in the notes: what is indented, as a reader would copy it. What follows for ever is let go after some seconds."""
    lines = [line.removeprefix(INDENT) for line in notes.splitlines() if line.startswith(INDENT)]
    shown = [f"timeout {FOLLOWING_S} {line} || test $? = 124" if line.endswith("--watch") else line for line in lines]
    return "\n".join(["set -eux", *shown, ""])


@pytest.fixture
def demo(installation: Installation) -> Iterator[str]:
    """The namespace that the notes make."""
    yield "demo"
    installation.target.remove_namespace("demo")


def test_the_notes_lead_to_a_first_cluster_line_by_line(installation: Installation, demo: str, tmp_path: Path) -> None:
    """As somebody does who copies them: with kubectl, helm and the plugin on the PATH."""
    programs = tmp_path / "bin"
    programs.mkdir()
    (programs / "kubectl").symlink_to(installation.target.kubectl.program)
    (programs / "helm").symlink_to(installation.helm)
    (programs / "kubectl-quorate").write_text(PLUGIN.format(python=sys.executable))
    (programs / "kubectl-quorate").chmod(0o755)
    environment = {**os.environ, "KUBECONFIG": str(installation.kubeconfig), "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}"}
    script = told_commands(installation("get", "notes", RELEASE))
    done = subprocess.run(["bash", "-c", script], env=environment, capture_output=True, text=True, timeout=400)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.splitlines().count("hello, world") == 2 and "Phase:          Succeeded" in done.stdout
    assert re.search(r"first-[0-2] leads", done.stdout) and "condition met" in done.stdout


@pytest.fixture
def settled(cluster: ConsensusCluster) -> ConsensusCluster:
    cluster.apply(SPEC)
    cluster.wait_until_settled()
    return cluster


@pytest.fixture
def restored(installation: Installation) -> Iterator[Installation]:
    """What a test changes of the installation is as it was for the next one."""
    yield installation
    installation.install()


def restarts(cluster: ConsensusCluster) -> dict[str, int]:
    return {
        pod["metadata"]["name"]: sum(each["restartCount"] for each in pod["status"].get("containerStatuses", [])) for pod in cluster.pods()
    }


def observed(cluster: ConsensusCluster) -> str:
    """Empty when the operator has looked at the newest generation."""
    live = cluster.resource()
    seen, there = live.get("status", {}).get("observedGeneration", 0), live["metadata"]["generation"]
    return "" if seen == there else f"the operator has seen generation {seen} of {there}"


def test_helm_test_finds_the_installation_whole(installation: Installation) -> None:
    told = installation("test", RELEASE, "--logs", "--timeout", "120s")
    assert "Phase:          Succeeded" in told and "FAILED" not in told


def test_both_operators_run_restricted_and_one_works(installation: Installation) -> None:
    pods = installation.pods()
    assert len(pods) == 2 and installation.holder() in {pod["metadata"]["name"] for pod in pods}
    labels = installation.target.kubectl.get("namespace", NAMESPACE)["metadata"]["labels"]
    assert labels["pod-security.kubernetes.io/enforce"] == "restricted", "else nothing is shown by their running"


def test_an_upgrade_of_the_operator_restarts_no_member(settled: ConsensusCluster, restored: Installation) -> None:
    before, counted = settled.uids(), restarts(settled)
    operators = {pod["metadata"]["uid"] for pod in restored.pods()}
    restored.install("nodeImage.tag=0.9.9", "nodeImage.repository=registry.example.com/of-the-next-release", "settings.tickS=6")

    def old_ones() -> str:
        there = operators & {pod["metadata"]["uid"] for pod in restored.pods()}
        return f"{len(there)} operators of before are there" if there else ""

    eventually("the operators themselves are new ones", old_ones, 60)
    settled.patch({"metrics": {"intervalS": 31}})
    eventually("the new operator has looked", lambda: observed(settled), 60)
    settled.wait_until_settled()
    assert settled.uids() == before and restarts(settled) == counted
    images = {container["image"] for pod in settled.pods() for container in pod["spec"]["containers"]}
    assert images == {settled.target.image}


def test_an_operator_of_one_namespace_does_all_of_its_work_with_rights_there_alone(
    cluster: ConsensusCluster, restored: Installation, kubectl_may: Any
) -> None:
    restored.install(f"watchNamespaces={{{cluster.namespace}}}")
    # The leader's Service too: a Role for its one slice is granted there, by an operator that must have all that it grants.
    cluster.apply(SPEC | {"services": {"leader": {"enabled": True}}})
    cluster.wait_until_settled()
    assert cluster.kubectl.get("role", f"{cluster.name}-leader", cluster.namespace)["rules"]
    cluster.patch({"replicas": 1})
    cluster.wait_until_settled()
    assert len(cluster.pods()) == 1
    assert kubectl_may("list", "pods", cluster.namespace) and not kubectl_may("list", "pods", "default")
    assert not kubectl_may("list", "secrets", cluster.namespace) and not kubectl_may("delete", "pods", cluster.namespace)


@pytest.fixture
def kubectl_may(installation: Installation) -> Any:
    def may(verb: str, what: str, namespace: str) -> bool:
        try:
            return installation.target.kubectl("auth", "can-i", verb, what, "-n", namespace, f"--as={ACCOUNT}").strip() == "yes"
        except KubectlFailure:
            return False  # `no` is status 1; that `yes` is told at all, other lines of the test see to

    return may


def test_clusters_live_on_without_the_installation_and_are_found_again_by_the_next(
    settled: ConsensusCluster, restored: Installation
) -> None:
    settled.start_client()
    settled.put("greeting", "hello")
    before = settled.uids()
    restored("uninstall", RELEASE, "--wait", "--timeout", "120s")
    eventually("no operator is there", lambda: "one is" if restored.pods() else "", 60)
    assert settled.kubectl.get("customresourcedefinition", CRD)["metadata"]["name"] == CRD and settled.is_there()
    assert settled.uids() == before and settled.get("greeting") == "hello"
    plugin(restored, "doctor", "-n", settled.namespace, status=1)

    leader = settled.leader()
    settled.kubectl("delete", "pod", leader, "-n", settled.namespace, "--wait=false")
    settled.put("greeting", "still here")

    def missing() -> str:
        pods = settled.uids()
        return "" if len(pods) == 3 and pods[leader] != before[leader] else f"{leader} is not back"

    eventually("the pod comes back by its StatefulSet", missing, 90)
    restored.install()
    settled.wait_until_settled()
    assert settled.get("greeting") == "still here"
    plugin(restored, "doctor", "-n", settled.namespace, "--timeout", "60s")


def test_the_plugin_on_a_real_cluster(settled: ConsensusCluster, installation: Installation, tmp_path: Path) -> None:
    here = ("-n", settled.namespace)
    assert settled.leader() in plugin(installation, "status", settled.name, *here)
    told = json.loads(plugin(installation, "transfer-leader", settled.name, *here, "-o", "json"))
    assert told["changed"] is True
    assert settled.resource()["spec"]["placement"]["preferredLeader"] == ""
    plugin(installation, "pause", settled.name, "--wait", *here)
    plugin(installation, "transfer-leader", settled.name, *here, status=5)
    plugin(installation, "resume", settled.name, "--wait", *here)
    target = tmp_path / "bundle.tar.gz"
    files = json.loads(plugin(installation, "support-bundle", settled.name, *here, "-f", str(target), "-o", "json"))["files"]
    assert {"resource.yaml", "children/StatefulSet.yaml", "events.yaml"} <= set(files)
    assert any(name.startswith(f"logs/{settled.name}-0/") for name in files) and any(name.startswith("operator/") for name in files)
    before = settled.uids()
    plugin(installation, "restart", settled.name, "--wait", *here)
    assert not set(before.values()) & set(settled.uids().values())
    plugin(installation, "hibernate", settled.name, "--wait", *here)
    assert settled.pods() == []
    plugin(installation, "wake", settled.name, "--wait", *here)
    settled.wait_until_settled()
    plugin(installation, "status", "nobody", *here, status=4)
