"""Watches: server-sent events that resume, WebSockets with many, slow and silent readers."""

from __future__ import annotations

import asyncio
import gc
import socket
import tracemalloc
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import msgspec
import pytest

from quorate_node.machine.kv import KeyValueMachine
from quorate_node.machine.limits import MachineLimits
from tests.unit.api.conftest import Serve, Served

Http = aiohttp.ClientSession


async def put(http: Http, key: str, value: str = "1") -> None:
    async with http.post("/v1/put", json={"key": key, "value": value, "encoding": "text"}) as answer:
        assert answer.status == 200


async def events(response: aiohttp.ClientResponse) -> AsyncIterator[dict[str, Any]]:
    """Server-sent events as {"event", "id", "data"}; comments as {"comment": True}."""
    current: dict[str, Any] = {}
    async for raw in response.content:
        line = raw.decode().rstrip("\n")
        if line == ":":
            yield {"comment": True}
        elif not line:
            if current:
                yield current
            current = {}
        else:
            name, _, value = line.partition(": ")
            current[name] = msgspec.json.decode(value) if name == "data" else value


async def test_a_watch_tells_what_happened_and_where_to_resume(http: Http) -> None:
    async with http.get("/v1/watch?key=a&prefix=true&previous=true&encoding=text") as response:
        assert (response.status, response.content_type) == (200, "text/event-stream")
        stream = events(response)
        assert await anext(stream) == {"event": "created", "data": {"watch": "0", "revision": "1"}}
        await put(http, "a1", "x")
        first = await anext(stream)
        assert (first["event"], first["id"]) == ("events", "2")
        [event] = first["data"]["events"]
        assert (event["type"], event["kv"]["key"], event["kv"]["value"], event["previous"]) == ("put", "a1", "x", None)
        async with http.post("/v1/delete", json={"key": "a", "prefix": True, "encoding": "text"}):
            pass
        second = await anext(stream)
        assert (second["id"], second["data"]["events"][0]["type"]) == ("3", "delete")
        assert second["data"]["events"][0]["previous"]["value"] == "x"
    await put(http, "b")
    await put(http, "a2")
    async with http.get("/v1/watch?key=a&prefix=true&encoding=text", headers={"last-event-id": "2"}) as response:
        stream = events(response)
        await anext(stream)
        seen = [await anext(stream)]
        while seen[-1]["id"] != "5":
            seen.append(await anext(stream))
    keys = [(event["type"], event["kv"]["key"]) for each in seen for event in each["data"]["events"]]
    assert keys == [("delete", "a1"), ("put", "a2")]


async def test_a_watch_of_compacted_history_says_so_and_ends(http: Http) -> None:
    for value in "123":
        await put(http, "a", value)
    async with http.post("/v1/compact", json={"revision": 4}):
        pass
    async with http.get("/v1/watch?key=a&start_revision=2&encoding=text") as response:
        found = [each async for each in events(response)]
    assert [each["event"] for each in found] == ["created", "compacted"]
    assert int(found[1]["data"]["compact_revision"]) >= 2


async def test_an_idle_stream_is_kept_alive_by_comments(serve: Serve) -> None:
    api = await serve(progress_interval_ms=50)
    async with Http(api.url) as http, http.get("/v1/watch?key=a&encoding=text") as response:
        stream = events(response)
        await anext(stream)
        assert await anext(stream) == {"comment": True}
        await put(http, "a")
        while "event" not in (found := await anext(stream)):
            pass
        assert found["id"] == "2"


async def test_a_value_that_is_no_text_ends_a_text_watch_with_the_remedy(http: Http) -> None:
    async with http.get("/v1/watch?key=a&encoding=text") as response:
        stream = events(response)
        await anext(stream)
        async with http.post("/v1/put", json={"key": "YQ==", "value": "/w=="}):
            pass
        last = await anext(stream)
        assert (last["event"], last["data"]["error"]) == ("error", "InvalidArgument")
        assert "base64" in last["data"]["message"]


@pytest.mark.parametrize(
    "query",
    ["", "key=", "key=a&start_revision=-1&encoding=text", "key=a&start_revision=x&encoding=text", "key=a&filter=1", "key=!",
     "key=a&range_end=b&prefix=true&encoding=text", "key=a&no_put=maybe&encoding=text"],
)
async def test_a_bad_watch_is_refused_before_it_begins(http: Http, query: str) -> None:
    async with http.get(f"/v1/watch?{query}") as response:
        assert response.status == 400
        assert (await response.json())["error"] in ("InvalidArgument", "EmptyKey", "UnknownField")


async def test_a_client_that_leaves_ends_its_watch(http: Http, api: Served) -> None:
    response = await http.get("/v1/watch?key=a&encoding=text")
    await anext(events(response))
    assert api.telemetry.api_watches.read() == 1
    response.close()
    await asyncio.sleep(0.05)
    assert api.telemetry.api_watches.read() == 0
    assert len(api.service.machine.hub) == 0


async def test_a_shutdown_tells_watches_to_go_elsewhere(http: Http, api: Served) -> None:
    async with http.get("/v1/watch?key=a&encoding=text") as response, http.ws_connect("/v1/watch") as socket_:
        stream = events(response)
        await anext(stream)
        closing = asyncio.create_task(api.server.close())
        last = await anext(stream)
        assert (last["event"], last["data"]["error"]) == ("error", "ShuttingDown")
        assert (await socket_.receive_json())["error"]["error"] == "ShuttingDown"
        assert (await socket_.receive()).type is aiohttp.WSMsgType.CLOSE
    await closing


async def test_many_watches_share_a_socket(http: Http) -> None:
    async with http.ws_connect("/v1/watch") as connection:
        await connection.send_json({"watch": 1, "create": {"key": "a", "encoding": "text"}})
        await connection.send_json({"watch": "2", "create": {"key": "YQ==", "prefix": True, "start_revision": 2, "no_put": True}})
        assert await connection.receive_json() == {"watch": "1", "created": {"revision": "1"}}
        assert await connection.receive_json() == {"watch": "2", "created": {"revision": "1"}}
        await put(http, "a", "x")
        changed = await connection.receive_json()
        assert (changed["watch"], changed["revision"], changed["events"][0]["kv"]["value"]) == ("1", "2", "x")
        async with http.post("/v1/delete", json={"key": "YQ=="}):
            pass
        both = sorted([(await connection.receive_json())["watch"] for _ in range(2)])
        assert both == ["1", "2"]
        await connection.send_json({"progress": True})
        progress = sorted([await connection.receive_json() for _ in range(2)], key=lambda each: str(each["watch"]))
        assert progress == [{"watch": "1", "revision": "3", "events": []}, {"watch": "2", "revision": "3", "events": []}]
        await connection.send_json({"cancel": 1})
        assert await connection.receive_json() == {"watch": "1", "canceled": True}


@pytest.mark.parametrize(
    ("message", "watch", "error"),
    [
        ("[]", None, "MalformedBody"),
        ("{", None, "MalformedBody"),
        ("{}", None, "InvalidArgument"),
        ('{"watch":1}', "1", "InvalidArgument"),
        ('{"create":{"key":"YQ=="}}', None, "InvalidArgument"),
        ('{"watch":1,"create":{"key":""}}', "1", "EmptyKey"),
        ('{"watch":1,"create":{"key":"YQ==","filters":[]}}', None, "UnknownField"),
        ('{"watch":9223372036854775808,"create":{"key":"YQ=="}}', None, "InvalidArgument"),
        ('{"watch":7,"create":{"key":"YQ=="}}', "7", "InvalidArgument"),
        ('{"cancel":5}', None, "InvalidArgument"),
        ('{"cancel":5,"progress":true}', None, "InvalidArgument"),
    ],
)
async def test_a_bad_message_is_answered_and_the_socket_goes_on(http: Http, message: str, watch: str | None, error: str) -> None:
    async with http.ws_connect("/v1/watch") as connection:
        await connection.send_json({"watch": 7, "create": {"key": "YQ=="}})
        await connection.receive_json()
        await connection.send_str(message)
        answer = await connection.receive_json()
        assert (answer["watch"], answer["error"]["error"]) == (watch, error)
        await connection.send_bytes(b"\x00")
        assert (await connection.receive_json())["error"]["error"] == "MalformedBody"
        await connection.send_json({"cancel": 7})
        assert await connection.receive_json() == {"watch": "7", "canceled": True}


async def test_watches_over_the_limits_are_refused(serve: Serve) -> None:
    api = await serve(watches_per_connection_max=2)
    async with Http(api.url) as http, http.ws_connect("/v1/watch") as connection:
        for number in range(3):
            await connection.send_json({"watch": number, "create": {"key": "YQ=="}})
        answers = [await connection.receive_json() for _ in range(3)]
        assert answers[2]["error"]["error"] == "TooManyWatches"
    api.service.machine = KeyValueMachine.open(api.service.store, MachineLimits(watches_max=1))
    async with Http(api.url) as http, http.get("/v1/watch?key=YQ==") as first, http.get("/v1/watch?key=YQ==") as second:
        assert first.status == 200
        assert (second.status, (await second.json())["error"]) == (429, "TooManyWatches")


async def test_ten_thousand_watches_fit_and_all_are_told(http: Http, api: Served) -> None:
    tracemalloc.start()
    try:
        async with http.ws_connect("/v1/watch", max_msg_size=0) as connection:
            gc.collect()
            before = tracemalloc.get_traced_memory()[0]
            for begin in range(0, 10_000, 200):
                for number in range(begin, begin + 200):
                    await connection.send_str(f'{{"watch":{number},"create":{{"key":"k{number % 100}","encoding":"text"}}}}')
                for _ in range(200):
                    assert "created" in (await connection.receive()).data
            gc.collect()
            bytes_each = (tracemalloc.get_traced_memory()[0] - before) / 10_000
            assert bytes_each < 8_000, f"{bytes_each:.0f} bytes a watch"
            assert api.telemetry.api_watches.read() == 10_000
            await put(http, "k7")
            told = {msgspec.json.decode((await connection.receive()).data)["watch"] for _ in range(100)}
            assert told == {str(number) for number in range(7, 10_000, 100)}
    finally:
        tracemalloc.stop()
    await asyncio.sleep(0.1)
    assert len(api.service.machine.hub) == 0


async def test_a_watch_that_nobody_reads_holds_bounded_memory_and_is_cut_off(serve: Serve) -> None:
    api = await serve(write_timeout_ms=300, write_buffer_bytes_max=65536)
    raw = socket.create_connection(("127.0.0.1", api.port))
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    raw.sendall(b"GET /v1/watch?key=a&prefix=true&encoding=text HTTP/1.1\r\nHost: a\r\n\r\n")
    async with Http(api.url) as http:
        tracemalloc.start()
        for number in range(400):
            await put(http, f"a{number % 5}", "v" * 20_000)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        async with asyncio.timeout(5):
            while api.telemetry.api_watches.read():
                await asyncio.sleep(0.05)
    raw.close()
    assert api.telemetry.api_limit_hits.values[("write_timeout_ms",)] == 1
    # The store itself, in memory here, keeps the whole history of 8 MB, twice while an entry is made of it.
    assert peak < 60_000_000
