"""A machine that cannot have the test cluster says why in one line, with a status that tells it from a failure."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from tests.kubernetes import prepare
from tests.kubernetes.__main__ import EXIT_CANNOT_PREPARE, main
from tests.kubernetes.cache import VARIABLE


@pytest.fixture(autouse=True)
def machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """One with root, all its rights, an empty cache, and nothing on its PATH but `unshare`, which always succeeds."""
    monkeypatch.delenv("KUBECONFIG", raising=False)
    monkeypatch.setenv(VARIABLE, str(tmp_path / "cache"))
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr("os.geteuid", lambda: 0)
    _program(tmp_path / "unshare", "exit 0")


def _program(path: Path, line: str) -> None:
    path.write_text(f"#!/bin/sh\n{line}\n")
    path.chmod(0o755)


def _said(capsys: pytest.CaptureFixture[str]) -> str:
    said = capsys.readouterr().err
    assert said.count("\n") == 1, "one line"
    return said


def test_without_root(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    assert main(["--check"]) == EXIT_CANNOT_PREPARE
    assert "needs root" in _said(capsys)


def test_root_in_a_container_that_may_not_make_namespaces(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    _program(tmp_path / "unshare", "echo 'unshare failed: Operation not permitted' >&2; exit 1")
    assert main(["--check"]) == EXIT_CANNOT_PREPARE
    assert "may not make namespaces and mounts: unshare failed: Operation not permitted" in _said(capsys)


def test_without_go(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--check"]) == EXIT_CANNOT_PREPARE
    assert "install Go" in _said(capsys)


def test_with_go_it_is_possible(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _program(tmp_path / "go", "exit 0")
    assert main(["--check"]) == 0
    assert capsys.readouterr().err == ""


def test_go_is_not_needed_where_everything_is_built(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prepare, "missing", list)
    assert main(["--check"]) == 0


def test_who_has_no_time_to_build_is_told_what_is_missing(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _program(tmp_path / "go", "exit 0")
    assert main(["--check-built"]) == EXIT_CANNOT_PREPARE
    assert "etcd" in _said(capsys)
    monkeypatch.setattr(prepare, "missing", list)
    assert main(["--check-built"]) == 0


def test_a_cluster_of_ones_own_needs_none_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KUBECONFIG", "/a/cluster")
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    assert main(["--check"]) == 0


def test_the_run_of_all_checks_leaves_it_out_loudly_and_passes_on_every_other_status() -> None:
    """The lines of .ci/run that decide, with a Python that ends as it is told."""
    script = (Path(prepare.REPOSITORY) / ".ci" / "run").read_text()
    decision = script[script.index('if [ "${QUORATE_CI_KUBERNETES') :].replace(".venv/bin/python", "python")
    frame = """
set -euo pipefail
left_out=()
step() {{ echo "ran $1"; }}
python() {{ echo "because of ${{*: -1}}"; return {status}; }}
{decision}
echo "left out: ${{left_out[*]:-nothing}}"
"""
    said = {}
    for status in (0, 2, 1):
        said[status] = _run(frame.format(status=status, decision=decision), "")
    assert said[0] == (0, ["ran test-kubernetes", "left out: nothing"])
    assert said[2] == (0, ["left out: make test-kubernetes: because of --check-built"])
    assert said[1] == (1, ["because of --check-built"])
    insisting = _run(frame.format(status=2, decision=decision), "1")
    assert insisting == (0, ["left out: make test-kubernetes: because of --check"])
    unasked = _run(frame.format(status=0, decision=decision), "0")
    assert unasked == (0, ["left out: make test-kubernetes: QUORATE_CI_KUBERNETES is 0"])


def _run(script: str, asked: str) -> tuple[int, list[str]]:
    environment = {**os.environ, "QUORATE_CI_KUBERNETES": asked}
    done = subprocess.run(["/bin/bash", "-c", script], capture_output=True, text=True, env=environment)
    return done.returncode, done.stdout.splitlines()
