"""What we own in a live object, compared with what we want: what others or the API server have added is theirs."""

from __future__ import annotations

from typing import Any

from quorate_operator.api.quantity import NotAQuantity, amount

_AMOUNTS = frozenset({"requests", "limits"})


_WHOLE = frozenset({"spec.selector", "spec.selector.matchLabels", "spec.podSelector", "spec.podSelector.matchLabels"})
"""Maps that mean something as a whole: one more label in a Service's selector, and it selects nobody."""


def differences(wanted: Any, live: Any, path: str = "") -> list[str]:
    """Paths at which `live` lacks what is wanted, in the order of `wanted`. Empty: an apply would change nothing that is ours."""
    if isinstance(wanted, dict):
        if not isinstance(live, dict):
            return [path] if wanted else []
        if path in _WHOLE and set(live) - set(wanted):
            return [path]
        if path.rsplit(".", 1)[-1] in _AMOUNTS:
            return [f"{path}.{name}" for name, value in wanted.items() if not _same_amount(value, live.get(name))]
        return [each for key, value in wanted.items() for each in differences(value, live.get(key), f"{path}.{key}" if path else key)]
    if isinstance(wanted, list):
        return _list_differences(wanted, live, path)
    return [] if wanted == live or (live is None and wanted in ("", 0, False)) else [path]


def _list_differences(wanted: list[Any], live: Any, path: str) -> list[str]:
    if not isinstance(live, list):
        return [path] if wanted else []
    if wanted and all(isinstance(item, dict) and "name" in item for item in wanted):
        by_name = {item["name"]: item for item in live if isinstance(item, dict) and "name" in item}
        found: list[str] = []
        for item in wanted:
            found += differences(item, by_name.get(item["name"]), f"{path}[{item['name']}]")
        return found
    if len(wanted) != len(live):
        return [path]
    return [each for index, item in enumerate(wanted) for each in differences(item, live[index], f"{path}[{index}]")]


def _same_amount(wanted: Any, live: Any) -> bool:
    """By value: the API server writes 1000m as 1."""
    try:
        return live is not None and amount(wanted) == amount(live)
    except NotAQuantity:
        return bool(wanted == live)


_EXACT = ("nodeSelector", "affinity", "runtimeClassName", "priorityClassName", "imagePullSecrets", "resourceClaims")
_CONTAINER_EXACT = ("image", "args", "command", "env", "envFrom")
_ADDED_TOLERATIONS = frozenset({"node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable"})


def outdated_fields(template: dict[str, Any], pod: dict[str, Any]) -> list[str]:
    """Why a live pod is not what `template` makes today; empty: it is. Live fields are compared, never hashes, so that neither a new
    operator nor a field that the API server fills in makes a pod outdated.

    A few fields are compared both ways, since a line taken out of the template must be seen too.
    """
    found = differences({"metadata": template["metadata"], "spec": _without_set_names(template["spec"])}, pod)
    wanted, live = template["spec"], pod.get("spec", {})
    found += [f"spec.{name}" for name in _EXACT if name not in wanted and live.get(name)]
    found += _removed_tolerations(wanted, live)
    for kind in ("containers", "initContainers"):
        containers = {item["name"]: item for item in live.get(kind, [])}
        for item in wanted.get(kind, []):
            found += _removed_in_container(item, containers.get(item["name"], {}), f"spec.{kind}[{item['name']}]")
    return list(dict.fromkeys(found))


def _without_set_names(spec: dict[str, Any]) -> dict[str, Any]:
    """Tolerations have no names and are added to by the API server: they are compared on their own."""
    return {key: value for key, value in spec.items() if key != "tolerations"}


def _removed_tolerations(wanted: dict[str, Any], live: dict[str, Any]) -> list[str]:
    there = [each for each in live.get("tolerations", []) if each.get("key") not in _ADDED_TOLERATIONS]
    asked = [each for each in wanted.get("tolerations", []) if each.get("key") not in _ADDED_TOLERATIONS]
    missing = any(each not in there for each in asked)
    # A device plugin's admission (ExtendedResourceToleration) may add some for what the pod asks for: more is none of our business.
    return ["spec.tolerations"] if missing else []


def _removed_in_container(wanted: dict[str, Any], live: dict[str, Any], path: str) -> list[str]:
    found = []
    for name in _CONTAINER_EXACT:
        names = {item.get("name") for item in wanted.get(name, []) if isinstance(item, dict)} if name == "env" else set()
        if name == "env" and any(item.get("name") not in names for item in live.get(name, [])):
            found.append(f"{path}.env")
        if name != "env" and name not in wanted and live.get(name):
            found.append(f"{path}.{name}")
    for kind in ("requests", "limits"):
        wanted_names = wanted.get("resources", {}).get(kind, {})
        # The API server sets a request that is left out to its limit.
        allowed = {**wanted.get("resources", {}).get("limits", {}), **wanted_names}
        found += [f"{path}.resources.{kind}.{name}" for name in live.get("resources", {}).get(kind, {}) if name not in allowed]
    return found
