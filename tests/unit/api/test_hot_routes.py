"""The hot routes over real sockets, by the front and by the general server alike."""

from __future__ import annotations

import base64

import aiohttp
import pytest

from tests.unit.api.conftest import Served

Ask = aiohttp.ClientSession


def b64(value: bytes) -> str:
    return base64.b64encode(value).decode()


@pytest.fixture(params=["front", "general"])
def odd(request: pytest.FixtureRequest) -> bool | None:
    """What makes a request go either way: a chunked body is not for the front."""
    return True if request.param == "general" else None


async def test_a_put_is_read_back_with_base64(http: Ask, odd: bool | None) -> None:
    async with http.post("/v1/put", json={"key": b64(b"k\xff"), "value": b64(b"\x00v")}, chunked=odd) as answer:
        assert (answer.status, await answer.json()) == (200, {"revision": "2", "previous": None})
    async with http.post("/v1/range", json={"key": b64(b"k\xff")}, chunked=odd) as answer:
        body = await answer.json()
    kv = {"key": b64(b"k\xff"), "value": b64(b"\x00v"), "create_revision": "2", "mod_revision": "2", "version": "1", "lease": "0"}
    assert body == {"revision": "2", "kvs": [kv], "count": "1", "more": False}


async def test_text_goes_both_ways(http: Ask, odd: bool | None) -> None:
    put = {"key": "grün", "value": "wert", "encoding": "text", "previous": True}
    async with http.post("/v1/put", json=put, chunked=odd) as answer:
        assert (await answer.json())["previous"] is None
    async with http.post("/v1/put", json=put, chunked=odd) as answer:
        assert (await answer.json())["previous"]["value"] == "wert"
    async with http.post("/v1/delete", json={"key": "g", "prefix": True, "previous": True, "encoding": "text"}, chunked=odd) as answer:
        body = await answer.json()
    assert (body["deleted"], body["previous"][0]["key"]) == ("1", "grün")


async def test_a_key_is_read_by_its_path(http: Ask, api: Served) -> None:
    async with http.post("/v1/put", json={"key": "a/b c", "value": "1", "encoding": "text"}):
        pass
    async with http.get("/v1/keys/a/b%20c") as answer:
        body = await answer.json()
    assert (body["revision"], body["kv"]["value"]) == ("2", b64(b"1"))
    async with http.get("/v1/keys/a/b%20c?encoding=text&consistency=stale") as answer:
        assert (await answer.json())["kv"]["value"] == "1"
    async with http.get(f"/v1/keys/{base64.urlsafe_b64encode(b'a/b c').decode()}?encoding=base64") as answer:
        assert (await answer.json())["kv"]["key"] == b64(b"a/b c")
    assert api.service.barriers == [0, 2, 0]


async def test_a_missing_key_is_not_found(http: Ask) -> None:
    async with http.get("/v1/keys/none", headers={"x-request-id": "me-1"}) as answer:
        body = await answer.json()
        assert answer.status == 404
        assert answer.headers["x-request-id"] == "me-1"
    assert body["error"] == "KeyNotFound"
    assert body["code"] == 5
    assert body["leader"] == {"member_id": "4611686018427387905", "client_url": "http://127.0.0.1:2"}
    assert body["request_id"] == "me-1"


async def test_a_transaction_runs_one_branch(http: Ask, odd: bool | None) -> None:
    txn = {
        "encoding": "text",
        "compare": [{"key": "a", "target": "version", "result": "equal", "number": "0"}],
        "success": [{"put": {"key": "a", "value": "1"}}, {"txn": {"success": [{"range": {"key": "a"}}]}}],
        "failure": [{"delete": {"key": "a"}}],
    }
    async with http.post("/v1/txn", json=txn, chunked=odd) as answer:
        first = await answer.json()
    async with http.post("/v1/txn", json=txn, chunked=odd) as answer:
        second = await answer.json()
    assert first["succeeded"] and not second["succeeded"]
    assert first["results"][0] == {"put": {"revision": "2", "previous": None}}
    assert first["results"][1]["txn"]["results"][0]["range"]["kvs"][0]["value"] == "1"
    assert second["results"] == [{"delete": {"revision": "3", "deleted": "1", "previous": []}}]


async def test_reads_of_one_turn_share_a_barrier_and_a_lookup(api: Served) -> None:
    connection = await api.raw()
    one = b"GET /v1/keys/%d HTTP/1.1\r\nHost: a\r\n\r\n"
    connection.send(b"".join(one % number for number in range(20)))
    for _ in range(20):
        assert (await connection.answer()).status == 404
    assert len(api.service.barriers) == 1
    connection.close()
