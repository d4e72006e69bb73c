"""Pods that are not what the template makes today are replaced, one at a time: sick ones first, the leader last."""

from __future__ import annotations

from quorate_operator.decide.actions import Apply, Evict, Resize, SetImage
from quorate_operator.decide.gate import gate
from quorate_operator.decide.outcome import COMPLETE, Complete, Do, Outcome, Wait
from quorate_operator.decide.quorum import healthy, leads, member_in
from quorate_operator.decide.world import Pod, World
from quorate_operator.objects.compare import outdated_fields
from quorate_operator.objects.container import CONTAINER
from quorate_operator.objects.identity import Object
from quorate_operator.objects.statefulset import stateful_set


def wanted_set(world: World) -> Object:
    """The StatefulSet as it should be now, with as many pods as it has."""
    assert world.workload is not None
    return stateful_set(world.spec, world.pinned, replicas=world.workload.replicas, template_version=world.workload.template_version)


def template(world: World) -> Outcome:
    """The StatefulSet's template follows the spec; no pod is touched by that."""
    if world.workload is None:
        return COMPLETE
    item = wanted_set(world)
    found = outdated_fields(item["spec"]["template"], world.workload.template)
    if not found:
        return COMPLETE
    return Do(Apply(item), "Updating", f"the pods' template changes in {', '.join(found[:3])}")


def outdated(world: World) -> list[tuple[Pod, list[str]]]:
    """Pods to replace, each with what is old about it, in the order in which they go."""
    if world.workload is None:
        return []
    wanted = wanted_set(world)["spec"]["template"]
    found = [(pod, fields) for pod in world.pods if not pod.deleting and (fields := outdated_fields(wanted, pod.live))]

    def turn(each: tuple[Pod, list[str]]) -> tuple[bool, bool, int]:
        member = member_in(world, each[0])
        return member is not None and healthy(world, member), member is not None and leads(world, member), -each[0].ordinal

    return sorted(found, key=turn)


def restart(world: World) -> Outcome:
    due = outdated(world)
    if not due:
        return COMPLETE
    pod, fields = due[0]
    why = f"{pod.name} is outdated in {', '.join(fields[:3])}"
    if any(each.deleting for each in world.pods):
        return Wait("RestartInProgress", f"{why}; another pod is on its way", holds=False)
    in_place = _in_place(world, pod, fields)
    if isinstance(in_place, Resize):
        return Do(in_place, "Resizing", f"{why}: changed in the running pod")
    passed = gate(world, pod)
    if not isinstance(passed, Complete):
        return Wait(passed.reason, f"{why}; {passed.message}", holds=False) if isinstance(passed, Wait) else passed
    missing = world.workload.replicas - len(world.pods) if world.workload is not None else 0
    if missing > 0:
        return Wait("RestartInProgress", f"{why}; a pod that was replaced is not back yet", holds=False)
    return Do(in_place or Evict(pod.name, pod.uid), "Restarting", why)


def _in_place(world: World, pod: Pod, fields: list[str]) -> SetImage | Resize | None:
    """The sidecar's image, and any node's processor and memory, change without the pod's end."""
    kind = "initContainers" if world.spec.sidecar is not None else "containers"
    path = f"spec.{kind}[{CONTAINER}]"
    node = next(item for item in wanted_set(world)["spec"]["template"]["spec"][kind] if item["name"] == CONTAINER)
    if world.spec.sidecar is not None and fields == [f"{path}.image"]:
        return SetImage(pod.name, pod.uid, CONTAINER, node["image"])
    resizable = {f"{path}.resources.{part}.{name}" for part in ("requests", "limits") for name in ("cpu", "memory")}
    # A sidecar's resize is not asked for: Kubernetes resizes those only from 1.33 on, and behind a gate before.
    if world.spec.sidecar is None and set(fields) <= resizable and pod.node:
        there = {item["name"]: item for item in pod.live["spec"][kind]}[CONTAINER].get("resources", {})
        gone = [name for part in ("requests", "limits") for name in there.get(part, {}) if name not in node["resources"].get(part, {})]
        return None if gone else Resize(pod.name, pod.uid, CONTAINER, node["resources"])
    return None
