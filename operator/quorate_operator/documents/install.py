"""manifests/install.yaml: the chart with its defaults, rendered by Helm, for who installs without it."""

from __future__ import annotations

import hashlib
import subprocess
from pathlib import Path

import yaml

RELEASE = "quorate"
NAMESPACE = "quorate-system"
KUBERNETES = "1.34.0"
"""The chart is rendered for it: a Helm that was built without a release number takes Kubernetes for 1.20."""
TIMEOUT_S = 60
RESTRICTED = {
    "pod-security.kubernetes.io/enforce": "restricted",
    "pod-security.kubernetes.io/warn": "restricted",
}


class CannotRender(Exception):
    """Helm is not there, or refused the chart."""


def chart_digest(chart: Path) -> str:
    """Of all that is rendered: it is in the manifest's first lines, so that an old manifest is seen without Helm too."""
    digest = hashlib.sha256()
    parts = [chart / "Chart.yaml", chart / "values.yaml", *sorted((chart / "templates").rglob("*"))]
    for path in parts:
        if path.is_file():
            digest.update(path.relative_to(chart).as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()[:16]


def header(chart: Path) -> str:
    return (
        f"# The operator with the chart's defaults, in namespace {NAMESPACE}:\n"
        "#   kubectl apply --server-side -f manifests/install.yaml\n"
        f"# Made from helm/quorate ({chart_digest(chart)}) by: make operator-docs\n"
    )


def install_manifest(chart: Path, helm: str) -> str:
    """The whole file; the namespace comes first. Raises `CannotRender`."""
    command = [helm, "template", RELEASE, str(chart), "--namespace", NAMESPACE, "--no-hooks", "--kube-version", KUBERNETES]
    command += ["--set", "tests.enabled=false"]  # nobody could run `helm test` on what Helm did not install
    try:
        done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=TIMEOUT_S)  # noqa: S603 (a list, and no shell)
    except (OSError, subprocess.TimeoutExpired) as failure:
        raise CannotRender(f"`{' '.join(command)}`: {failure}; name Helm 3.14 or newer with --helm") from None
    if done.returncode != 0:
        raise CannotRender(f"`{' '.join(command)}` failed with status {done.returncode}: {done.stderr.strip()}")
    namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE, "labels": RESTRICTED}}
    return header(chart) + "---\n" + str(yaml.safe_dump(namespace, sort_keys=False)) + done.stdout
