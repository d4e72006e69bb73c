"""Every route of the table over a real socket, and the document that describes them."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
import pytest

from quorate.wire.errors import ERRORS
from quorate_node.api.http.app import HANDLERS
from quorate_node.api.http.openapi import build, open_path
from quorate_node.api.http.routes import ROUTES
from quorate_node.replica.service import ServiceError
from tests.unit.api.conftest import Served
from tests.unit.api.service import MEMBER_ID, OTHER_ID

Http = aiohttp.ClientSession
DOCUMENTATION = Path(__file__).resolve().parents[3] / "docs" / "api.md"


async def ask(http: Http, method: str, path: str, body: Any = None, status: int = 200, **headers: str) -> Any:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    async with http.request(method, path, json=body, headers=named) as answer:
        content = await answer.json()
        assert answer.status == status, content
        assert answer.headers["x-request-id"]
        if status >= 400:
            assert set(content) == {"error", "code", "message", "leader", "request_id"}
            assert (content["code"], status) == ERRORS[content["error"]][:2]
            assert content["request_id"] == answer.headers["x-request-id"]
        return content


async def test_leases_from_grant_to_revoke(http: Http) -> None:
    assert await ask(http, "POST", "/v1/leases", {"ttl_ms": "60000", "lease": 7}) == {"lease": "7", "ttl_ms": "60000"}
    await ask(http, "POST", "/v1/put", {"key": "a", "value": "1", "lease": "7", "encoding": "text"})
    found = await ask(http, "GET", "/v1/leases/7?keys=true&encoding=text")
    assert (found["lease"], found["granted_ttl_ms"], found["keys"]) == ("7", "60000", ["a"])
    assert (await ask(http, "GET", "/v1/leases/7"))["keys"] == []
    assert [lease["lease"] for lease in (await ask(http, "GET", "/v1/leases"))["leases"]] == ["7"]
    assert (await ask(http, "POST", "/v1/leases", {"ttl_ms": "60000", "lease": 7}, 409))["error"] == "LeaseExists"
    assert await ask(http, "DELETE", "/v1/leases/7") == {"revision": "3"}
    assert (await ask(http, "DELETE", "/v1/leases/7", status=404))["error"] == "LeaseNotFound"
    assert (await ask(http, "GET", "/v1/leases/7", status=404))["error"] == "LeaseNotFound"
    assert (await ask(http, "GET", "/v1/keys/a", status=404))["error"] == "KeyNotFound"


async def test_keepalives_of_one_turn_are_one_command(http: Http, api: Served) -> None:
    for lease in (1, 2):
        await ask(http, "POST", "/v1/leases", {"ttl_ms": 60000, "lease": lease})
    before = len(api.service.entries)
    connection = await api.raw()
    first, second = await api.raw(), await api.raw()
    answers = [await ask(http, "POST", "/v1/leases/keepalive", {"leases": ["1", "2", "3"]})]
    assert [lease["lease"] for lease in answers[0]["leases"]] == ["1", "2", "3"]
    assert answers[0]["leases"][2]["ttl_ms"] == "-1"
    assert len(api.service.entries) == before + 1
    assert await ask(http, "POST", "/v1/leases/keepalive", {"leases": []}) == {"leases": []}
    assert (await ask(http, "POST", "/v1/leases/keepalive", {"leases": [0]}, 400))["error"] == "InvalidArgument"
    for each in (connection, first, second):
        each.close()


async def test_a_session_makes_a_retried_write_take_effect_once(http: Http) -> None:
    session = (await ask(http, "POST", "/v1/sessions", {"ttl_ms": "60000"}))["session"]
    put = {"key": "a", "value": "1", "encoding": "text", "session": {"id": session, "seq": "1"}}
    first = await ask(http, "POST", "/v1/put", put)
    assert await ask(http, "POST", "/v1/put", put) == first
    assert (await ask(http, "GET", "/v1/keys/a"))["kv"]["version"] == "1"
    assert await ask(http, "DELETE", f"/v1/sessions/{session}") == {}
    assert (await ask(http, "POST", "/v1/put", put, 410))["error"] == "SessionExpired"


async def test_compaction_forgets_history(http: Http) -> None:
    for value in "123":
        await ask(http, "POST", "/v1/put", {"key": "a", "value": value, "encoding": "text"})
    old = await ask(http, "POST", "/v1/range", {"key": "a", "revision": 2, "encoding": "text"})
    assert old["kvs"][0]["value"] == "1"
    assert await ask(http, "POST", "/v1/compact", {"revision": "3"}) == {"revision": "4"}
    assert (await ask(http, "POST", "/v1/range", {"key": "a", "revision": 2, "encoding": "text"}, 410))["error"] == "Compacted"
    assert (await ask(http, "POST", "/v1/range", {"key": "a", "revision": 99, "encoding": "text"}, 400))["error"] == "FutureRevision"
    assert (await ask(http, "POST", "/v1/compact", {"revision": "0"}, 400))["error"] == "InvalidArgument"


async def test_members_and_their_changes(http: Http, api: Served) -> None:
    listed = await ask(http, "GET", "/v1/members")
    assert (listed["cluster_id"], listed["configuration_index"]) == ("77", "9")
    assert listed["members"][1]["progress"]["match_index"] == "5"
    added = await ask(http, "POST", "/v1/members", {"peer_url": "http://h:7601", "name": "n2", "expected_configuration_index": 9})
    assert added == {"member_id": "99"}
    assert await ask(http, "POST", f"/v1/members/{OTHER_ID}/promote") == {}
    assert await ask(http, "POST", f"/v1/members/{OTHER_ID}/promote", {"expected_configuration_index": "9"}) == {}
    assert await ask(http, "POST", f"/v1/members/{OTHER_ID}/replace", {"peer_url": "http://h:1"}) == {"member_id": "100"}
    assert await ask(http, "DELETE", f"/v1/members/{OTHER_ID}?expected_configuration_index=9") == {}
    assert [call[0] for call in api.service.calls] == ["add", "promote", "promote", "replace", "remove"]
    stale = await ask(http, "DELETE", f"/v1/members/{OTHER_ID}?expected_configuration_index=8", status=409)
    assert stale["error"] == "ConfigurationChanged"
    assert (await ask(http, "DELETE", "/v1/members/5", status=404))["error"] == "MemberNotFound"
    for member_id in ("0", "-1", "x", "9223372036854775808"):
        assert (await ask(http, "DELETE", f"/v1/members/{member_id}", status=400))["error"] == "InvalidArgument"


@pytest.mark.parametrize("url", ["", "h", "http://h", "ftp://h:1", "http://h:99999", "http://u:p@h:1", "http://h:1/x", "http://\n:1"])
async def test_a_peer_url_is_a_scheme_a_host_and_a_port(http: Http, api: Served, url: str) -> None:
    assert (await ask(http, "POST", "/v1/members", {"peer_url": url}, 400))["error"] == "InvalidArgument"
    assert api.service.calls == []


async def test_leadership(http: Http, api: Served) -> None:
    assert await ask(http, "GET", "/v1/leader") == {"member_id": str(MEMBER_ID), "client_url": "http://127.0.0.1:2"}
    assert (await ask(http, "POST", "/v1/leader/transfer", {"to": str(OTHER_ID)}))["member_id"] == str(OTHER_ID)
    assert (await ask(http, "POST", "/v1/leader/transfer"))["member_id"] == str(OTHER_ID)
    assert await ask(http, "POST", "/v1/leader/step-down") == {}
    assert api.service.calls == [("transfer", OTHER_ID), ("transfer", 0), ("step_down",)]
    api.service.leader_id = 0
    lost = await ask(http, "GET", "/v1/leader", status=503)
    assert (lost["error"], lost["leader"]) == ("NoLeader", None)


async def test_a_member_of_no_cluster_says_so_when_it_is_asked_who_leads(http: Http, api: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    class NoMachine:
        def __getattr__(self, name: str) -> Any:
            raise ServiceError("NotReady", "this member belongs to no cluster yet: it knows of no peers")

    api.service.leader_id = 0
    monkeypatch.setattr(api.service, "machine", NoMachine())
    asked = await ask(http, "GET", "/v1/leader", status=503)
    assert (asked["error"], asked["message"]) == ("NotReady", "this member belongs to no cluster yet: it knows of no peers")


async def test_a_snapshot_is_streamed_and_restored(http: Http, api: Served) -> None:
    async with http.get("/v1/snapshot") as answer:
        data = await answer.read()
        assert (answer.content_type, answer.headers["x-quorate-revision"]) == ("application/octet-stream", "1")
    assert hashlib.sha256(data[:-32]).digest() == data[-32:]
    binary = {"content-type": "application/octet-stream"}
    for body in (data, _chunks(data)):
        async with http.post("/v1/restore?token=t", data=body, headers=binary) as answer:
            assert await answer.json() == {"cluster_id": "77", "member_id": str(MEMBER_ID)}
        assert api.service.restored == data
    async with http.post("/v1/restore?token=t", data=b"{}", headers={"content-type": "application/json"}) as answer:
        assert answer.status == 415
    async with http.post("/v1/restore", data=b"", headers=binary) as answer:
        assert (answer.status, (await answer.json())["error"]) == (400, "InvalidArgument")


async def _chunks(data: bytes) -> Any:
    for begin in range(0, len(data), 10):
        yield data[begin : begin + 10]


async def test_bootstrap_takes_a_token_once(http: Http) -> None:
    assert await ask(http, "POST", "/v1/bootstrap", {"token": "t"}) == {"cluster_id": "77", "member_id": str(MEMBER_ID)}
    assert (await ask(http, "POST", "/v1/bootstrap", {"token": "known"}, 409))["error"] == "AlreadyBootstrapped"
    for token in ("", "a\nb", "t" * 257):
        assert (await ask(http, "POST", "/v1/bootstrap", {"token": token}, 400))["error"] == "InvalidArgument"


async def test_status_version_and_health(http: Http, api: Served) -> None:
    assert (await ask(http, "GET", "/v1/status"))["role"] == "leader"
    assert await ask(http, "GET", "/v1/version") == {"version": "0.1.0", "api": "v1", "cluster_version": 1}
    for probe in ("live", "ready", "startup"):
        assert await ask(http, "GET", f"/health/{probe}") == {"healthy": True, "reason": ""}

    async def probes() -> list[int]:
        found = []
        for probe in ("live", "ready", "startup"):
            async with http.get(f"/health/{probe}") as answer:
                found.append(answer.status)
        return found

    api.service.leader_id = 0
    assert await probes() == [200, 200, 200], "an election takes nobody out of a Service (test_readiness)"
    for role, expected in {"uninitialised": [200, 503, 200], "repairing": [200, 503, 503], "stopped": [503, 503, 200]}.items():
        api.service.role = role
        assert await probes() == expected


async def test_metrics_count_what_was_served(http: Http, api: Served) -> None:
    await ask(http, "POST", "/v1/put", {"key": "a", "value": "1", "encoding": "text"})
    await ask(http, "GET", "/v1/status")
    async with http.get("/metrics") as answer:
        text = await answer.text()
        assert answer.content_type == "text/plain"
    assert 'quorate_api_requests_total{route="put",status="200"} 1.0' in text
    assert 'quorate_api_requests_total{route="status",status="200"} 1.0' in text
    assert 'quorate_api_request_duration_seconds_count{route="put"} 1.0' in text
    assert "quorate_api_connections 1.0" in text


async def test_unknown_paths_and_methods(http: Http) -> None:
    assert (await ask(http, "GET", "/v1/nothing", status=404))["error"] == "NotFound"
    async with http.delete("/v1/put") as answer:
        assert (answer.status, answer.headers["allow"]) == (405, "POST")
        assert (await answer.json())["error"] == "MethodNotAllowed"
    assert (await ask(http, "GET", "/v1/status?x=1", status=400))["error"] == "UnknownField"
    assert (await ask(http, "POST", "/v1/put?x=1", {}, 400))["error"] == "UnknownField"


async def test_nothing_is_open_to_other_origins(http: Http) -> None:
    async with http.options("/v1/put", headers={"origin": "http://evil.example"}) as answer:
        assert answer.status == 403
        assert not [name for name in answer.headers if name.lower().startswith("access-control")]


async def test_a_defect_is_an_internal_error_and_closes_the_connection(
    http: Http, api: Served, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken() -> None:
        raise ZeroDivisionError("secret detail")

    monkeypatch.setattr(api.service, "members", broken)
    answer = await ask(http, "GET", "/v1/members", status=500)
    assert answer["error"] == "Internal"
    assert "secret detail" not in answer["message"]
    assert "secret detail" in caplog.text
    monkeypatch.undo()
    assert (await ask(http, "GET", "/v1/members"))["cluster_id"] == "77"


async def test_the_document_describes_exactly_the_routes_that_are_served(http: Http, api: Served) -> None:
    async with http.get("/openapi.json") as answer:
        document = await answer.json()
    described = {(method.upper(), path) for path, methods in document["paths"].items() for method in methods}
    assert described == {(route.method, open_path(route.path)) for route in ROUTES}
    runner = api.server._runner
    assert runner is not None
    served = {
        (route.method, re.sub(r"\{(\w+)(:[^}]*)?\}", r"{\1}", route.resource.canonical))
        for route in runner.app.router.routes()
        if route.resource is not None and route.method != "HEAD"
    }
    assert served == described
    assert set(HANDLERS) == {route.name for route in ROUTES}


def test_every_reference_of_the_document_leads_somewhere() -> None:
    document = build()
    text = msgspec.json.encode(document).decode()
    references = set(re.findall(r'"#/components/schemas/([^"]+)"', text))
    assert references == set(document["components"]["schemas"])
    for path, methods in document["paths"].items():
        for operation in methods.values():
            named = {parameter["name"] for parameter in operation["parameters"] if parameter["in"] == "path"}
            assert named == set(re.findall(r"\{(\w+)\}", path))


def test_the_documentation_names_every_route() -> None:
    text = DOCUMENTATION.read_text(encoding="utf-8")
    for route in ROUTES:
        path = open_path(route.path)
        assert path in text or f"`{route.method} {path}" in text, route.name
