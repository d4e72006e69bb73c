"""A cluster of what the operator's builders make, applied by hand: how the node lives in such pods, without an operator that helps."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from quorate_operator.api.spec import ConsensusClusterSpec
from quorate_operator.objects.children import OPTIONAL_KINDS, wanted_children
from quorate_operator.objects.identity import API_PORT, Identity
from quorate_operator.objects.statefulset import stateful_set
from tests.kubernetes.kubectl import Kubectl, eventually
from tests.kubernetes.target import Target

Object = dict[str, Any]
NAME = "orders"
CONTAINER = "quorate"
ROLE = "quorate-member"
BOOTSTRAP = """
import json, sys, urllib.request
url, token = sys.argv[1:]
request = urllib.request.Request(url + "/v1/bootstrap", json.dumps({"token": token}).encode(), {"content-type": "application/json"})
print(urllib.request.urlopen(request, timeout=30).read().decode())
"""
"""Refused (409) while a peer that is listed already does not answer yet: it is asked again."""
NO_DNS = {"spec": {"dnsPolicy": "None", "dnsConfig": {"nameservers": ["127.0.0.1"]}}}
"""A pod template whose members can resolve nothing by DNS."""


@dataclass(frozen=True)
class Line:
    """One of a member's log."""

    at: datetime
    message: str


@dataclass(frozen=True)
class Built:
    kubectl: Kubectl
    namespace: str
    identity: Identity
    replicas: int

    @property
    def pods(self) -> list[str]:
        return [self.identity.pod(number) for number in range(self.replicas)]

    def ask(self, pod: str, path: str) -> Object:
        """A member's own answer, through the API server."""
        url = f"/api/v1/namespaces/{self.namespace}/pods/http:{pod}:{API_PORT}/proxy{path}"
        found: Object = json.loads(self.kubectl("get", "--raw", url))
        return found

    def roles(self) -> dict[str, str]:
        return {pod: self.ask(pod, "/v1/status")["role"] for pod in self.pods}

    def leader(self) -> str:
        """The pod that leads. Raises `AssertionError` while there is none, or more than one."""
        leading = [pod for pod, role in self.roles().items() if role == "leader"]
        assert len(leading) == 1, f"{leading} lead"
        return leading[0]

    def settled(self) -> str:
        """Empty when every pod is ready, as its voter."""
        pods = {pod["metadata"]["name"]: pod for pod in self.kubectl.list("pods", self.namespace)}
        for name in self.pods:
            statuses = pods.get(name, {}).get("status", {}).get("containerStatuses", [])
            if not (statuses and statuses[0]["ready"]):
                return f"{name} is not ready"
        wrong = {pod: role for pod, role in self.roles().items() if role not in ("leader", "follower")}
        return f"{wrong}" if wrong else ""

    def log(self, pod: str) -> list[Line]:
        found = []
        for text in self.kubectl.logs(self.namespace, pod, "-c", CONTAINER).splitlines():
            try:
                line = json.loads(text)
            except ValueError:
                continue
            found.append(Line(datetime.fromisoformat(line["time"]), line["message"]))
        return found

    def bootstrap(self) -> None:
        first = self.pods[0]

        def missing() -> str:
            self.kubectl.execute(
                self.namespace, first, "python3", "-c", BOOTSTRAP, f"http://127.0.0.1:{API_PORT}", "of the test", container=CONTAINER
            )
            return ""

        eventually("the first member is bootstrapped", missing, 90)
        eventually("all are ready voters", self.settled, 120)

    def quorate(self, pod: str, *arguments: str) -> str:
        """The command-line client in a member's pod."""
        command = ("quorate", "--endpoints", f"http://127.0.0.1:{API_PORT}", "--timeout", "20s", *arguments)
        return self.kubectl.execute(self.namespace, pod, *command, container=CONTAINER, timeout_s=60)


def member_role() -> Object:
    """As the chart's ClusterRole of this name, in this namespace alone."""
    rule = {"apiGroups": ["discovery.k8s.io"], "resources": ["endpointslices"], "verbs": ["get", "list", "watch"]}
    return {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role", "metadata": {"name": ROLE}, "rules": [rule]}


def build(kubectl: Kubectl, target: Target, namespace: str, *, allowed: bool = True, **fields: Any) -> Built:
    """Applied, and not yet bootstrapped. `allowed`: the members may read EndpointSlices. `fields`: of the resource's spec."""
    wanted = {
        "storage": {"size": "256Mi"},
        "image": {"reference": target.image, "pullPolicy": "IfNotPresent"},
        "placement": {"nodes": "Preferred"},
        **fields,
    }
    spec = ConsensusClusterSpec.model_validate(wanted)
    identity = Identity(NAME, namespace, "none", "quorate-system", target.image, "test")
    objects = [*wanted_children(spec, identity), stateful_set(spec, identity, replicas=spec.replicas)]
    objects = [item for item in objects if item["kind"] not in OPTIONAL_KINDS and (allowed or item.get("roleRef", {}).get("name") != ROLE)]
    for item in objects:
        # Nobody made the resource that would own them: what is not owned is not collected.
        del item["metadata"]["ownerReferences"]
        if item["kind"] == "RoleBinding" and item["roleRef"]["name"] == ROLE:
            item["roleRef"]["kind"] = "Role"
        if item["kind"] == "EndpointSlice":
            # The API server takes a slice without, as the operator applies it; kubectl does not.
            item["endpoints"] = []
    kubectl.apply([member_role(), *objects], namespace)
    return Built(kubectl, namespace, identity, spec.replicas)


def seconds_between(lines: list[Line], first: str, then: str) -> float:
    """From the last line that has `first` to the first one after it that has `then`."""
    begun = max(line.at for line in lines if first in line.message)
    return min((line.at - begun).total_seconds() for line in lines if then in line.message and line.at >= begun)
