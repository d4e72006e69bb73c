"""An operator as a process of the test: started with a place to die at, killed, paused, two at a time."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from tests.kubernetes.installation import NAMESPACE, RELEASE
from tests.kubernetes.kubectl import eventually
from tests.kubernetes.target import Target

REPOSITORY = Path(__file__).resolve().parents[2]
CRASH_VARIABLE = "QUORATE_OPERATOR_CRASH_AT"
CRASHED = 86
STOP_TIMEOUT_S = 20.0


def cluster_wide_objects() -> list[dict[str, Any]]:
    """What a user has from the chart, and an operator outside a pod needs too: the definition, and the members' role.

    Marked as the chart's release marks them, so that Helm takes them over when a later test installs it.
    """
    definition = next(iter(yaml.safe_load_all((REPOSITORY / "crds" / "consensusclusters.yaml").read_text())))
    rules = [{"apiGroups": ["discovery.k8s.io"], "resources": ["endpointslices"], "verbs": ["get", "list", "watch"]}]
    role = {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "metadata": {"name": "quorate-member"}, "rules": rules}
    for each in (definition, role):
        metadata = each["metadata"]
        metadata["labels"] = {**metadata.get("labels", {}), "app.kubernetes.io/managed-by": "Helm"}
        owner = {"meta.helm.sh/release-name": RELEASE, "meta.helm.sh/release-namespace": NAMESPACE}
        metadata["annotations"] = {**metadata.get("annotations", {}), **owner}
    return [definition, role]


@dataclass
class OperatorProcess:
    """Works in `namespace`, under a Lease of its own there: one of the chart must not look at that namespace meanwhile."""

    target: Target
    namespace: str
    log: Path
    name: str = "first"
    watched: str | None = None
    """Namespaces that it looks after: its own unless something else is said; "" are all."""
    kubeconfig: str = ""
    """How it reaches the API server; "": as the tests do."""
    _process: subprocess.Popen[bytes] | None = field(default=None, repr=False)

    def start(self, crash_at: str = "") -> None:
        repository, _, version = self.target.image.rpartition(":")
        settings = {
            "NAMESPACE": self.namespace,
            "POD_NAME": self.name,
            "WATCH_NAMESPACES": self.namespace if self.watched is None else self.watched,
            "IMAGE": repository,
            "IMAGE_VERSION": version,
            "PORT": "0",
            "LEASE_DURATION_S": "6",
        }
        environment = {**os.environ, **{f"QUORATE_OPERATOR_{name}": value for name, value in settings.items()}}
        environment["KUBECONFIG"] = self.kubeconfig or str(self.target.kubectl.kubeconfig)
        environment["PYTHONPATH"] = os.pathsep.join(str(REPOSITORY / room) for room in ("client", "operator"))
        environment |= {CRASH_VARIABLE: crash_at} if crash_at else {}
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "quorate_operator.main"], env=environment, stdout=log, stderr=log, start_new_session=True
            )

    @property
    def process(self) -> subprocess.Popen[bytes]:
        assert self._process is not None, "it was never started"
        return self._process

    @property
    def ended(self) -> int | None:
        return self.process.poll()

    def wait_for_crash(self, timeout_s: float) -> None:
        """Until it has died where it was told to."""

        def missing() -> str:
            assert self.ended in (None, CRASHED), f"it ended with {self.ended}: {self.tail()}"
            return "" if self.ended == CRASHED else "it has not come to that place"

        eventually("the operator dies", missing, timeout_s)

    def stop(self) -> int:
        """In order. Returns the exit status."""
        self.process.terminate()
        return self.process.wait(STOP_TIMEOUT_S)

    def pause(self) -> None:
        self.process.send_signal(signal.SIGSTOP)

    def go_on(self) -> None:
        self.process.send_signal(signal.SIGCONT)

    def kill(self) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.kill()
            self._process.wait(STOP_TIMEOUT_S)

    def tail(self) -> str:
        return self.log.read_text(errors="replace")[-4_000:]
