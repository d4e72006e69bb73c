"""The tests' way to a cluster, whichever it is: `kubectl` with one kubeconfig, answers as JSON."""

from __future__ import annotations

import json
import shutil
import subprocess
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

Document = dict[str, Any]
TIMEOUT_S = 60.0
POLL_S = 0.2


class KubectlFailure(Exception):
    """A command failed: the command, its status, what it said."""


class Kubectl:
    def __init__(self, program: str | Path, kubeconfig: str | Path) -> None:
        self.kubeconfig = str(kubeconfig)
        self.program = Path(shutil.which(program) or program)
        self._command = [str(program), f"--kubeconfig={kubeconfig}"]

    def __call__(self, *arguments: str, text: str | None = None, timeout_s: float = TIMEOUT_S) -> str:
        """Standard output. Raises `KubectlFailure`."""
        command = [*self._command, *arguments]
        try:
            done = subprocess.run(command, input=text, capture_output=True, text=True, timeout=timeout_s)
        except subprocess.TimeoutExpired:
            raise KubectlFailure(f"`kubectl {' '.join(arguments)}` took more than {timeout_s:g} s") from None
        if done.returncode != 0:
            raise KubectlFailure(f"`kubectl {' '.join(arguments)}` failed with status {done.returncode}: {done.stderr.strip()}")
        return done.stdout

    def apply(self, objects: Iterable[Mapping[str, object]], namespace: str = "default") -> None:
        """Server-side, so that the API server's own defaults and refusals are what is seen."""
        document = {"apiVersion": "v1", "kind": "List", "items": list(objects)}
        self("apply", "--server-side", "--field-manager=tests", "-n", namespace, "-f", "-", text=json.dumps(document))

    def try_out(self, document: Mapping[str, object], namespace: str = "default") -> str:
        """What the API server would say of it, warnings included; nothing is kept. Raises `KubectlFailure` where it refuses."""
        command = [*self._command, "apply", "--server-side", "--field-manager=tests", "--dry-run=server", "-n", namespace, "-f", "-"]
        done = subprocess.run(command, input=json.dumps(document), capture_output=True, text=True, timeout=TIMEOUT_S)
        if done.returncode != 0:
            raise KubectlFailure(f"refused with status {done.returncode}: {done.stderr.strip()}")
        return done.stderr

    def get(self, kind: str, name: str, namespace: str = "default") -> Document:
        answer: Document = json.loads(self("get", kind, name, "-n", namespace, "-o", "json"))
        return answer

    def list(self, kind: str, namespace: str = "", selector: str = "") -> list[Document]:
        """Of all namespaces where none is named."""
        where = ["-n", namespace] if namespace else ["-A"]
        which = ["-l", selector] if selector else []
        items: list[Document] = json.loads(self("get", kind, *where, *which, "-o", "json"))["items"]
        return items

    def execute(self, namespace: str, pod: str, *command: str, container: str = "", timeout_s: float = TIMEOUT_S) -> str:
        """Standard output of a command in a running container. Raises `KubectlFailure` where its status is not 0."""
        inside = ["-c", container] if container else []
        return self("exec", "-n", namespace, pod, *inside, "--", *command, timeout_s=timeout_s)

    def logs(self, namespace: str, pod: str, *arguments: str) -> str:
        return self("logs", "-n", namespace, pod, *arguments)


def condition(document: Document, kind: str) -> bool:
    """Whether a status' condition of that type is True."""
    return any(each["type"] == kind and each["status"] == "True" for each in document.get("status", {}).get("conditions", []))


def eventually(what: str, probe: Callable[[], str], timeout_s: float = 60.0) -> float:
    """Asks `probe` until it answers with the empty text, and returns the seconds; its answers say what is missing.

    A command that fails is one more thing that is missing. Raises `AssertionError` after `timeout_s`.
    """
    begun = time.monotonic()
    while True:
        try:
            missing = probe()
        except KubectlFailure as failure:
            missing = str(failure)
        passed = time.monotonic() - begun
        if not missing:
            return passed
        assert passed < timeout_s, f"{what}: not within {timeout_s:g} s: {missing}"
        time.sleep(POLL_S)
