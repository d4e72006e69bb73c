"""The verbs of the API server: get, list, create, update, patch, and a watch."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from enum import Enum
from random import random as system_random
from typing import Any, NamedTuple

import msgspec

from quorate_node.kubernetes.connection import Connection
from quorate_node.kubernetes.credentials import Surroundings
from quorate_node.kubernetes.errors import ApiUnreachable, refusal
from quorate_node.kubernetes.lines import Lines, LineTooLong
from quorate_node.kubernetes.resources import Object, Resource
from quorate_node.kubernetes.settings import ApiServerSettings


class Listing(NamedTuple):
    items: list[Object]
    resource_version: str
    """A watch goes on from here."""


class Event(NamedTuple):
    """`kind`: ADDED, MODIFIED, DELETED or BOOKMARK."""

    kind: str
    item: Object


class PatchKind(Enum):
    APPLY = "application/apply-patch+yaml"
    """Server-side apply: the object as it shall be, as far as `field_manager` is concerned."""
    MERGE = "application/merge-patch+json"
    JSON = "application/json-patch+json"


class ApiClient:
    """Every call raises `ApiFailure`: `ApiError` for a refusal, `ApiUnreachable` when it is not known what happened.

    Nothing is retried here: only the caller knows whether what it asked is still wanted.
    """

    def __init__(
        self,
        surroundings: Surroundings,
        settings: ApiServerSettings | None = None,
        random: Callable[[], float] = system_random,
    ) -> None:
        self.namespace = surroundings.namespace
        self.settings = settings or ApiServerSettings()
        self.random = random
        self._connection = Connection(surroundings, self.settings)

    async def close(self) -> None:
        await self._connection.close()

    async def get(self, resource: Resource, name: str) -> Object:
        return _object(await self._connection.call("GET", resource.path(name)))

    async def list(self, resource: Resource, *, label_selector: str = "", field_selector: str = "") -> Listing:
        """All of them, page by page. Raises `ApiUnreachable` too when there are more than `objects_max`."""
        query = {"limit": str(self.settings.page_objects), **_selectors(label_selector, field_selector)}
        items: list[Object] = []
        while True:
            page = _object(await self._connection.call("GET", resource.path(), query))
            items += [_object(item) for item in page.get("items") or []]
            if len(items) > self.settings.objects_max:
                raise ApiUnreachable(f"GET {resource.path()}: more than {self.settings.objects_max} objects match {label_selector!r}")
            metadata = _object(page.get("metadata"))
            if not metadata.get("continue"):
                return Listing(items, str(metadata.get("resourceVersion", "")))
            query["continue"] = str(metadata["continue"])

    async def create(self, resource: Resource, item: Object) -> Object:
        return _object(await self._connection.call("POST", resource.path(), body=item))

    async def update(self, resource: Resource, item: Object, *, subresource: str = "") -> Object:
        """Replaces the object. With `metadata.resourceVersion`: only as it was read then, else `ApiError.conflict`."""
        name = str(item["metadata"]["name"])
        return _object(await self._connection.call("PUT", resource.path(name, subresource), body=item))

    async def patch(
        self,
        resource: Resource,
        name: str,
        body: Any,
        kind: PatchKind,
        *,
        subresource: str = "",
        field_manager: str = "",
        force: bool = False,
    ) -> Object:
        """`field_manager` is needed for `PatchKind.APPLY`; `force` takes over fields that others manage."""
        query = {"fieldManager": field_manager} if field_manager else {}
        if force:
            query["force"] = "true"
        return _object(await self._connection.call("PATCH", resource.path(name, subresource), query, body, kind.value))

    @asynccontextmanager
    async def watch(
        self, resource: Resource, resource_version: str, *, label_selector: str = "", field_selector: str = ""
    ) -> AsyncIterator[AsyncIterator[Event]]:
        """Entered: the API server watches from that version on. The events end when it ends the watch, as it does every few minutes."""
        seconds = self.settings.watch_timeout_s * (1 - 0.2 * self.random())
        query = {
            "watch": "true",
            "allowWatchBookmarks": "true",
            "resourceVersion": resource_version,
            "timeoutSeconds": str(max(1, int(seconds))),
            **_selectors(label_selector, field_selector),
        }
        async with self._connection.stream(resource.path(), query) as pieces:
            yield self._events(pieces)

    async def _events(self, pieces: AsyncIterator[bytes]) -> AsyncIterator[Event]:
        lines = Lines(self.settings.line_bytes_max)
        async for piece in pieces:
            try:
                whole = lines.feed(piece)
            except LineTooLong as error:
                raise ApiUnreachable(str(error)) from error
            for line in whole:
                yield _event(line)


def _selectors(label_selector: str, field_selector: str) -> dict[str, str]:
    named = {"labelSelector": label_selector, "fieldSelector": field_selector}
    return {name: selector for name, selector in named.items() if selector}


def _object(value: Any) -> Object:
    if not isinstance(value, dict):
        raise ApiUnreachable("the answer of the API server is no object")
    return value


def _event(line: bytes) -> Event:
    """Raises `ApiError` for an event that is a refusal: the watch is over then."""
    try:
        event = _object(msgspec.json.decode(line))
    except msgspec.DecodeError as error:
        raise ApiUnreachable(f"a line of the watch is no JSON: {error}") from error
    item = _object(event.get("object"))
    if event.get("type") == "ERROR":
        code = item.get("code")
        raise refusal(code if isinstance(code, int) else 500, item)
    return Event(str(event.get("type")), item)
