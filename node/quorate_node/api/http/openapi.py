"""`/openapi.json`: OpenAPI 3.1, made from the route table and the message structs."""

from __future__ import annotations

import re
from functools import cache
from typing import Any

import msgspec

from quorate.wire.errors import ERRORS
from quorate_node.api.http.problem import ErrorBody
from quorate_node.api.http.routes import JSON, ROUTES, Access, Route

ALWAYS = ("InvalidArgument", "MalformedBody", "UnknownField", "PermissionDenied", "MethodNotAllowed", "TooManyRequests",
          "ShuttingDown", "NotReady", "StoreUnavailable", "Internal")
WITH_BODY = ("BodyTooLarge", "UnsupportedMediaType")
TEMPLATE = "#/components/schemas/{name}"


@cache
def document() -> bytes:
    """The document as JSON; the same bytes every time."""
    return msgspec.json.format(msgspec.json.encode(build()), indent=1)


def build() -> dict[str, Any]:
    shapes = [ErrorBody, *(shape for route in ROUTES for shape in (route.answer, route.body) if shape is not None)]
    unique = list(dict.fromkeys(shapes))
    schemas, components = msgspec.json.schema_components(unique, ref_template=TEMPLATE)
    by_shape = dict(zip(unique, schemas, strict=True))
    paths: dict[str, dict[str, Any]] = {}
    for route in ROUTES:
        paths.setdefault(open_path(route.path), {})[route.method.lower()] = _operation(route, by_shape)
    return {
        "openapi": "3.1.0",
        "info": {"title": "Quorate", "version": "v1", "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"}},
        "paths": paths,
        "components": {"schemas": components},
    }


def open_path(path: str) -> str:
    """aiohttp's path without the patterns of its parameters."""
    return re.sub(r"\{(\w+):[^}]*\}", r"{\1}", path)


def _operation(route: Route, schemas: dict[Any, Any]) -> dict[str, Any]:
    content = {"schema": schemas[route.answer]} if route.answer is not None else {}
    operation: dict[str, Any] = {
        "operationId": route.name,
        "summary": route.summary,
        **({"x-quorate-access": route.access.value} if route.access is not Access.CLIENT else {}),
        "parameters": _parameters(route),
        "responses": {"200": {"description": "Done.", "content": {route.media: content}}, **_errors(route, schemas)},
    }
    if route.name in ("watch", "stream", "apply"):
        operation["responses"]["101"] = {"description": "The WebSocket of docs/api.md, after an upgrade."}
    if route.body is not None:
        operation["requestBody"] = {"required": True, "content": {route.body_media: {"schema": schemas[route.body]}}}
    elif route.body_media != JSON:
        operation["requestBody"] = {"required": True, "content": {route.body_media: {}}}
    return operation


def _parameters(route: Route) -> list[dict[str, Any]]:
    parameters: list[dict[str, Any]] = [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string"}} for name in re.findall(r"\{(\w+)", route.path)
    ]
    for field in msgspec.structs.fields(route.query):
        schema = msgspec.json.schema(field.type)
        required = field.required
        parameters.append({"name": field.encode_name, "in": "query", "required": required, "schema": schema})
    headers = ("x-request-id", "x-quorate-timeout-ms", "x-quorate-forward")
    parameters += [{"name": name, "in": "header", "required": False, "schema": {"type": "string"}} for name in headers]
    return parameters


def _errors(route: Route, schemas: dict[Any, Any]) -> dict[str, Any]:
    with_body = WITH_BODY if route.body is not None or route.body_media != JSON else ()
    guarded = ("Unauthenticated",) if route.access is not Access.CLIENT else ()
    names = (*ALWAYS, *guarded, *with_body, *route.errors)
    by_status: dict[str, list[str]] = {}
    for name in dict.fromkeys(names):
        by_status.setdefault(str(ERRORS[name].status), []).append(name)
    return {
        status: {"description": ", ".join(errors), "content": {JSON: {"schema": schemas[ErrorBody]}}}
        for status, errors in sorted(by_status.items())
    }
