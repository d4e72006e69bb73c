"""One cluster's world, put together from what was listed, what its members say, and the few things looked up only in trouble."""

from __future__ import annotations

import ssl
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from quorate_operator.api.quantity import amount
from quorate_operator.api.spec import ConsensusClusterSpec
from quorate_operator.clients.errors import ApiFailure
from quorate_operator.clients.kubernetes_api import KubernetesApi
from quorate_operator.clients.members import MemberApi
from quorate_operator.decide.world import Authority, Founding, World
from quorate_operator.issuing.parsing import open_requests
from quorate_operator.objects.children import Key
from quorate_operator.objects.identity import Identity, Object
from quorate_operator.observe.answers import ask
from quorate_operator.observe.listing import Listed
from quorate_operator.observe.pods import injected, pods, volumes, volumes_on_gone_nodes, workload, zones_of
from quorate_operator.observe.resource import spec_of

EVENT_AGE_S_MAX = 60.0
"""An older complaint of the StatefulSet's controller may be about what has passed: it repeats itself while it goes on."""
_OTHERS = ("StatefulSet", "Pod", "PersistentVolumeClaim")


@dataclass(frozen=True)
class Defaults:
    """What the operator brings along."""

    operator_namespace: str
    image: str
    image_version: str
    address_type: str = "IPv4"


def identity_of(resource: Object, defaults: Defaults) -> Identity:
    metadata = resource["metadata"]
    return Identity(
        metadata["name"],
        metadata["namespace"],
        metadata["uid"],
        defaults.operator_namespace,
        defaults.image,
        defaults.image_version,
        defaults.address_type,
    )


async def observe(
    kubernetes: KubernetesApi,
    members: MemberApi,
    listed: Listed,
    resource: Object,
    defaults: Defaults,
    tls: ssl.SSLContext | None = None,
    authority: Authority | None = None,
) -> World:
    """`authority`: the cluster's own CA, where the operator is its issuer. Raises `InvalidResource`, and what `kubernetes` raises."""
    identity, spec = identity_of(resource, defaults), spec_of(resource)
    key = identity.namespace, identity.name
    stateful_set = next(iter(_ours(identity, listed.children(key, "StatefulSet"))), None)
    pod_items = [pod for pod in listed.children(key, "Pod") if _is_of(pod, stateful_set)]
    scheme = "http" if spec.tls.mode == "Disabled" else "https"
    answers, membership = await ask(members, pod_items, scheme, tls)
    children = _children(identity, listed)
    found = pods(identity, pod_items, zones_of(listed.nodes), answers)
    claims = listed.children(key, "PersistentVolumeClaim")
    fixed = await _fixed_classes(kubernetes, claims, spec)
    gone: frozenset[str] = frozenset()
    if any(pod.answer is None for pod in found) and listed.nodes and claims:
        gone = volumes_on_gone_nodes(await kubernetes.list("PersistentVolume"), listed.nodes)
    expected = stateful_set["spec"].get("replicas", 1) if stateful_set is not None else 0
    trouble = await _complaint(kubernetes, stateful_set) if stateful_set is not None and len(found) < expected else ""
    return World(
        identity,
        spec,
        resource["metadata"].get("generation", 1),
        "deletionTimestamp" in resource["metadata"],
        children,
        tuple(sorted(listed.missing_kinds)),
        workload(stateful_set, trouble),
        found,
        volumes(identity, claims, gone, fixed),
        membership,
        _founding(children.get(("ConfigMap", identity.founding_record))),
        children.get(("ConfigMap", identity.cluster_record), {}).get("data", {}).get("clusterId", ""),
        authority,
        tuple(open_requests(listed.requests.get(key, ()))) if spec.tls.mode == "Operator" else (),
        injected(listed.injected(key)),
    )


def with_child(world: World, live: Object) -> World:
    """The world with one child as the API server has just answered it."""
    kind, name = live["kind"], live["metadata"]["name"]
    if kind == "StatefulSet":
        return replace(world, workload=workload(live))
    if kind == "PersistentVolumeClaim":
        others = [volume for volume in world.volumes if volume.name != name]
        before = next((volume for volume in world.volumes if volume.name == name), None)
        now = volumes(world.identity, [live], frozenset())
        if before is not None:
            now = tuple(replace(each, node_gone=before.node_gone, expandable=before.expandable) for each in now)
        found = [*others, *now]
        return replace(world, volumes=tuple(sorted(found, key=lambda volume: volume.ordinal)))
    changed = replace(world, children={**world.children, (kind, name): live})
    if (kind, name) == ("ConfigMap", world.identity.founding_record):
        return replace(changed, founding=_founding(live))
    if (kind, name) == ("ConfigMap", world.identity.cluster_record):
        return replace(changed, recorded_cluster_id=live["data"]["clusterId"])
    return changed


def without_request(world: World, name: str) -> World:
    """The world with one request answered."""
    return replace(world, requests=tuple(request for request in world.requests if request.name != name))


def _ours(identity: Identity, items: Sequence[Object]) -> list[Object]:
    """By owner and its uid: a label can be put on anything."""
    return [
        item
        for item in items
        if any(owner["uid"] == identity.uid and owner.get("controller") for owner in item["metadata"].get("ownerReferences", []))
    ]


async def _fixed_classes(kubernetes: KubernetesApi, claims: Sequence[Object], spec: ConsensusClusterSpec) -> frozenset[str]:
    """StorageClasses of claims that are to grow and cannot. Looked up only then; one that may not be read may allow it."""
    small = [item for item in claims if amount(item["spec"]["resources"]["requests"]["storage"]) < amount(spec.storage.size)]
    fixed = set()
    for name in sorted({item["spec"].get("storageClassName") or "" for item in small} - {""}):
        try:
            found = await kubernetes.get("StorageClass", "", name)
        except ApiFailure as failure:
            if failure.status != 403:
                raise
            continue
        if found is not None and not found.get("allowVolumeExpansion"):
            fixed.add(name)
    return frozenset(fixed)


def _is_of(pod: Object, stateful_set: Object | None) -> bool:
    """A pod whose StatefulSet is being made anew has no owner for a moment, and is ours by label and name."""
    owners = [owner["uid"] for owner in pod["metadata"].get("ownerReferences", []) if owner.get("controller")]
    return not owners or (stateful_set is not None and owners == [stateful_set["metadata"]["uid"]])


def _children(identity: Identity, listed: Listed) -> dict[Key, Object]:
    key = identity.namespace, identity.name
    return {
        (kind, item["metadata"]["name"]): item
        for kind in listed.kinds(key)
        if kind not in _OTHERS
        for item in _ours(identity, listed.children(key, kind))
        if "deletionTimestamp" not in item["metadata"]
    }


def _founding(record: Object | None) -> Founding | None:
    if record is None:
        return None
    data = record["data"]
    return Founding(data["token"], data["pod"], data["volumeUid"])


async def _complaint(kubernetes: KubernetesApi, stateful_set: Object) -> str:
    """What the StatefulSet's controller says, when it cannot make a pod: only Events tell it."""
    metadata = stateful_set["metadata"]
    events = await kubernetes.list("Event", metadata["namespace"], field=f"involvedObject.uid={metadata['uid']},reason=FailedCreate")
    fresh = [event for event in events if _age_s(event) < EVENT_AGE_S_MAX]
    newest = max(fresh, key=lambda event: str(event.get("lastTimestamp") or ""), default=None)
    return str(newest.get("message", ""))[:300] if newest is not None else ""


def _age_s(event: Object) -> float:
    last = event.get("lastTimestamp") or event.get("eventTime") or event["metadata"]["creationTimestamp"]
    return (datetime.now(UTC) - datetime.fromisoformat(str(last))).total_seconds()
