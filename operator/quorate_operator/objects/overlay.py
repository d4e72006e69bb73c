"""A user's pod laid over ours: fields replace fields, lists of named items are merged by name, other lists are replaced."""

from __future__ import annotations

from typing import Any

from quorate_operator.objects.identity import Object


def overlaid(base: Object, over: Object) -> Object:
    """A new object; neither argument is changed."""
    found = dict(base)
    for key, value in over.items():
        found[key] = _merged(found[key], value) if key in found else value
    return found


def _merged(base: Any, over: Any) -> Any:
    if isinstance(base, dict) and isinstance(over, dict):
        return overlaid(base, over)
    if _named(base) and _named(over):
        return _merged_by_name(base, over)
    return over


def _named(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(item, dict) and "name" in item for item in value)


def _merged_by_name(base: list[Object], over: list[Object]) -> list[Object]:
    """Ours first, in our order; then the user's own."""
    wanted = {item["name"]: item for item in over}
    merged = [overlaid(item, wanted[item["name"]]) if item["name"] in wanted else item for item in base]
    ours = {item["name"] for item in base}
    return merged + [item for item in over if item["name"] not in ours]
