"""Writers and readers in a pod beside the cluster: what failed after the client's retries, what was lost, how long the pauses were."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from tests.kubernetes.kubectl import Kubectl, KubectlFailure, eventually
from tests.kubernetes.target import Target
from tests.kubernetes.workload import CLIENT_PORT, lone_pod

POD = "load"
PROGRAM = (Path(__file__).parent / "load_program.py").read_text(encoding="utf-8")


@dataclass(frozen=True)
class LoadReport:
    writes: int
    gaps: list[tuple[float, float]]
    """The ten longest pauses between two acknowledged writes, in seconds, each with when it began."""
    failures: list[str]
    wrong: list[str]

    @property
    def longest_pause_s(self) -> float:
        return self.gaps[0][0]


@dataclass(frozen=True)
class Load:
    """Runs from `start` until `stop`, which reads its report; also while the API server is away."""

    target: Target
    namespace: str
    cluster: str = "kv"

    @property
    def kubectl(self) -> Kubectl:
        return self.target.kubectl

    def start(self, replicas: int = 3) -> None:
        domain = f"{self.cluster}-members.{self.namespace}.svc:{CLIENT_PORT}"
        members = [f"http://{self.cluster}-{number}.{domain}" for number in range(replicas)]
        self.kubectl.apply([lone_pod(POD, self.target.image, ["python3", "-c", PROGRAM, ",".join(members)])], self.namespace)
        eventually("the load runs", lambda: "" if "writing" in self._said() else f"it says {self._said()!r}", 60)

    def _said(self) -> str:
        try:
            return self.kubectl.logs(self.namespace, POD)
        except KubectlFailure as failure:
            return f"nothing yet ({failure})"

    def stop(self) -> LoadReport:
        self.kubectl.execute(self.namespace, POD, "python3", "-c", "import os, signal; os.kill(1, signal.SIGTERM)")
        eventually("the load has ended", lambda: "" if self._phase() == "Succeeded" else f"its pod is {self._phase()}", 60)
        told = json.loads(self._said().splitlines()[-1])
        report = LoadReport(told["writes"], [(gap, at) for gap, at in told["gaps"]], told["failures"], told["wrong"])
        print(f"{report.writes} writes, {len(report.failures)} failed; the longest time without one: {report.longest_pause_s:.3f} s")
        return report

    def _phase(self) -> str:
        return str(self.kubectl.get("pod", POD, self.namespace)["status"].get("phase", ""))
