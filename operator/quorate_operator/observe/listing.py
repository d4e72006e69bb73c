"""Everything of every cluster, listed at once and shared by all that want to look: never older than the moment of asking.

There is no cache that could lie after a write or miss a deletion. A hundred clusters that want to look at the same time cost one list of
each kind: whoever asks while lists are under way gets the next ones, together with all others that asked meanwhile.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from quorate_operator.clients.errors import ApiFailure
from quorate_operator.clients.kinds import CHILDREN, KINDS, MAY_BE_MISSING, RESOURCE
from quorate_operator.clients.kubernetes_api import METADATA_ONLY, KubernetesApi
from quorate_operator.issuing.issuer import is_issued
from quorate_operator.issuing.parsing import SIGNER, is_open, pod_uids_of
from quorate_operator.objects.identity import CLUSTER_LABEL, ClusterKey, Object
from quorate_operator.objects.injection import INJECT_LABEL
from quorate_operator.observe.requests import Judged, by_judge

REQUESTS = "CertificateSigningRequest"


@dataclass(frozen=True)
class Listed:
    """What there was. `by_cluster`: children by their cluster's label and kind; only their owners say whether they are really its."""

    resources: Mapping[ClusterKey, Object]
    by_cluster: Mapping[ClusterKey, Mapping[str, Sequence[Object]]]
    nodes: Sequence[Object]
    """Names and labels only."""
    missing_kinds: frozenset[str]
    requests: Judged = field(default_factory=dict)
    """CertificateSigningRequests for our signer; listed only where a cluster has the operator as its issuer."""
    injected: Mapping[ClusterKey, Sequence[Object]] = field(default_factory=dict)
    """Pods of others, by the cluster that they want a member of."""

    def children(self, key: ClusterKey, kind: str) -> Sequence[Object]:
        return self.by_cluster.get(key, {}).get(kind, ())


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

    async def _after(self, before: asyncio.Task[Listed] | None) -> Listed:
        if before is not None:
            await asyncio.wait([before])
        self._running, self._next = self._next, None
        return await self._list()

    async def _list(self) -> Listed:
        kinds = [RESOURCE, *CHILDREN]
        lists = await asyncio.gather(*(self._of_kind(kind) for kind in kinds), self._nodes(), self._of_kind("Pod", INJECT_LABEL))
        found = dict(zip([*kinds, "Node", INJECT_LABEL], lists, strict=True))
        found[REQUESTS] = await self._requests(found[RESOURCE] or ())
        if _is_of_unseen_pod(found[REQUESTS] or (), [*(found["Pod"] or ()), *(found[INJECT_LABEL] or ())]):
            # Listed after the pods, it may be of one that was made in between: denied, a pod would have done nothing wrong but to be new.
            found["Pod"], found[INJECT_LABEL] = await asyncio.gather(self._of_kind("Pod"), self._of_kind("Pod", INJECT_LABEL))
        resources = {_key(item): item for item in found[RESOURCE] or ()}
        injected = _by_wish(found[INJECT_LABEL] or ())
        by_cluster = _by_cluster({kind: found[kind] or () for kind in CHILDREN})
        return Listed(
            resources,
            by_cluster,
            found["Node"] or (),
            frozenset(kind for kind, items in found.items() if items is None),
            by_judge(resources, [{key: kinds.get("Pod", ()) for key, kinds in by_cluster.items()}, injected], found[REQUESTS] or ()),
            injected,
        )

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

    async def _of_kind(self, kind: str, label: str = CLUSTER_LABEL) -> Sequence[Object] | None:
        label = "" if kind == RESOURCE else label
        try:
            parts = await asyncio.gather(*(self.api.list(kind, namespace, label=label) for namespace in self.namespaces or ("",)))
        except ApiFailure as failure:
            if kind in MAY_BE_MISSING and failure.status in (403, 404):
                return None
            raise
        # Lists leave out what is the same for all of their items.
        named = {"apiVersion": KINDS[kind].api_version, "kind": kind}
        return [{**named, **item} for part in parts for item in part]

    async def _nodes(self) -> Sequence[Object] | None:
        try:
            return await self.api.list("Node", accept=METADATA_ONLY)
        except ApiFailure as failure:
            if failure.status == 403:
                return None
            raise


def _key(item: Object) -> ClusterKey:
    return item["metadata"]["namespace"], item["metadata"]["name"]


def _is_of_unseen_pod(requests: Iterable[Object], pods: Iterable[Object]) -> bool:
    seen = {pod["metadata"]["uid"] for pod in pods}
    return any(uid not in seen for request in requests if is_open(request) for uid in pod_uids_of(request))


def _by_wish(pods: Iterable[Object]) -> dict[ClusterKey, list[Object]]:
    ordered: dict[ClusterKey, list[Object]] = {}
    for item in pods:
        ordered.setdefault((item["metadata"]["namespace"], item["metadata"]["labels"][INJECT_LABEL]), []).append(item)
    return ordered


def _by_cluster(found: Mapping[str, Iterable[Object]]) -> dict[ClusterKey, dict[str, list[Object]]]:
    ordered: dict[ClusterKey, dict[str, list[Object]]] = {}
    for kind, items in found.items():
        for item in items:
            key = item["metadata"]["namespace"], item["metadata"].get("labels", {}).get(CLUSTER_LABEL, "")
            ordered.setdefault(key, {}).setdefault(kind, []).append(item)
    return ordered
