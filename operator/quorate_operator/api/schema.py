"""From a model to the structural schema that Kubernetes asks for: everything inline, no titles, no unions."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel

from quorate_operator.api.model import PRESERVE

Schema = dict[str, Any]
_KEPT = (
    "type", "description", "format", "enum", "default", "minimum", "maximum", "minLength", "maxLength", "pattern",
    "minItems", "maxItems", "maxProperties", "required",
)  # fmt: skip


def structural_schema(model: type[BaseModel]) -> Schema:
    """The schema of `model` as a CRD's version carries it (KEP "Vanilla OpenAPI subset: structural schema")."""
    whole = model.model_json_schema(by_alias=True)
    return _structural(whole, whole.get("$defs", {}))


def _structural(schema: Schema, definitions: dict[str, Schema]) -> Schema:
    schema = _resolved(schema, definitions)
    found: Schema = {key: schema[key] for key in _KEPT if key in schema}
    if "const" in schema:
        found["enum"] = [schema["const"]]
    found.update({key: value for key, value in schema.items() if key.startswith("x-kubernetes-")})
    if schema.get("type") == "object" and "properties" in schema:
        found["properties"] = {name: _structural(each, definitions) for name, each in schema["properties"].items()}
        for name in schema.get("required", ()):
            found["properties"][name].pop("default", None)
    elif schema.get("type") == "object" and PRESERVE not in found:
        values = schema["additionalProperties"]
        found["additionalProperties"] = _structural(values, definitions)
    if schema.get("type") == "array":
        found["items"] = _structural(schema["items"], definitions)
    if isinstance(found.get("default"), dict | type(None)) and "default" in found:
        # A nested object's default is made below, from those of its fields. A default of null means that the field may be left out.
        del found["default"]
    if schema.get("type") == "object" and "properties" in schema and not schema.get("required") and not schema.get("optional"):
        # Written out whole: the API server runs an object's rules on its default before it fills in what is nested.
        found["default"] = {name: each["default"] for name, each in found["properties"].items() if "default" in each}
    return _one_line(found)


def _resolved(schema: Schema, definitions: dict[str, Schema]) -> Schema:
    """References and `X | None` replaced by what they stand for; what is said beside them stays."""
    if "$ref" in schema:
        target = definitions[schema["$ref"].rsplit("/", 1)[1]]
        return _resolved({**target, **{key: value for key, value in schema.items() if key != "$ref"}}, definitions)
    if "anyOf" in schema:
        kinds = [each for each in schema["anyOf"] if each.get("type") != "null"]
        if len(kinds) != 1:
            raise ValueError(f"a union has no structural schema: {schema}")
        beside = {key: value for key, value in schema.items() if key not in ("anyOf", "default")}
        return {**_resolved({**kinds[0], **beside}, definitions), "optional": True}
    return schema


def _one_line(found: Schema) -> Schema:
    if "description" in found:
        found["description"] = " ".join(found["description"].split())
    return found
