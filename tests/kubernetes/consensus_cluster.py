"""One ConsensusCluster of a test: made, watched until it is as it should be, spoken to from a pod beside it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tests.kubernetes.kubectl import Document, Kubectl, KubectlFailure, eventually
from tests.kubernetes.target import Target
from tests.kubernetes.workload import CLIENT_PORT, lone_pod

KIND = "consensusclusters"
CLIENT = "client"
IDLE = ["python3", "-c", "import signal; signal.signal(signal.SIGTERM, lambda *_: exit(0)); signal.pause()"]
LABEL = "quorate.io/cluster"
AVAILABLE_TIMEOUT_S = 120.0
IN_ONE_PLACE = "QuorumInOnePlace"
"""Degraded by too few nodes: not the test's concern unless it says so."""


def resource(name: str, spec: Mapping[str, Any]) -> Document:
    return {"apiVersion": "quorate.io/v1alpha1", "kind": "ConsensusCluster", "metadata": {"name": name}, "spec": dict(spec)}


@dataclass(frozen=True)
class Condition:
    true: bool
    reason: str
    message: str


@dataclass(frozen=True)
class ConsensusCluster:
    """`namespace` is the test's own. Everything that reads raises `KubectlFailure` while the API server is away."""

    target: Target
    namespace: str
    name: str = "kv"

    @property
    def kubectl(self) -> Kubectl:
        return self.target.kubectl

    def apply(self, spec: Mapping[str, Any]) -> None:
        """The whole spec: what was applied before and is not named goes; what `patch` has set stays."""
        self.kubectl.apply([resource(self.name, spec)], self.namespace)

    def patch(self, spec: Mapping[str, Any]) -> None:
        self.kubectl("patch", KIND, self.name, "-n", self.namespace, "--type=merge", "-p", json.dumps({"spec": spec}))

    def delete(self) -> None:
        self.kubectl("delete", KIND, self.name, "-n", self.namespace, "--timeout=60s", timeout_s=90)

    def resource(self) -> Document:
        return self.kubectl.get(KIND, self.name, self.namespace)

    def status(self) -> Document:
        """Empty until the operator has looked."""
        status: Document = self.resource().get("status", {})
        return status

    def condition(self, kind: str) -> Condition:
        """Of the generation that is there now; one of an older generation is unknown, and so False."""
        live = self.resource()
        for each in live.get("status", {}).get("conditions", []):
            if each["type"] == kind and each["observedGeneration"] == live["metadata"]["generation"]:
                return Condition(each["status"] == "True", each["reason"], each["message"])
        return Condition(False, "Unknown", "nothing is said of this generation")

    def wait_for(self, kind: str, reason: str, timeout_s: float = AVAILABLE_TIMEOUT_S, true: bool = True) -> Condition:
        """Until the condition is as asked, with that reason; returns it."""

        def missing() -> str:
            now = self.condition(kind)
            return "" if (now.true, now.reason) == (true, reason) else f"{kind} is {now}; {self._summary()}"

        eventually(f"{self.name} is {'' if true else 'not '}{kind} with {reason}", missing, timeout_s)
        return self.condition(kind)

    def settled(self) -> str:
        """Empty when it serves, nothing is under way, and nothing is wrong but the number of the nodes."""
        available, progressing, degraded = (self.condition(kind) for kind in ("Available", "Progressing", "Degraded"))
        if available.true and progressing.reason == "AsSpecified" and (not degraded.true or degraded.reason == IN_ONE_PLACE):
            return ""
        return self._summary()

    def wait_until_settled(self, timeout_s: float = AVAILABLE_TIMEOUT_S) -> float:
        return eventually(f"{self.name} is settled", self.settled, timeout_s)

    def _summary(self) -> str:
        status = self.status()
        conditions = [f"{each['type']}={each['status']} ({each['reason']}: {each['message']})" for each in status.get("conditions", [])]
        return "; ".join([*conditions, f"plan {json.dumps(status.get('plan', []))}"])

    def pods(self) -> list[Document]:
        """By name."""
        found = self.kubectl.list("pods", self.namespace, f"{LABEL}={self.name}")
        return sorted(found, key=lambda pod: str(pod["metadata"]["name"]))

    def uids(self) -> dict[str, str]:
        return {pod["metadata"]["name"]: pod["metadata"]["uid"] for pod in self.pods()}

    def leader(self) -> str:
        """Name of the leader's pod, as the status says."""
        return str(self.status().get("leader", ""))

    def events(self) -> list[Document]:
        return [each for each in self.kubectl.list("events", self.namespace) if each["involvedObject"]["name"] == self.name]

    def start_client(self) -> None:
        """A pod of the test's own to run `quorate` in."""
        self.kubectl.apply([lone_pod(CLIENT, self.target.image, IDLE)], self.namespace)
        self.kubectl("wait", "-n", self.namespace, "--for=condition=Ready", f"pod/{CLIENT}", "--timeout=60s", timeout_s=90)

    def quorate(self, *arguments: str, endpoints: str = "") -> str:
        """Output of the client's program, against the cluster's Service where nothing else is said."""
        where = endpoints or f"http://{self.name}.{self.namespace}.svc:{CLIENT_PORT}"
        command = ("quorate", "--endpoints", where, "--timeout", "30s", *arguments)
        return self.kubectl.execute(self.namespace, CLIENT, *command, timeout_s=90)

    def put(self, key: str, value: str) -> None:
        self.quorate("put", key, value)

    def get(self, key: str) -> str:
        return self.quorate("get", key).strip()

    def is_there(self) -> bool:
        try:
            self.resource()
        except KubectlFailure as failure:
            if "not found" in str(failure).lower():
                return False
            raise
        return True
