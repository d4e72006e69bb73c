"""Drift repair: every child that the spec asks for is there and is as it should be; what it no longer asks for goes."""

from __future__ import annotations

from quorate_operator.decide.actions import Apply, Delete
from quorate_operator.decide.outcome import COMPLETE, Do, Outcome
from quorate_operator.decide.quorum import healthy, voters
from quorate_operator.decide.world import World
from quorate_operator.objects.children import OPTIONAL_KINDS, Key, key, unwanted_children, wanted_children
from quorate_operator.objects.compare import differences
from quorate_operator.objects.identity import Object


def children(world: World) -> Outcome:
    for item in wanted_children(world.spec, world.pinned, budget_closed=_budget_closed(world), authorities=_authorities(world)):
        kind, name = key(item)
        if kind in OPTIONAL_KINDS and kind in world.missing_kinds:
            continue
        live = world.children.get((kind, name))
        if live is None:
            return Do(Apply(item), "Creating", f"{kind} {name} is not there")
        found = differences(item, live)
        if found:
            return Do(Apply(item), "Repairing", f"{kind} {name} differs in {', '.join(found[:3])}")
    for kind, name in unwanted_children(world.spec, world.pinned):
        live = world.children.get((kind, name))
        if live is not None:
            return Do(Delete(kind, name, live["metadata"]["uid"]), "Removing", f"{kind} {name} is no longer asked for")
    return COMPLETE


def old_settings(world: World) -> Outcome:
    """Settings maps that neither the StatefulSet nor any pod names any more."""
    named = _named_maps(world)
    prefix = f"{world.identity.name}-node-"
    for kind, name in sorted(world.children):
        if kind == "ConfigMap" and name.startswith(prefix) and name not in named:
            uid = world.children[kind, name]["metadata"]["uid"]
            return Do(Delete(kind, name, uid), "Removing", f"no pod has the settings of {name} any more")
    return COMPLETE


def _named_maps(world: World) -> set[str]:
    wanted: list[Key] = [key(item) for item in wanted_children(world.spec, world.pinned)]
    specs: list[Object] = [pod.live.get("spec", {}) for pod in world.pods]
    if world.workload is not None:
        specs.append(world.workload.template.get("spec", {}))
    volumes = [volume for spec in specs for volume in spec.get("volumes", [])]
    return {name for _, name in wanted} | {volume["configMap"]["name"] for volume in volumes if "configMap" in volume}


def _authorities(world: World) -> tuple[str, ...]:
    return world.authority.bundle if world.authority is not None and world.spec.tls.mode == "Operator" else ()


def _budget_closed(world: World) -> bool:
    """Beside a user's container, readiness says nothing of consensus: there the budget itself is closed while a member is away."""
    return world.spec.sidecar is not None and not all(healthy(world, member) for member in voters(world))
