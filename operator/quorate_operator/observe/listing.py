"""Everything of every cluster, listed at once and shared by all that want to look: never older than the moment of asking.

It is kept packed, and for no longer than somebody looks at it. There is no cache that could lie after a write or miss a deletion. A hundred
clusters that want to look at the same time cost one list of each kind: whoever asks while lists are under way gets the next ones, together
with all others that asked meanwhile.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from quorate_operator.clients.errors import ApiFailure
from quorate_operator.clients.kinds import CHILDREN, MAY_BE_MISSING, RESOURCE
from quorate_operator.clients.kubernetes_api import METADATA_ONLY, KubernetesApi
from quorate_operator.clients.packed import Packed
from quorate_operator.issuing.issuer import is_issued
from quorate_operator.issuing.parsing import SIGNER, is_open, pod_uids_of
from quorate_operator.objects.identity import CLUSTER_LABEL, ClusterKey, Object
from quorate_operator.objects.injection import INJECT_LABEL
from quorate_operator.observe.requests import Judged, by_judge

REQUESTS = "CertificateSigningRequest"


@dataclass(frozen=True)
class Listed:
    """What there was. `packed`: children by their cluster's label and kind; only their owners say whether they are really its."""

    resources: Mapping[ClusterKey, Object]
    packed: Mapping[ClusterKey, Mapping[str, Sequence[Packed]]]
    nodes: Sequence[Object]
    """Names and labels only."""
    missing_kinds: frozenset[str]
    requests: Judged = field(default_factory=dict)
    """CertificateSigningRequests for our signer; listed only where a cluster has the operator as its issuer."""
    packed_injected: Mapping[ClusterKey, Sequence[Packed]] = field(default_factory=dict)
    """Pods of others, by the cluster that they want a member of."""

    def children(self, key: ClusterKey, kind: str) -> list[Object]:
        return [each.unpacked() for each in self.packed.get(key, {}).get(kind, ())]

    def kinds(self, key: ClusterKey) -> tuple[str, ...]:
        """Of which there is something."""
        return tuple(self.packed.get(key, ()))

    def injected(self, key: ClusterKey) -> list[Object]:
        return [each.unpacked() for each in self.packed_injected.get(key, ())]


@dataclass
class Listing:
    """`namespaces` empty: the whole cluster."""

    api: KubernetesApi
    namespaces: Sequence[str] = ()
    _running: asyncio.Task[Listed] | None = None
    _next: asyncio.Task[Listed] | None = None

    async def look(self) -> Listed:
        """Begun after the call. Raises `ApiFailure` or `ApiUnreachable`, to everybody who waited for the same lists."""
        if self._next is None:
            self._next = asyncio.ensure_future(self._after(self._running))
        # One who gives up must not take the lists from all the others.
        return await asyncio.shield(self._next)

    def _ended(self, task: asyncio.Task[Listed]) -> None:
        """What everybody has got is not kept until somebody asks again."""
        if self._running is task:
            self._running = None

    async def _after(self, before: asyncio.Task[Listed] | None) -> Listed:
        if before is not None:
            await asyncio.wait([before])
        task, self._next = self._next, None
        if task is not None:
            self._running = task
            task.add_done_callback(self._ended)
        return await self._list()

    async def _list(self) -> Listed:
        (resources, nodes), lists = await asyncio.gather(
            asyncio.gather(self._resources(), self._nodes()),
            asyncio.gather(*(self._of_kind(kind) for kind in CHILDREN), self._of_kind("Pod", INJECT_LABEL)),
        )
        found = dict(zip([*CHILDREN, INJECT_LABEL], lists, strict=True))
        requests = await self._requests(resources)
        if _is_of_unseen_pod(requests or (), [*(found["Pod"] or ()), *(found[INJECT_LABEL] or ())]):
            # Listed after the pods, it may be of one that was made in between: denied, a pod would have done nothing wrong but to be new.
            found["Pod"], found[INJECT_LABEL] = await asyncio.gather(self._of_kind("Pod"), self._of_kind("Pod", INJECT_LABEL))
        by_key = {_key(item): item for item in resources}
        injected = _by_wish(found[INJECT_LABEL] or ())
        packed = _by_cluster(found[kind] or () for kind in CHILDREN)
        uids = [
            {key: [pod.uid for pod in kinds.get("Pod", ())] for key, kinds in packed.items()},
            {key: [pod.uid for pod in pods] for key, pods in injected.items()},
        ]
        found_or_not = {**found, "Node": nodes, REQUESTS: requests}
        return Listed(
            by_key,
            packed,
            nodes or (),
            frozenset(kind for kind, items in found_or_not.items() if items is None),
            by_judge(by_key, uids, requests or ()),
            injected,
        )

    async def _resources(self) -> list[Object]:
        parts = await asyncio.gather(*(self.api.list(RESOURCE, namespace) for namespace in self.namespaces or ("",)))
        return [item for part in parts for item in part]

    async def _requests(self, resources: Sequence[Object]) -> Sequence[Object] | None:
        """None when they may not be read."""
        if not any(map(is_issued, resources)):
            return ()
        try:
            return await self.api.list(REQUESTS, field=f"spec.signerName={SIGNER}")
        except ApiFailure as failure:
            if failure.status == 403:
                return None
            raise

    async def _of_kind(self, kind: str, label: str = CLUSTER_LABEL) -> Sequence[Packed] | None:
        try:
            parts = await asyncio.gather(*(self.api.list_packed(kind, namespace, label=label) for namespace in self.namespaces or ("",)))
        except ApiFailure as failure:
            if kind in MAY_BE_MISSING and failure.status in (403, 404):
                return None
            raise
        return [item for part in parts for item in part]

    async def _nodes(self) -> Sequence[Object] | None:
        try:
            return await self.api.list("Node", accept=METADATA_ONLY)
        except ApiFailure as failure:
            if failure.status == 403:
                return None
            raise


def _key(item: Object) -> ClusterKey:
    return item["metadata"]["namespace"], item["metadata"]["name"]


def _is_of_unseen_pod(requests: Iterable[Object], pods: Iterable[Packed]) -> bool:
    seen = {pod.uid for pod in pods}
    return any(uid not in seen for request in requests if is_open(request) for uid in pod_uids_of(request))


def _by_wish(pods: Iterable[Packed]) -> dict[ClusterKey, list[Packed]]:
    ordered: dict[ClusterKey, list[Packed]] = {}
    for item in pods:
        ordered.setdefault((item.namespace, item.wish), []).append(item)
    return ordered


def _by_cluster(found: Iterable[Iterable[Packed]]) -> dict[ClusterKey, dict[str, list[Packed]]]:
    ordered: dict[ClusterKey, dict[str, list[Packed]]] = {}
    for items in found:
        for item in items:
            ordered.setdefault((item.namespace, item.cluster), {}).setdefault(item.kind, []).append(item)
    return ordered
