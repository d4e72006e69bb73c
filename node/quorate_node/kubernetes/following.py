"""A set of objects as the API server has it, for as long as anybody wants to know: list once, watch from there, begin anew when needed."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from typing import Any, NamedTuple

from quorate_node.kubernetes.client import ApiClient, Event
from quorate_node.kubernetes.errors import ApiError, ApiFailure, ApiUnreachable
from quorate_node.kubernetes.resources import Object, Resource
from quorate_node.resilience.backoff import Backoff

log = logging.getLogger(__name__)


class View(NamedTuple):
    """`failure` is None while the items are what the API server has; else it says why that is not known, and they are as of old."""

    items: Mapping[str, Object]
    """By name."""
    failure: ApiFailure | None


async def follow(
    client: ApiClient, resource: Resource, *, label_selector: str = "", field_selector: str = ""
) -> AsyncGenerator[View, None]:
    """A view now, after each change, and when the API server goes away or comes back. It outlives every failure; `aclose` it at the end.

    A watch that was cut goes on from the last version that was heard of, so a short cut costs no listing.
    """
    following = _Following(client, resource, {"label_selector": label_selector, "field_selector": field_selector})
    settings, loop = client.settings, asyncio.get_running_loop()
    backoff = Backoff(settings.backoff_base_s, settings.backoff_max_s, client.random)
    failing = ""
    while True:
        began_s = loop.time()
        wait_s = 0.0
        try:
            async with aclosing(following.once()) as views:
                async for view in views:
                    failing = ""
                    yield view
        except ApiFailure as failure:
            refused = isinstance(failure, ApiError)
            gone = isinstance(failure, ApiError) and failure.gone
            if isinstance(failure, ApiError):
                wait_s = min(failure.retry_after_s, settings.retry_after_max_s)
            if gone:
                following.forget()
            # That a watch broke, or went on from too far back, is no news by itself: that it cannot be opened again is.
            elif refused or not following.was_open:
                if str(failure) != failing:
                    failing = str(failure)
                    log.warning("%s are as they were last seen: %s", resource.plural, failing)
                following.told_failure = True
                yield View(following.view(), failure)
        if loop.time() - began_s > settings.settled_s:
            backoff.reset()
        await asyncio.sleep(max(backoff.next_delay_s(), wait_s))


class _Following:
    def __init__(self, client: ApiClient, resource: Resource, selectors: dict[str, str]) -> None:
        self._client = client
        self._resource = resource
        self._selectors = selectors
        self._items: dict[str, Object] = {}
        self._version = ""
        self.was_open = False
        self.told_failure = True
        """The first view is news, as is the first after a failure."""

    def view(self) -> dict[str, Object]:
        return dict(self._items)

    def forget(self) -> None:
        """The version is too old to go on from. The objects stay until a new listing has come."""
        self._version = ""

    async def once(self) -> AsyncGenerator[View, None]:
        """From a listing, or from where the last watch ended, to the end of one watch. Raises `ApiFailure`."""
        self.was_open = False
        if not self._version:
            listing = await self._client.list(self._resource, **self._selectors)
            found = {_name(item): item for item in listing.items}
            changed = found != self._items
            self._items, self._version = found, listing.resource_version
            if changed or self.told_failure:
                self.told_failure = False
                yield View(self.view(), None)
        async with self._client.watch(self._resource, self._version, **self._selectors) as events:
            self.was_open = True
            if self.told_failure:
                self.told_failure = False
                yield View(self.view(), None)
            async for event in events:
                if self._take(event):
                    yield View(self.view(), None)

    def _take(self, event: Event) -> bool:
        """True: something changed."""
        self._version = str(_metadata(event.item).get("resourceVersion") or self._version)
        if event.kind == "BOOKMARK":
            return False
        name = _name(event.item)
        before = self._items.get(name)
        if event.kind == "DELETED":
            self._items.pop(name, None)
            return before is not None
        self._items[name] = event.item
        if len(self._items) > self._client.settings.objects_max:
            self.forget()
            raise ApiUnreachable(f"more than {self._client.settings.objects_max} {self._resource.plural} match")
        return before != event.item


def _metadata(item: Object) -> dict[str, Any]:
    metadata = item.get("metadata")
    return metadata if isinstance(metadata, dict) else {}


def _name(item: Object) -> str:
    return str(_metadata(item).get("name", ""))
