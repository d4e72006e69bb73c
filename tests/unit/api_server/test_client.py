"""The verbs of the API server: what is sent, what comes back, and what is said when it is a refusal."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest
from aiohttp import web

from quorate_node.kubernetes.client import ApiClient, PatchKind
from quorate_node.kubernetes.errors import ApiError, ApiUnreachable
from quorate_node.kubernetes.resources import certificate_signing_requests, config_maps, endpoint_slices
from tests.unit.api_server.conftest import SETTINGS
from tests.unit.api_server.server import TOKEN, Server, Watching, item, listing, serving, status, surroundings

SLICES = endpoint_slices("quorate")


def test_names_are_quoted_so_that_none_leads_elsewhere() -> None:
    assert SLICES.path("../../secrets/x") == "/apis/discovery.k8s.io/v1/namespaces/quorate/endpointslices/..%2F..%2Fsecrets%2Fx"
    assert config_maps("a").path("b") == "/api/v1/namespaces/a/configmaps/b"
    path = certificate_signing_requests().path("one", "approval")
    assert path == "/apis/certificates.k8s.io/v1/certificatesigningrequests/one/approval"


async def test_an_object_is_read_with_the_token_of_the_service_account(server: Server, client: ApiClient) -> None:
    server.will(web.json_response(item("leader", 7)))
    assert (await client.get(SLICES, "leader"))["metadata"]["resourceVersion"] == "7"
    assert server.requests[0].path == "/apis/discovery.k8s.io/v1/namespaces/quorate/endpointslices/leader"
    assert server.requests[0].headers["authorization"] == f"Bearer {TOKEN}"


async def test_a_new_token_is_used_for_the_next_request(server: Server, client: ApiClient, tmp_path: Path) -> None:
    server.will(web.json_response(item("a", 1)))
    await client.get(SLICES, "a")
    (tmp_path / "token").write_text("a-second-token")
    await client.get(SLICES, "a")
    assert server.requests[1].headers["authorization"] == "Bearer a-second-token"


async def test_a_listing_goes_from_page_to_page(server: Server, client: ApiClient) -> None:
    server.will(listing([item("a", 1), item("b", 2)], 9, "next"), listing([item("c", 3)], 9))
    found = await client.list(SLICES, label_selector="app=x,role in (y)")
    assert [each["metadata"]["name"] for each in found.items] == ["a", "b", "c"]
    assert found.resource_version == "9"
    assert server.requests[0].query == {"limit": "2", "labelSelector": "app=x,role in (y)"}
    assert server.requests[1].query["continue"] == "next"


async def test_a_listing_without_end_is_given_up(server: Server, client: ApiClient) -> None:
    server.will(listing([item("a", 1), item("b", 2)], 9, "again"))
    with pytest.raises(ApiUnreachable, match="more than 5 objects"):
        await client.list(SLICES)


@pytest.mark.parametrize(
    ("answer", "code", "reason", "text"),
    [
        (status(409, "Conflict", "the object has been modified"), 409, "Conflict", "409 Conflict: the object has been modified"),
        (status(403, "Forbidden", "cannot list"), 403, "Forbidden", "403 Forbidden: cannot list"),
        (web.Response(status=502, text="bad gateway"), 502, "", "502: bad gateway"),
        (web.Response(status=500), 500, "", "500: no reason was given"),
        (web.Response(status=307, headers={"location": "http://elsewhere/"}), 307, "", "307: no reason was given"),
    ],
)
async def test_a_refusal_says_code_reason_and_message(
    server: Server, client: ApiClient, answer: web.Response, code: int, reason: str, text: str
) -> None:
    server.will(answer)
    with pytest.raises(ApiError) as caught:
        await client.get(SLICES, "a")
    assert (caught.value.code, caught.value.reason, str(caught.value)) == (code, reason, text)
    assert len(server.requests) == 1, "a redirect would take the token elsewhere"


async def test_the_token_is_in_no_message_even_if_the_server_sends_it_back(server: Server, client: ApiClient) -> None:
    server.will(web.Response(status=400, text=f"what is authorization: Bearer {TOKEN}?"))
    with pytest.raises(ApiError) as caught:
        await client.get(SLICES, "a")
    assert TOKEN not in str(caught.value)
    assert "(token)" in str(caught.value)


async def test_a_server_that_is_busy_says_when_to_come_back(server: Server, client: ApiClient) -> None:
    server.will(status(429, "TooManyRequests", "later", retryAfterSeconds=7))
    with pytest.raises(ApiError) as caught:
        await client.get(SLICES, "a")
    assert caught.value.retry_after_s == 7.0


async def test_nobody_there_is_unreachable_and_so_is_one_that_says_nothing(client: ApiClient, server: Server, tmp_path: Path) -> None:
    async with serving() as gone:
        url = gone.url
    away = ApiClient(surroundings(tmp_path, url), SETTINGS)
    with pytest.raises(ApiUnreachable, match="/endpointslices/a"):
        await away.get(SLICES, "a")
    await away.close()

    async def never(_request: web.Request) -> web.StreamResponse:
        await asyncio.sleep(30)
        return web.Response()

    server.answers.append(never)
    with pytest.raises(ApiUnreachable, match="no answer in time"):
        await client.get(SLICES, "a")


@pytest.mark.parametrize(
    ("answer", "text"),
    [
        (web.Response(text="{"), "no JSON"),
        (web.Response(text="[]"), "no object"),
        (web.Response(body=b"x" * 30_000), "over 20000 bytes"),
    ],
)
async def test_an_answer_that_is_none_is_not_taken_for_one(server: Server, client: ApiClient, answer: web.Response, text: str) -> None:
    server.will(answer)
    with pytest.raises(ApiUnreachable, match=text):
        await client.get(SLICES, "a")


async def test_writes_say_what_they_expect(server: Server, client: ApiClient) -> None:
    server.will(web.json_response(item("a", 8)))
    wanted = item("a", 7, ports=[])
    await client.create(SLICES, wanted)
    await client.update(SLICES, wanted, subresource="status")
    await client.patch(SLICES, "a", wanted, PatchKind.APPLY, field_manager="quorate-member", force=True)
    await client.patch(SLICES, "a", [{"op": "test"}], PatchKind.JSON)
    create, update, apply, json_patch = server.requests
    assert (create.method, create.path) == ("POST", SLICES.path())
    assert (update.method, update.path) == ("PUT", SLICES.path("a", "status"))
    assert json.loads(server.bodies[1])["metadata"]["resourceVersion"] == "7"
    assert (apply.method, dict(apply.query)) == ("PATCH", {"fieldManager": "quorate-member", "force": "true"})
    assert apply.headers["content-type"] == "application/apply-patch+yaml"
    assert json_patch.headers["content-type"] == "application/json-patch+json"


async def test_a_watch_tells_events_however_they_are_cut_into_packets(server: Server, client: ApiClient) -> None:
    watching = Watching()
    server.will(watching)
    text = json.dumps({"type": "MODIFIED", "object": item("a", 11)}).encode() + b"\n"
    for piece in (text[:20], text[20:] + text[:5], text[5:]):
        watching.events.put_nowait(piece)
    watching.events.put_nowait(None)
    async with client.watch(SLICES, "10", label_selector="a=b") as events:
        found = [event async for event in events]
    assert [(event.kind, event.item["metadata"]["resourceVersion"]) for event in found] == [("MODIFIED", "11")] * 2
    query = dict(server.requests[0].query)
    assert query == {
        "watch": "true",
        "allowWatchBookmarks": "true",
        "resourceVersion": "10",
        "timeoutSeconds": "270",
        "labelSelector": "a=b",
    }


async def test_a_watch_that_says_nothing_is_dead(server: Server, client: ApiClient) -> None:
    server.will(Watching())
    with pytest.raises(ApiUnreachable, match=r"nothing was heard for 0\.3 s"):
        async with client.watch(SLICES, "10") as events:
            await anext(events)


@pytest.mark.parametrize(
    ("line", "text"), [(b"x" * 6_000, "longer than 5000 bytes"), (b"{\n", "no JSON"), (b'{"type":"ADDED"}\n', "no object")]
)
async def test_a_line_that_is_no_event_ends_the_watch(server: Server, client: ApiClient, line: bytes, text: str) -> None:
    watching = Watching()
    watching.events.put_nowait(line)
    server.will(watching)
    with pytest.raises(ApiUnreachable, match=text):
        async with client.watch(SLICES, "10") as events:
            await anext(events)
