"""docs/resource.md: every field of a ConsensusCluster, from the schema that the API server has."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from quorate_operator.api.admission import WARNINGS
from quorate_operator.api.crd import COLUMNS, root_schema
from quorate_operator.api.model import GROUP, KIND, PRESERVE, VALIDATIONS, VERSION
from quorate_operator.api.schema import Schema

HEAD = f"""# The resource

Every field of `{KIND}` (`{GROUP}/{VERSION}`, short names `quorate` and `qcc`). Worked examples are in [manifests](../manifests), what to
do with them in [Day 2](day-2.md). This page is made from the models (`make operator-docs`); a test holds both equal.

A field that is left out has its default, which the API server fills in; one without a default may be missing. An unknown field is dropped
with a warning, or refused (`kubectl apply --validate=strict`). What cannot work is refused with the remedy in the message.
"""

STATUS = """Written by the operator alone, and made anew from what is there each time: no age and no raw number of entries is in it, so
that a settled cluster costs no write.
"""


def resource_page() -> str:
    whole = root_schema()["properties"]
    refusals = [*_rules(root_schema())]
    parts = [
        HEAD,
        "## Fields of spec\n",
        _table(whole["spec"], "spec"),
        "## Fields of status\n",
        STATUS,
        _table(whole["status"], "status"),
        "## What is refused\n",
        "| where | the message |\n|---|---|\n" + "".join(f"| `{path}` | {_cell(message)} |\n" for path, message in refusals),
        "## What is warned of\n",
        "It works, and is unwise; the chart's ValidatingAdmissionPolicy says so and lets it pass.\n",
        "".join(f"* {message}\n" for _, message in WARNINGS),
        "## Columns\n",
        "`kubectl get quorate` shows these; those with *wide* only with `-o wide`.\n",
        "| column | from | |\n|---|---|---|\n"
        + "".join(f"| {name} | `{path.replace('|', '')}` | {'*wide*' if priority else ''} |\n" for name, _, path, priority in COLUMNS),
    ]
    return "\n".join(parts)


def _table(schema: Schema, path: str) -> str:
    rows = "".join(
        f"| `{name}` | {_type(each)} | {_default(each)} | {_cell(' '.join([each.get('description', ''), *_bounds(each)]).strip())} |\n"
        for name, each in _fields(schema, path)
    )
    return f"| field | type | default | |\n|---|---|---|---|\n{rows}"


def _fields(schema: Schema, path: str) -> Iterator[tuple[str, Schema]]:
    """Every field below, in the models' order; items of a list are `path[]`."""
    for name, each in schema.get("properties", {}).items():
        yield f"{path}.{name}", each
        yield from _fields(each, f"{path}.{name}")
        items = each.get("items", {})
        yield from _fields(items, f"{path}.{name}[]")


def _type(schema: Schema) -> str:
    if "enum" in schema:
        return " \\| ".join(f"`{value}`" for value in schema["enum"])
    if schema["type"] == "array":
        return f"list of {_plain(schema['items'])}"
    if schema["type"] == "object" and "additionalProperties" in schema:
        return f"map of {_plain(schema['additionalProperties'])}"
    return _plain(schema)


def _plain(schema: Schema) -> str:
    return "object, as Kubernetes has it" if schema.get(PRESERVE) else str(schema["type"])


def _default(schema: Schema) -> str:
    """An object's default is made from those of its fields, which have rows of their own."""
    if "default" not in schema or "properties" in schema:
        return ""
    value = schema["default"]
    return "empty" if value in ("", [], {}) else f"`{json.dumps(value) if not isinstance(value, str) else value}`"


def _bounds(schema: Schema) -> Iterator[str]:
    least, most = schema.get("minimum"), schema.get("maximum")
    if least is not None and most is not None:
        yield f"({least} to {most})"
    if "maxItems" in schema:
        yield f"(at most {schema['maxItems']})"


def _rules(schema: Mapping[str, Any], path: str = "") -> Iterator[tuple[str, str]]:
    for each in schema.get(VALIDATIONS, []):
        yield f"{path}{each.get('fieldPath', '')}".lstrip(".") or "metadata, spec", each["message"]
    for name, each in schema.get("properties", {}).items():
        yield from _rules(each, f"{path}.{name}")
    if "items" in schema:
        yield from _rules(schema["items"], f"{path}[]")


def _cell(text: str) -> str:
    return text.replace("|", "\\|")
