"""One connection over time: keep-alive, pipelining, order, handing over and back, timeouts, back-pressure, shutdown."""

from __future__ import annotations

import asyncio
import contextlib
import socket

import pytest

from quorate_node.replica.service import ServiceError
from tests.unit.api.conftest import Serve, Served
from tests.unit.api.raw import RawConnection, request

KEY = request("GET", "/v1/keys/a")
PUT = request("POST", "/v1/put", b'{"key":"YQ==","value":"MQ=="}')
STATUS = request("GET", "/v1/status")
LEASES = request("POST", "/v1/leases", b'{"ttl_ms":"10000"}')


async def test_answers_keep_the_order_of_requests_across_both_servers(api: Served) -> None:
    connection = await api.raw()
    connection.send(PUT + STATUS + KEY + LEASES + PUT + b"\r\n" + KEY + STATUS + request("GET", "/nowhere") + KEY)
    answers = [await connection.answer() for _ in range(9)]
    assert [answer.status for answer in answers] == [200, 200, 200, 200, 200, 200, 200, 404, 200]
    assert [next(iter(answer.json)) for answer in answers] == [
        "revision", "cluster_id", "revision", "lease", "revision", "revision", "cluster_id", "error", "revision",
    ]
    assert answers[5].json["kv"]["version"] == "2", "a read sees the write before it"
    assert len({answer.headers["x-request-id"] for answer in answers}) == 9
    assert api.telemetry.api_handovers.value == 4
    connection.close()


async def test_a_request_may_arrive_byte_by_byte(api: Served) -> None:
    connection = await api.raw()
    for byte in PUT + LEASES + KEY:
        connection.send(bytes((byte,)))
        await connection.writer.drain()
        await asyncio.sleep(0)
    assert [(await connection.answer()).status for _ in range(3)] == [200, 200, 200]
    connection.close()


async def test_requests_wait_for_those_before_them_even_when_they_are_done_first(api: Served) -> None:
    api.service.hold_writes = True
    connection = await api.raw()
    connection.send(PUT + KEY + STATUS)
    with pytest.raises(TimeoutError):
        await connection.answer(0.05)
    api.service.release()
    assert [(await connection.answer()).status for _ in range(3)] == [200, 404, 200]
    connection.close()


async def test_reading_pauses_at_the_pipelining_depth(serve: Serve) -> None:
    api = await serve(pipelining_depth_max=4)
    api.service.hold_writes = True
    connection = await api.raw()
    connection.send(PUT * 10)
    await asyncio.sleep(0.05)
    assert api.telemetry.api_requests_inflight.read() == 4
    api.service.release()
    assert [(await connection.answer()).status for _ in range(10)] == [200] * 10
    connection.close()


async def test_too_many_open_requests_are_refused_with_retry_after(serve: Serve) -> None:
    api = await serve(requests_inflight_max=2)
    api.service.hold_writes = True
    connection = await api.raw()
    connection.send(PUT * 3)
    await asyncio.sleep(0.05)
    api.service.release()
    answers = [await connection.answer() for _ in range(3)]
    assert [answer.status for answer in answers] == [200, 200, 429]
    assert answers[2].json["error"] == "TooManyRequests"
    assert answers[2].headers["retry-after"] == "1"
    assert api.telemetry.api_limit_hits.values[("requests_inflight_max",)] == 1
    assert (await connection.ask("GET", "/v1/keys/a")).status == 200
    connection.close()


@pytest.mark.parametrize("one", [PUT, STATUS], ids=["hot", "general"])
async def test_connection_close_is_honoured(api: Served, one: bytes) -> None:
    connection = await api.raw()
    connection.send(one.replace(b"\r\n", b"\r\nConnection: close\r\n", 1) + KEY)
    answer = await connection.answer()
    assert (answer.status, answer.headers["connection"]) == (200, "close")
    assert await connection.ended()
    connection.close()


async def test_http_1_0_is_answered_and_closed(api: Served) -> None:
    connection = await api.raw()
    connection.send(b"GET /v1/version HTTP/1.0\r\n\r\n")
    assert (await connection.answer()).status == 200
    assert await connection.ended()
    connection.close()


async def test_expect_continue_is_served(api: Served) -> None:
    connection = await api.raw()
    head, _, body = PUT.partition(b"\r\n\r\n")
    connection.send(head + b"\r\nExpect: 100-continue\r\n\r\n")
    assert await connection.reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
    connection.send(body)
    answer = await connection.answer()
    assert (answer.status, answer.json["revision"]) == (200, "2")
    connection.close()


async def test_a_half_closed_client_still_gets_its_answers(api: Served) -> None:
    api.service.hold_writes = True
    connection = await api.raw()
    connection.send(PUT)
    connection.writer.write_eof()
    await asyncio.sleep(0.05)
    api.service.release()
    assert (await connection.answer()).status == 200
    assert await connection.ended()
    connection.close()


@pytest.mark.parametrize(
    ("sent", "limit", "answered"),
    [
        (b"", "idle_timeout_ms", False),
        (b"POST /v1/put HTTP/1.1\r\nHost: a\r\n", "header_timeout_ms", True),
        (b"G", "header_timeout_ms", True),
        (PUT[:-5], "body_timeout_ms", True),
        (LEASES[:-5], "body_timeout_ms", True),
        (b"POST /v1/put HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab", "body_timeout_ms", True),
    ],
    ids=["silent", "slow head", "one byte", "slow body", "slow body, general", "slow chunked body"],
)
async def test_a_client_that_keeps_us_waiting_is_cut_off(serve: Serve, sent: bytes, limit: str, answered: bool) -> None:
    rate = {"body_rate_min_bytes_per_s": 10**9}
    api = await serve(**rate, **{limit: 100})
    connection = await api.raw()
    connection.send(sent)
    if answered:
        assert (await connection.answer()).json["error"] == "Timeout"
    assert await connection.ended()
    connection.close()


async def test_a_byte_now_and_then_does_not_extend_the_time_for_a_head(serve: Serve) -> None:
    api = await serve(header_timeout_ms=300)
    connection = await api.raw()

    async def drip() -> None:
        for byte in b"GET /v1/status HTTP/1.1\r\nX: " + b"a" * 100:
            connection.send(bytes((byte,)))
            await asyncio.sleep(0.05)

    dripping = asyncio.create_task(drip())
    assert (await connection.answer(3)).json["error"] == "Timeout"
    dripping.cancel()
    connection.close()


async def test_a_client_that_never_reads_is_cut_off_and_costs_bounded_memory(serve: Serve) -> None:
    api = await serve(write_timeout_ms=200, write_buffer_bytes_max=65536)
    value = "v" * 100_000
    body = f'{{"key":"a","value":"{value}","encoding":"text"}}'.encode()
    connection = await api.raw()
    assert (await connection.ask("POST", "/v1/put", body)).status == 200
    before = len(api.service.barriers)
    raw = socket.create_connection(("127.0.0.1", api.port))
    raw.setblocking(False)
    loop = asyncio.get_running_loop()
    with contextlib.suppress(ConnectionError):
        async with asyncio.timeout(5):
            while True:
                await loop.sock_sendall(raw, KEY * 100)
                await asyncio.sleep(0)
    raw.close()
    assert api.telemetry.api_limit_hits.values[("write_timeout_ms",)] == 1
    assert len(api.service.barriers) - before < 200, "reading stops when answers are not read"
    connection.close()


async def test_connections_over_the_limit_are_closed(serve: Serve) -> None:
    api = await serve(connections_max=2)
    first, second = await api.raw(), await api.raw()
    assert (await first.ask("GET", "/v1/status")).status == (await second.ask("GET", "/v1/status")).status == 200
    third = await api.raw()
    assert await third.ended()
    assert api.telemetry.api_limit_hits.values[("connections_max",)] == 1
    for connection in (first, second, third):
        connection.close()


async def test_connections_of_one_source_over_its_limit_are_closed_and_others_are_not(serve: Serve) -> None:
    api = await serve(connections_per_source_max=2)
    opened = [await api.raw() for _ in range(3)]
    assert await opened[2].ended()
    for connection in opened[:2]:
        connection.send(b"GET /health/live HTTP/1.1\r\nhost: localhost\r\n\r\n")
        assert (await connection.answer()).status == 200
    reader, writer = await asyncio.open_connection("127.0.0.1", api.port, local_addr=("127.0.0.2", 0))
    other = RawConnection(reader, writer)
    other.send(b"GET /health/live HTTP/1.1\r\nhost: localhost\r\n\r\n")
    assert (await other.answer()).status == 200, "another source has its own limit"
    assert api.telemetry.api_limit_hits.values[("connections_per_source_max",)] == 1
    opened[0].writer.close()
    async with asyncio.timeout(5):
        while api.telemetry.api_connections.read() > 2:
            await asyncio.sleep(0.01)
    again = await api.raw()
    again.send(b"GET /health/live HTTP/1.1\r\nhost: localhost\r\n\r\n")
    assert (await again.answer()).status == 200, "what was closed is free again"


async def test_200_half_open_connections_do_not_hinder_others(api: Served) -> None:
    silent = [await api.raw() for _ in range(200)]
    for connection in silent:
        connection.send(PUT[:40])
    connection = await api.raw()
    assert (await connection.ask("GET", "/v1/status")).status == 200
    for each in [*silent, connection]:
        each.close()


async def test_a_reset_in_the_middle_of_a_body_leaves_nothing_behind(api: Served) -> None:
    for data in (PUT[:-3], LEASES[:-3]):
        connection = await api.raw()
        connection.send(data)
        await asyncio.sleep(0.02)
        connection.writer.transport.abort()
    await asyncio.sleep(0.05)
    assert api.telemetry.api_connections.read() == 0
    assert api.telemetry.api_requests_inflight.read() == 0
    assert api.service.entries == []


async def test_answers_for_a_client_that_left_are_dropped(api: Served) -> None:
    api.service.hold_writes = True
    connection = await api.raw()
    connection.send(PUT * 3)
    await asyncio.sleep(0.02)
    connection.writer.transport.abort()
    await asyncio.sleep(0.02)
    api.service.release()
    await asyncio.sleep(0.02)
    assert api.telemetry.api_requests_inflight.read() == 0


async def test_shutdown_lets_open_requests_finish_and_refuses_new_ones(serve: Serve) -> None:
    api = await serve(drain_timeout_ms=3000)
    api.service.hold_writes = True
    busy, idle = await api.raw(), await api.raw()
    assert (await idle.ask("GET", "/v1/status")).status == 200
    busy.send(PUT)
    await asyncio.sleep(0.02)
    closing = asyncio.create_task(api.server.close())
    assert await idle.ended()
    api.service.release()
    answer = await busy.answer()
    assert (answer.status, answer.headers["connection"]) == (200, "close")
    assert await busy.ended()
    await closing
    with pytest.raises(OSError):
        await api.raw()


async def test_errors_of_the_replica_carry_the_leader(api: Served) -> None:
    connection = await api.raw()
    for error, status in (("LeadershipLost", 503), ("NoSpace", 507), ("Timeout", 504), ("TooManyRequests", 429)):
        api.service.refuse_writes = ServiceError(error, "as the replica says")
        answer = await connection.ask("POST", "/v1/put", b'{"key":"YQ==","value":""}')
        assert (answer.status, answer.json["error"], answer.json["message"]) == (status, error, "as the replica says")
        assert answer.json["leader"]["client_url"] == "http://127.0.0.1:2"
        assert ("retry-after" in answer.headers) == (status in (429, 503))
    api.service.refuse_writes, api.service.leader_id = None, 2
    answer = await connection.ask("POST", "/v1/put", b'{"key":"YQ==","value":""}', x_quorate_forward="never")
    assert (answer.status, answer.json["error"]) == (421, "NotLeader")
    connection.close()


async def test_a_request_sets_its_own_timeout(api: Served) -> None:
    connection = await api.raw()
    now_s = asyncio.get_running_loop().time()
    await connection.ask("POST", "/v1/put", b'{"key":"YQ==","value":""}', x_quorate_timeout_ms="500")
    await connection.ask("POST", "/v1/put", b'{"key":"YQ==","value":""}')
    first, second = api.service.deadlines
    assert first is not None and 0.4 < first - now_s < 0.7
    assert second is not None and 9.5 < second - now_s < 10.5
    connection.close()


async def test_a_lease_that_ran_out_while_reading_makes_the_read_linearizable(api: Served) -> None:
    connection = await api.raw()
    api.service.lease_valid = False
    assert (await connection.ask("GET", "/v1/keys/a?consistency=lease")).status == 404
    assert api.service.barriers == [1, 0]
    connection.close()
