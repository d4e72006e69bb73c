"""The tests' `kubectl`: what it is called with, and how its failures read."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.kubernetes.kubectl import Kubectl, KubectlFailure, condition, eventually

RECORDER = """#!/bin/sh
printf '%s\\n' "$@" > "{folder}/arguments"
case "$*" in
  *fail*) echo "no such thing" >&2; exit 3 ;;
  *apply*) cat > "{folder}/input" ;;
  *) echo '{{"items": [{{"kind": "Pod"}}]}}' ;;
esac
"""


@pytest.fixture
def kubectl(tmp_path: Path) -> Kubectl:
    program = tmp_path / "kubectl"
    program.write_text(RECORDER.format(folder=tmp_path))
    program.chmod(0o755)
    return Kubectl(program, "file")


def test_objects_are_applied_on_the_servers_side_in_a_namespace(kubectl: Kubectl, tmp_path: Path) -> None:
    kubectl.apply([{"kind": "Pod"}], "mine")
    assert (tmp_path / "arguments").read_text().split()[:6] == [
        "--kubeconfig=file",
        "apply",
        "--server-side",
        "--field-manager=tests",
        "-n",
        "mine",
    ]
    assert json.loads((tmp_path / "input").read_text())["items"] == [{"kind": "Pod"}]


def test_a_list_without_a_namespace_is_of_all(kubectl: Kubectl, tmp_path: Path) -> None:
    assert kubectl.list("pods") == [{"kind": "Pod"}]
    assert "-A" in (tmp_path / "arguments").read_text().split()
    kubectl.list("pods", "mine", "app=a")
    assert (tmp_path / "arguments").read_text().split()[3:7] == ["-n", "mine", "-l", "app=a"]


def test_a_failure_names_the_command_its_status_and_what_it_said(kubectl: Kubectl) -> None:
    with pytest.raises(KubectlFailure, match=r"`kubectl fail` failed with status 3: no such thing"):
        kubectl("fail")


def test_what_never_comes_says_what_was_missing_last(kubectl: Kubectl) -> None:
    with pytest.raises(AssertionError, match="the pod: not within 0 s: it is away"):
        eventually("the pod", lambda: "it is away", 0)
    with pytest.raises(AssertionError, match="no such thing"):
        eventually("the pod", lambda: kubectl("fail"), 0)
    assert eventually("nothing", str) < 5


@pytest.mark.parametrize(("status", "expected"), [("True", True), ("False", False), ("Unknown", False)])
def test_a_condition_holds_only_when_it_is_true(status: str, expected: bool) -> None:
    assert condition({"status": {"conditions": [{"type": "Ready", "status": status}]}}, "Ready") is expected
    assert not condition({}, "Ready")
