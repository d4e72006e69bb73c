"""The operator, installed by its chart as a user does it."""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass
from pathlib import Path

from tests.kubernetes.kubectl import Document, eventually
from tests.kubernetes.target import Target

REPOSITORY = Path(__file__).resolve().parents[2]
CHART = REPOSITORY / "helm" / "quorate"
NAMESPACE = "quorate-system"
RELEASE = "quorate"
OPERATOR = "quorate-operator"
REPLICAS = 2
INSTALL_TIMEOUT_S = 180.0


class HelmFailure(Exception):
    """A command failed: the command, its status, what it said."""


@dataclass(frozen=True)
class Installation:
    target: Target
    helm: Path
    kubeconfig: Path
    namespace: str = NAMESPACE

    def install(self, *values: str) -> None:
        """Installs or upgrades; `values` as `--set` takes them. Until both replicas are ready. Raises `HelmFailure`."""
        repository, _, tag = self.target.image.rpartition(":")
        chosen = [f"image.repository={repository}", f"image.tag={tag}", *values]
        settings = [part for value in chosen for part in ("--set", value)]
        waiting = ("--wait", "--timeout", f"{INSTALL_TIMEOUT_S:g}s")
        self("upgrade", "--install", RELEASE, str(CHART), "--create-namespace", *settings, *waiting)

    def is_there(self) -> bool:
        return any(each["name"] == RELEASE for each in json.loads(self("list", "-o", "json")))

    def __call__(self, *arguments: str) -> str:
        """Output of `helm`. Raises `HelmFailure`."""
        command = [str(self.helm), f"--kubeconfig={self.kubeconfig}", "-n", self.namespace, *arguments]
        done = subprocess.run(command, capture_output=True, text=True, timeout=INSTALL_TIMEOUT_S + 60)
        if done.returncode != 0:
            raise HelmFailure(f"`helm {' '.join(arguments)}` failed with status {done.returncode}: {done.stderr.strip()[-2_000:]}")
        return done.stdout

    def pods(self) -> list[Document]:
        return self.target.kubectl.list("pods", self.namespace, f"app.kubernetes.io/name={OPERATOR}")

    def holder(self) -> str:
        """Name of the pod that works: the Lease's holder."""
        lease = self.target.kubectl.get("lease", OPERATOR, self.namespace)
        return str(lease["spec"].get("holderIdentity") or "")

    def scale(self, replicas: int) -> None:
        """Until as many pods are ready, and no other one is there."""
        self.target.kubectl("scale", "deployment", OPERATOR, f"--replicas={replicas}", "-n", self.namespace)

        def missing() -> str:
            pods = self.pods()
            ready = [pod for pod in pods if all(each["ready"] for each in pod["status"].get("containerStatuses", [{"ready": False}]))]
            return "" if len(pods) == len(ready) == replicas else f"{len(ready)} of {len(pods)} pods are ready"

        eventually(f"{replicas} operators run", missing, 90)

    def logs(self) -> str:
        return "".join(self.target.kubectl.logs(self.namespace, pod["metadata"]["name"]) for pod in self.pods())

    def metrics(self, pod: str) -> dict[str, float]:
        """Samples of one operator by name with labels, as Prometheus reads them; through the API server, from anywhere."""
        path = f"/api/v1/namespaces/{self.namespace}/pods/{pod}:8080/proxy/metrics"
        lines = [line for line in self.target.kubectl("get", "--raw", path).splitlines() if line and not line.startswith("#")]
        return {line.rsplit(" ", 1)[0]: float(line.rsplit(" ", 1)[1]) for line in lines}

    def values(self) -> Document:
        answer: Document = json.loads(self("get", "values", RELEASE, "--all", "-o", "json"))
        return answer


@dataclass
class ChartOperator:
    """The installed operator looks after all namespaces: it rests while a test has one of its own, whose steps it would take."""

    target: Target
    resting: bool = False

    def rest(self) -> None:
        found = [each["metadata"]["name"] for each in self.target.kubectl.list("deployments", NAMESPACE)]
        if not self.resting and OPERATOR in found:
            self._installation.scale(0)
            self.resting = True

    def wake(self) -> None:
        if self.resting:
            self._installation.scale(REPLICAS)
            eventually("one of them works", self._idle, 60)
            self.resting = False

    def _idle(self) -> str:
        holder, pods = self._installation.holder(), [pod["metadata"]["name"] for pod in self._installation.pods()]
        return "" if holder in pods else f"{holder or 'nobody'} holds the lease, there are {pods}"

    @property
    def _installation(self) -> Installation:
        return Installation(self.target, Path("helm"), Path())
