"""A set of objects that is followed through everything that an API server does to a watch."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from aiohttp import web

from quorate_node.kubernetes.client import ApiClient
from quorate_node.kubernetes.errors import ApiError
from quorate_node.kubernetes.following import View, follow
from quorate_node.kubernetes.resources import endpoint_slices
from tests.unit.api_server.server import Server, Watching, item, listing, status

SLICES = endpoint_slices("quorate")


async def _next(views: AsyncIterator[View]) -> View:
    return await asyncio.wait_for(anext(views), 5)


def _names(view: View) -> list[str]:
    return sorted(view.items)


async def test_each_change_is_told_at_once(server: Server, client: ApiClient) -> None:
    watching = Watching()
    server.will(listing([item("a", 3)], 5), watching)
    views = follow(client, SLICES)
    assert await _next(views) == View({"a": item("a", 3)}, None)
    watching.send("ADDED", item("b", 6))
    assert _names(await _next(views)) == ["a", "b"]
    watching.send("BOOKMARK", item("", 7))
    watching.send("MODIFIED", item("a", 8, ports=[1]))
    assert (await _next(views)).items["a"]["ports"] == [1]
    watching.send("DELETED", item("a", 9))
    assert _names(await _next(views)) == ["b"]
    await views.aclose()


async def test_a_watch_that_ends_goes_on_from_the_last_bookmark_without_a_word(server: Server, client: ApiClient) -> None:
    first, second = Watching(), Watching()
    server.will(listing([item("a", 3)], 5), first, second)
    views = follow(client, SLICES)
    await _next(views)
    first.send("BOOKMARK", item("", 41))
    first.events.put_nowait(None)
    second.send("ADDED", item("b", 42))
    assert _names(await _next(views)) == ["a", "b"]
    assert [request.query.get("resourceVersion") for request in server.requests] == [None, "5", "41"]
    await views.aclose()


async def test_a_version_that_is_too_old_lists_anew_and_takes_nobody_away_meanwhile(server: Server, client: ApiClient) -> None:
    first, second = Watching(), Watching()
    server.will(listing([item("a", 3)], 5), first, listing([item("a", 3), item("c", 70)], 71), second)
    views = follow(client, SLICES)
    await _next(views)
    expired = {"kind": "Status", "status": "Failure", "reason": "Expired", "code": 410, "message": "too old resource version"}
    first.send("ERROR", expired)
    view = await _next(views)
    assert (_names(view), view.failure) == (["a", "c"], None)
    second.send("DELETED", item("c", 72))
    assert _names(await _next(views)) == ["a"]
    assert server.requests[3].query["resourceVersion"] == "71"
    await views.aclose()


async def test_410_at_the_very_door_lists_anew_too(server: Server, client: ApiClient) -> None:
    last = Watching()
    server.will(listing([item("a", 3)], 5), status(410, "Expired", "too old"), listing([], 9), last)
    views = follow(client, SLICES)
    await _next(views)
    assert await _next(views) == View({}, None)
    await views.aclose()


async def test_a_refusal_is_told_with_what_was_known_and_so_is_the_return(server: Server, client: ApiClient) -> None:
    first, second = Watching(), Watching()
    server.will(listing([item("a", 3)], 5), first, status(403, "Forbidden", "cannot watch"), second)
    views = follow(client, SLICES)
    await _next(views)
    first.events.put_nowait(None)
    refused = await _next(views)
    assert _names(refused) == ["a"]
    assert isinstance(refused.failure, ApiError) and refused.failure.forbidden
    assert await _next(views) == View({"a": item("a", 3)}, None), "the watch is open again, and nothing has changed"
    await views.aclose()


async def test_an_api_server_that_is_not_there_yet_is_waited_for(server: Server, client: ApiClient) -> None:
    server.will(web.Response(status=503), web.Response(status=503), listing([item("a", 1)], 2), Watching())
    views = follow(client, SLICES)
    first = await _next(views)
    assert (first.items, first.failure is not None) == ({}, True)
    await _next(views)
    assert await _next(views) == View({"a": item("a", 1)}, None)
    await views.aclose()


async def test_a_watch_that_dies_silently_is_opened_again(server: Server, client: ApiClient) -> None:
    silent, second = Watching(), Watching()
    server.will(listing([], 5), silent, second)
    views = follow(client, SLICES)
    await _next(views)
    second.send("ADDED", item("b", 6))
    assert _names(await _next(views)) == ["b"]
    await views.aclose()


async def test_more_objects_than_any_cluster_has_are_a_failure(server: Server, client: ApiClient) -> None:
    watching = Watching()
    server.will(listing([], 5), watching, listing([], 6), Watching())
    views = follow(client, SLICES)
    await _next(views)
    for number in range(6):
        watching.send("ADDED", item(f"s{number}", 10 + number))
    seen = [await _next(views) for _ in range(6)]
    assert [len(view.items) for view in seen] == [1, 2, 3, 4, 5, 0]
    await views.aclose()
