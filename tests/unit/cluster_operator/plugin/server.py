"""An API server in memory, as far as the plugin asks one: versions that conflict, names, labels, rules about replicas."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any, cast

from quorate_operator.api.model import KIND
from quorate_operator.clients.errors import ApiFailure
from quorate_operator.clients.kubernetes_api import KubernetesApi
from quorate_operator.plugin.clusters import Clusters

Document = dict[str, Any]
NAMESPACE = "shop"
SINCE = "2026-01-01T00:00:00Z"


class Server:
    """`before_patch` is run before each patch is judged: there others change what was read."""

    def __init__(self, *items: Document) -> None:
        self.items = {(each["kind"], each["metadata"]["name"]): each for each in items}
        self.logs_of: dict[tuple[str, str], str] = {}
        self.forbidden: set[str] = set()
        self.missing: set[str] = set()
        self.patches: list[Document] = []
        self.before_patch: Callable[[], None] = lambda: None

    def clusters(self) -> Clusters:
        return Clusters(cast("KubernetesApi", self), NAMESPACE)

    def _refuse(self, kind: str) -> None:
        if kind in self.forbidden:
            raise ApiFailure(403, "Forbidden", f"you may not list {kind}")
        if kind in self.missing:
            raise ApiFailure(404, "NotFound", "404 page not found\n")

    async def list(self, kind: str, namespace: str = "", *, label: str = "") -> list[Document]:
        self._refuse(kind)
        name, _, value = label.partition("=")
        found = [item for (of, _), item in self.items.items() if of == kind]
        return [copy.deepcopy(each) for each in found if not label or each["metadata"].get("labels", {}).get(name) == value]

    async def get(self, kind: str, namespace: str, name: str) -> Document | None:
        if kind in self.forbidden:
            self._refuse(kind)
        return copy.deepcopy(self.items.get((kind, name)))

    async def patch(self, kind: str, namespace: str, name: str, body: Document) -> Document:
        self.before_patch()
        item = self.items[kind, name]
        if body["metadata"]["resourceVersion"] != item["metadata"]["resourceVersion"]:
            raise ApiFailure(409, "Conflict", "the object has been modified")
        self.patches.append(copy.deepcopy(body["spec"]))
        _merge(item["spec"], body["spec"])
        self.touch(kind, name)
        item["metadata"]["generation"] += 1
        return copy.deepcopy(item)

    async def create(self, item: Document, *, dry_run: bool = False) -> Document:
        assert dry_run, "the plugin makes nothing"
        self._refuse(item["kind"])
        if item["spec"]["replicas"] < 1:
            raise ApiFailure(422, "Invalid", "replicas must be 1 to 9; to stop all pods set spec.hibernated to true")
        return item

    async def logs(self, namespace: str, pod: str, container: str, *, lines: int = 500, previous: bool = False) -> str:
        return self.logs_of[pod, container]

    def touch(self, kind: str, name: str) -> None:
        metadata = self.items[kind, name]["metadata"]
        metadata["resourceVersion"] = str(int(metadata["resourceVersion"]) + 1)


def _merge(into: Document, change: Document) -> None:
    for name, value in change.items():
        if isinstance(value, dict) and isinstance(into.get(name), dict):
            _merge(into[name], value)
        else:
            into[name] = value


def member(pod: str, role: str = "follower", **more: str) -> Document:
    return {"pod": pod, "memberId": "7", "role": role, "term": "3", "version": "0.1.0", "lag": "None", "node": "node-1", **more}


def cluster(name: str = "orders", *, spec: Document | None = None, status: Document | None = None) -> Document:
    """A settled cluster of three, led by the first."""
    pods = [member(f"{name}-0", "leader"), member(f"{name}-1"), member(f"{name}-2")]
    conditions = [
        {"type": kind, "status": value, "reason": "Because", "message": "so it is", "observedGeneration": 4, "lastTransitionTime": SINCE}
        for kind, value in (("Available", "True"), ("Progressing", "False"), ("Degraded", "False"), ("Upgrading", "False"))
    ]
    settled = {
        "observedGeneration": 4, "phase": "Available", "readyReplicas": 3, "leader": f"{name}-0", "term": "3", "version": "0.1.0",
        "members": pods, "conditions": conditions, "plan": [],
    }  # fmt: skip
    return {
        "kind": KIND,
        "metadata": {"name": name, "namespace": NAMESPACE, "generation": 4, "resourceVersion": "10", "uid": "u"},
        "spec": {"replicas": 3, **(spec or {})},
        "status": {**settled, **(status or {})},
    }
