"""What a client may send that is no request, or a dangerous one: a quick 4xx, no second answer, and the server goes on."""

from __future__ import annotations

import asyncio

import pytest

from tests.unit.api.conftest import Serve, Served
from tests.unit.api.raw import RawAnswer, RawConnection, request

HOST = b"Host: 127.0.0.1\r\n"
PUT = b"POST /v1/put HTTP/1.1\r\n" + HOST + b"Content-Type: application/json\r\n"
OTHER = b"POST /v1/leases HTTP/1.1\r\n" + HOST + b"Content-Type: application/json\r\n"

FRAMING = {
    "content-length and transfer-encoding": b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "two content-lengths": b"Content-Length: 2\r\nContent-Length: 2\r\n\r\n{}",
    "two different content-lengths": b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}",
    "content-length with a sign": b"Content-Length: +2\r\n\r\n{}",
    "hexadecimal content-length": b"Content-Length: 0x2\r\n\r\n{}",
    "negative content-length": b"Content-Length: -1\r\n\r\n{}",
    "a list of content-lengths": b"Content-Length: 2,2\r\n\r\n{}",
    "content-length in other digits": "Content-Length: ٢\r\n\r\n".encode() + b"{}",
    "superscript content-length": b"Content-Length: \xb2\r\n\r\n{}",
    "huge content-length": b"Content-Length: 99999999999999999999999\r\n\r\n{}",
    "empty content-length": b"Content-Length:\r\n\r\n",
    "transfer-encoding xchunked": b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
    "transfer-encoding chunked, identity": b"Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
    "transfer-encoding twice": b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "chunk size with a sign": b"Transfer-Encoding: chunked\r\n\r\n+2\r\n{}\r\n0\r\n\r\n",
    "chunk size with a space": b"Transfer-Encoding: chunked\r\n\r\n 2\r\n{}\r\n0\r\n\r\n",
    "chunk size out of range": b"Transfer-Encoding: chunked\r\n\r\nffffffffffffffff1\r\n{}\r\n0\r\n\r\n",
    "chunk longer than its size": b"Transfer-Encoding: chunked\r\n\r\n1\r\n{}\r\n0\r\n\r\n",
    "bare LF": b"Content-Length: 2\n\r\n\r\n{}",
    "bare CR": b"X: a\rb\r\nContent-Length: 2\r\n\r\n{}",
    "folded line": b"X: a\r\n b\r\nContent-Length: 2\r\n\r\n{}",
    "space before the colon": b"Content-Length : 2\r\n\r\n{}",
    "NUL in a value": b"X: a\x00b\r\nContent-Length: 2\r\n\r\n{}",
    "two hosts": HOST + b"Content-Length: 2\r\n\r\n{}",
    "no name": b": x\r\nContent-Length: 2\r\n\r\n{}",
}
LINES = {
    "HTTP/0.9": b"GET /v1/status\r\n\r\n",
    "HTTP/2 preface": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "HTTP/3.1": b"GET / HTTP/3.1\r\n" + HOST + b"\r\n",
    "TLS on the plain port": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(64),
    "no host": b"GET /v1/status HTTP/1.1\r\n\r\n",
    "CONNECT": b"CONNECT a:1 HTTP/1.1\r\n" + HOST + b"\r\n",
    "lower-case method": b"get / HTTP/1.1\r\n" + HOST + b"\r\n",
    "unknown method": b"BOGUS /v1/status HTTP/1.1\r\n" + HOST + b"\r\n",
    "non-ASCII target": b"GET /v1/keys/\xff HTTP/1.1\r\n" + HOST + b"\r\n",
    "space in the target": b"GET /v1/keys/a b HTTP/1.1\r\n" + HOST + b"\r\n",
    "NUL in the target": b"GET /v1/keys/a\x00b HTTP/1.1\r\n" + HOST + b"\r\n",
    "URL of 64 KiB": b"GET /v1/keys/" + b"a" * 65536 + b" HTTP/1.1\r\n" + HOST + b"\r\n",
    "header of 1 MiB": b"GET /v1/status HTTP/1.1\r\n" + HOST + b"X: " + b"a" * 2**20 + b"\r\n\r\n",
    "10,000 headers": b"GET /v1/status HTTP/1.1\r\n" + HOST + b"X: a\r\n" * 10_000 + b"\r\n",
    "200 short headers": b"GET /v1/status HTTP/1.1\r\n" + HOST + b"X: a\r\n" * 200 + b"\r\n",
    "noise": bytes(range(1, 256)) + b"\r\n\r\n",
}


async def refused(api: Served, data: bytes) -> None:
    connection = await api.raw()
    connection.send(data + b"GET /v1/version HTTP/1.1\r\nHost: smuggled\r\n\r\n")
    answer = await connection.answer()
    assert answer.status == 400
    assert answer.json["error"] in ("MalformedBody", "InvalidArgument")
    assert answer.json["message"]
    assert answer.headers["connection"] == "close"
    assert await connection.ended(), "nothing after a bad head may be answered"
    connection.close()
    assert (await alive(api)).status == 200
    assert api.service.entries == []


async def alive(api: Served) -> RawAnswer:
    connection = await api.raw()
    answer = await connection.ask("GET", "/v1/version")
    connection.close()
    return answer


@pytest.mark.parametrize("route", [PUT, OTHER], ids=["hot", "general"])
@pytest.mark.parametrize("case", FRAMING)
async def test_bad_framing_is_refused_and_ends_the_connection(api: Served, case: str, route: bytes) -> None:
    await refused(api, route + FRAMING[case])


@pytest.mark.parametrize("case", LINES)
async def test_what_is_no_request_is_refused(api: Served, case: str) -> None:
    await refused(api, LINES[case])


BODIES: dict[str, tuple[bytes, str]] = {
    "empty": (b"", "MalformedBody"),
    "null": (b"null", "MalformedBody"),
    "array": (b"[]", "MalformedBody"),
    "string": (b'"x"', "MalformedBody"),
    "number": (b"1", "MalformedBody"),
    "no key": (b"{}", "InvalidArgument"),
    "byte order mark": (b'\xef\xbb\xbf{"key":"YQ==","value":""}', "MalformedBody"),
    "invalid UTF-8": (b'{"key":"YQ==","value":"","encoding":"\xff"}', "MalformedBody"),
    "lone surrogate": (b'{"key":"\\ud800","value":"","encoding":"text"}', "MalformedBody"),
    "field twice": (b'{"key":"YQ==","value":"","key":"Yg=="}', "MalformedBody"),
    "field twice, disguised": (b'{"key":"YQ==","value":"","ke\\u0079":"Yg=="}', "MalformedBody"),
    "200,000 brackets": (b"[" * 200_000, "MalformedBody"),
    "200,000 objects": (b'{"value":' * 200_000, "InvalidArgument"),
    "100,000 digits": (b'{"key":"YQ==","value":"","lease":' + b"9" * 100_000 + b"}", "InvalidArgument"),
    "1e999": (b'{"key":"YQ==","value":"","lease":1e999}', "InvalidArgument"),
    "NaN": (b'{"key":"YQ==","value":"","lease":NaN}', "MalformedBody"),
    "2^63": (b'{"key":"YQ==","value":"","lease":9223372036854775808}', "InvalidArgument"),
    "2^63 as a string": (b'{"key":"YQ==","value":"","lease":"9223372036854775808"}', "InvalidArgument"),
    "-2^63-1": (b'{"key":"YQ==","value":"","lease":-9223372036854775809}', "InvalidArgument"),
    "negative lease": (b'{"key":"YQ==","value":"","lease":-1}', "InvalidArgument"),
    "true for a number": (b'{"key":"YQ==","value":"","lease":true}', "InvalidArgument"),
    "fraction": (b'{"key":"YQ==","value":"","lease":1.0}', "InvalidArgument"),
    "digits with a blank": (b'{"key":"YQ==","value":"","lease":" 1"}', "InvalidArgument"),
    "digits with an underscore": (b'{"key":"YQ==","value":"","lease":"1_0"}', "InvalidArgument"),
    "empty number": (b'{"key":"YQ==","value":"","lease":""}', "InvalidArgument"),
    "number for a flag": (b'{"key":"YQ==","value":"","previous":1}', "InvalidArgument"),
    "bad base64": (b'{"key":"***","value":""}', "InvalidArgument"),
    "unpadded base64": (b'{"key":"YQ","value":""}', "InvalidArgument"),
    "URL-safe base64": (b'{"key":"_-8=","value":""}', "InvalidArgument"),
    "empty key": (b'{"key":"","value":""}', "EmptyKey"),
    "unknown field": (b'{"key":"YQ==","value":"","ttl":1}', "UnknownField"),
    "unknown encoding": (b'{"key":"YQ==","value":"","encoding":"hex"}', "InvalidArgument"),
    "no value": (b'{"key":"YQ=="}', "InvalidArgument"),
    "bytes after the object": (b'{"key":"YQ==","value":""} x', "MalformedBody"),
    "unknown lease": (b'{"key":"YQ==","value":"","lease":5}', "LeaseNotFound"),
    "session without a number": (b'{"key":"YQ==","value":"","session":{"id":"1","seq":"0"}}', "InvalidArgument"),
    "unknown session": (b'{"key":"YQ==","value":"","session":{"id":"1","seq":"1"}}', "SessionExpired"),
    "acked above seq": (b'{"key":"YQ==","value":"","session":{"id":"1","seq":"1","acked_below":"2"}}', "InvalidArgument"),
}


@pytest.mark.parametrize("case", BODIES)
async def test_a_bad_body_names_what_is_wrong(api: Served, case: str) -> None:
    body, error = BODIES[case]
    connection = await api.raw()
    answer = await connection.ask("POST", "/v1/put", body)
    assert answer.json["error"] == error, answer.body
    assert answer.json["message"]
    assert 400 <= answer.status < 500
    assert (await connection.ask("GET", "/v1/version")).status == 200, "the connection goes on"
    assert api.service.machine.get_many([b"a"]) == [None]
    connection.close()


async def test_a_body_over_the_limit_is_refused_before_it_is_read(serve: Serve) -> None:
    api = await serve(body_bytes_max=1000)
    for path in ("/v1/put", "/v1/leases"):
        connection = await api.raw()
        connection.send(f"POST {path} HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 1001\r\n\r\n".encode())
        answer = await connection.answer()
        assert (answer.status, answer.json["error"]) == (413, "BodyTooLarge")
        assert "1000" in answer.json["message"]
        connection.close()
    assert api.telemetry.api_limit_hits.values[("body_bytes_max",)] == 2


@pytest.mark.parametrize("path", ["/v1/put", "/v1/leases"])
async def test_media_that_are_not_json_are_refused(api: Served, path: str) -> None:
    connection = await api.raw()
    form = await connection.ask("POST", path, b"key=a", content_type="application/x-www-form-urlencoded")
    packed = await connection.ask("POST", path, b"\x1f\x8b", content_encoding="gzip", content_type="application/json")
    assert (form.json["error"], packed.json["error"]) == ("UnsupportedMediaType", "UnsupportedMediaType")
    assert (await connection.ask("GET", "/v1/version")).status == 200
    connection.close()


@pytest.mark.parametrize("path", ["/v1/put", "/v1/leases"])
async def test_browsers_use_their_own_origin_only(api: Served, path: str) -> None:
    body = b'{"key":"YQ==","value":""}' if path == "/v1/put" else b'{"ttl_ms":"10000"}'
    connection = await api.raw()

    async def ask(host: str, **headers: str) -> str:
        lines = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in headers.items())
        head = f"POST {path} HTTP/1.1\r\nHost: {host}\r\n{lines}Content-Length: {len(body)}\r\n\r\n"
        connection.send(head.encode() + body)
        answer = await connection.answer()
        return str(answer.json.get("error", answer.status))

    assert await ask("localhost:1", origin="http://localhost:1", content_type="application/json") == "200"
    assert await ask("localhost:1", origin="http://evil.example", content_type="application/json") == "PermissionDenied"
    assert await ask("localhost:1", origin="null", content_type="application/json") == "PermissionDenied"
    assert await ask("evil.example", origin="http://evil.example", content_type="application/json") == "PermissionDenied"
    assert await ask("[::1]:1", sec_fetch_site="cross-site", content_type="application/json") == "PermissionDenied"
    assert await ask("localhost:1", origin="http://localhost:1") == "UnsupportedMediaType"
    assert await ask("any.name") == "200", "a program that is no browser needs neither"
    connection.close()


async def test_paths_are_normalised_nowhere(api: Served) -> None:
    connection = await api.raw()
    for path in ("//v1/put", "/v1/../v1/put", "/v1/%2e%2e/put", "/v1/put/", "/V1/put", "/v1%2fput", "/%00"):
        answer = await connection.ask("POST", path, b'{"key":"YQ==","value":""}')
        assert answer.json["error"] in ("NotFound", "InvalidArgument", "MalformedBody"), path
        if answer.headers.get("connection") == "close":
            connection.close()
            connection = await api.raw()
    assert api.service.entries == []
    connection.close()


@pytest.mark.parametrize(
    ("target", "error"),
    [
        ("/v1/keys/", "EmptyKey"),
        ("/v1/keys/%zz", "InvalidArgument"),
        ("/v1/keys/%", "InvalidArgument"),
        ("/v1/keys/%c0%af", "InvalidArgument"),
        ("/v1/keys/%ed%a0%80", "InvalidArgument"),
        ("/v1/keys/a?bogus=1", "UnknownField"),
        ("/v1/keys/a?consistency=no", "InvalidArgument"),
        ("/v1/keys/a?consistency=stale&consistency=lease", "InvalidArgument"),
        ("/v1/keys/a?max_staleness_ms=-1", "InvalidArgument"),
        ("/v1/keys/!?encoding=base64", "InvalidArgument"),
        ("/v1/keys/%00", "KeyNotFound"),
        ("/v1/keys//x", "KeyNotFound"),
    ],
)
async def test_keys_in_paths_are_taken_strictly(api: Served, target: str, error: str) -> None:
    connection = await api.raw()
    answer = await connection.ask("GET", target)
    assert answer.json["error"] == error
    connection.close()


@pytest.mark.parametrize(
    ("headers", "error"),
    [
        ({"x_request_id": "a b"}, "InvalidArgument"),
        ({"x_request_id": "a" * 129}, "InvalidArgument"),
        ({"x_quorate_timeout_ms": "0"}, "InvalidArgument"),
        ({"x_quorate_timeout_ms": "1e3"}, "InvalidArgument"),
        ({"x_quorate_timeout_ms": "99999999999"}, "InvalidArgument"),
        ({"x_quorate_forward": "maybe"}, "InvalidArgument"),
    ],
)
@pytest.mark.parametrize("target", ["/v1/keys/a", "/v1/status"])
async def test_our_own_headers_are_checked(api: Served, target: str, headers: dict[str, str], error: str) -> None:
    connection = await api.raw()
    answer = await connection.ask("GET", target, None, **headers)
    assert (answer.status, answer.json["error"]) == (400, error)
    connection.close()


async def test_ten_thousand_pipelined_requests_are_answered_in_bounded_memory(api: Served) -> None:
    connection = await api.raw()
    many = request("POST", "/v1/put", b"{}") * 10_000
    sender = asyncio.create_task(_send_all(connection, many))
    for _ in range(10_000):
        assert (await connection.answer()).status == 400
    await sender
    connection.close()


async def _send_all(connection: RawConnection, data: bytes) -> None:
    for begin in range(0, len(data), 65536):
        connection.send(data[begin : begin + 65536])
        await connection.writer.drain()
