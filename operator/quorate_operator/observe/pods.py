"""Pods, volumes and the StatefulSet as the API server shows them, in the words of `decide/world.py`. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from quorate_operator.decide.world import Answer, InjectedPod, Pod, Volume, Workload
from quorate_operator.objects.identity import (
    DATA_VOLUME,
    DEFAULT_IMAGE_ANNOTATION,
    MEMBER_ID_ANNOTATION,
    RETIRED_ANNOTATION,
    TEMPLATE_VERSION_ANNOTATION,
    Identity,
    Object,
)
from quorate_operator.objects.injection import has_sidecar, refused_because
from quorate_operator.objects.pod import HOST_LABEL, ZONE_LABEL

_WAITING = frozenset(
    "CrashLoopBackOff CreateContainerConfigError CreateContainerError ErrImageNeverPull ErrImagePull ImageInspectError ImagePullBackOff"
    " InvalidImageName RunContainerError".split()
)
"""Reasons for which a container waits that do not pass by themselves."""
MESSAGE_CHARACTERS_MAX = 300


def pods(identity: Identity, items: Sequence[Object], zones: Mapping[str, str], answers: Mapping[str, Answer]) -> tuple[Pod, ...]:
    """`answers` by the pods' uids; `zones` by the nodes' names."""
    found = []
    for item in items:
        metadata, status = item["metadata"], item.get("status", {})
        ordinal = identity.ordinal(metadata["name"])
        # A pod that has ended is none: the StatefulSet's controller replaces it.
        if ordinal is None or status.get("phase") in ("Succeeded", "Failed"):
            continue
        node = item.get("spec", {}).get("nodeName", "")
        found.append(
            Pod(
                metadata["name"],
                metadata["uid"],
                ordinal,
                item,
                ready=_condition(status, "Ready").get("status") == "True",
                deleting="deletionTimestamp" in metadata,
                node=node,
                zone=zones.get(node, ""),
                trouble=trouble(status),
                answer=answers.get(metadata["uid"]),
            )
        )
    return tuple(sorted(found, key=lambda pod: pod.ordinal))


def injected(items: Sequence[Object]) -> tuple[InjectedPod, ...]:
    """Pods of others that live and want a member beside them. One that has ended is gone: what was in it ended too."""
    found = [
        InjectedPod(
            item["metadata"]["name"],
            item["metadata"]["uid"],
            has_sidecar(item),
            refused_because(item),
            str(item.get("spec", {}).get("serviceAccountName", "")),
        )
        for item in items
        if item.get("status", {}).get("phase") not in ("Succeeded", "Failed")
    ]
    return tuple(sorted(found, key=lambda pod: (pod.name, pod.uid)))


def _condition(status: Object, kind: str) -> Object:
    return next((each for each in status.get("conditions", []) if each.get("type") == kind), {})


def trouble(status: Object) -> str:
    """Why a pod does not run, in Kubernetes' own words; empty while it runs or only starts."""
    scheduled = _condition(status, "PodScheduled")
    if scheduled.get("status") == "False" and scheduled.get("reason") == "Unschedulable" and not _is_too_early(scheduled):
        return f"Unschedulable: {scheduled.get('message', '')}"[:MESSAGE_CHARACTERS_MAX]
    for container in [*status.get("initContainerStatuses", []), *status.get("containerStatuses", [])]:
        waiting = container.get("state", {}).get("waiting", {})
        if waiting.get("reason") in _WAITING:
            return f"{waiting['reason']} of container {container['name']}: {waiting.get('message', '')}"[:MESSAGE_CHARACTERS_MAX]
    return ""


def _is_too_early(scheduled: Object) -> bool:
    """A claim is made a moment before its pod; the scheduler may see the pod first, and tries again when it sees both."""
    words = str(scheduled.get("message", ""))
    return "persistentvolumeclaim" in words and "not found" in words


def zones_of(nodes: Sequence[Object]) -> dict[str, str]:
    return {node["metadata"]["name"]: node["metadata"].get("labels", {}).get(ZONE_LABEL, "") for node in nodes}


def volumes(identity: Identity, items: Sequence[Object], gone: frozenset[str], fixed: frozenset[str] = frozenset()) -> tuple[Volume, ...]:
    """The claims of this cluster's members. `gone`: names of PersistentVolumes whose node's object is gone; `fixed`: StorageClasses whose
    volumes cannot grow."""
    found = []
    for item in items:
        metadata = item["metadata"]
        ordinal = identity.ordinal(metadata["name"].removeprefix(f"{DATA_VOLUME}-"))
        if ordinal is None or not metadata["name"].startswith(f"{DATA_VOLUME}-"):
            continue
        size = item["spec"]["resources"]["requests"]["storage"]
        found.append(
            Volume(
                metadata["name"],
                metadata["uid"],
                ordinal,
                size,
                # A claim that is not yet bound has no capacity; it will have what it asks for.
                item.get("status", {}).get("capacity", {}).get("storage", size),
                owned=any(owner["uid"] == identity.uid for owner in metadata.get("ownerReferences", [])),
                member_id=_number(metadata.get("annotations", {}).get(MEMBER_ID_ANNOTATION, "")),
                node_gone=item["spec"].get("volumeName", "") in gone,
                deleting="deletionTimestamp" in metadata,
                expandable=item["spec"].get("storageClassName", "") not in fixed,
                retired=RETIRED_ANNOTATION in metadata.get("annotations", {}),
            )
        )
    return tuple(sorted(found, key=lambda volume: volume.ordinal))


def _number(text: str) -> int:
    return int(text) if text.isdigit() else 0


def volumes_on_gone_nodes(persistent_volumes: Sequence[Object], nodes: Sequence[Object]) -> frozenset[str]:
    """Names of volumes that only a node can reach whose object is not there. Nothing is said while no node is seen at all."""
    hosts = {node["metadata"].get("labels", {}).get(HOST_LABEL, node["metadata"]["name"]) for node in nodes}
    if not hosts:
        return frozenset()
    return frozenset(item["metadata"]["name"] for item in persistent_volumes if (wanted := _hosts_of(item)) and not wanted & hosts)


def _hosts_of(persistent_volume: Object) -> set[str]:
    """Hosts that a local volume is bound to; empty for one that any node reaches."""
    terms = persistent_volume["spec"].get("nodeAffinity", {}).get("required", {}).get("nodeSelectorTerms", [])
    return {
        value
        for term in terms
        for expression in term.get("matchExpressions", [])
        if expression.get("key") == HOST_LABEL and expression.get("operator") == "In"
        for value in expression.get("values", [])
    }


def workload(item: Object | None, trouble: str = "") -> Workload | None:
    if item is None:
        return None
    metadata, spec = item["metadata"], item["spec"]
    notes = metadata.get("annotations", {})
    claim = next(each for each in spec["volumeClaimTemplates"] if each["metadata"]["name"] == DATA_VOLUME)
    return Workload(
        metadata["uid"],
        metadata["resourceVersion"],
        spec.get("replicas", 1),
        spec["template"],
        claim["spec"]["resources"]["requests"]["storage"],
        # One that somebody has taken the annotation from is as old as can be; the next apply writes it anew.
        _number(notes.get(TEMPLATE_VERSION_ANNOTATION, "")) or 1,
        notes.get(DEFAULT_IMAGE_ANNOTATION, ""),
        trouble,
    )
