"""Random bad requests over all routes: an exact error or a closed connection, never a defect; the server goes on and does not grow.

`QUORATE_FUZZ_REQUESTS` sets how many (3,000 by default), `QUORATE_FUZZ_SEED` where to begin.
"""

from __future__ import annotations

import asyncio
import gc
import os
import random
import tracemalloc

from quorate.wire.errors import ERRORS
from tests.unit.api.conftest import Serve, Served
from tests.unit.api.fuzzing import make
from tests.unit.api.raw import RawAnswer, RawConnection

REQUESTS = int(os.environ.get("QUORATE_FUZZ_REQUESTS", "3000"))
SEED = int(os.environ.get("QUORATE_FUZZ_SEED", "1"))
GROWTH_BYTES_MAX = 3_000_000
"""What the API's own files may hold more at the end than after a third: the caches of heads and metrics' labels, which are bounded."""
SHAPE = {"error", "code", "message", "leader", "request_id"}


def held_bytes() -> int:
    gc.collect()
    snapshot = tracemalloc.take_snapshot().filter_traces([tracemalloc.Filter(True, "*/quorate_node/api/*")])
    return sum(statistic.size for statistic in snapshot.statistics("filename"))


async def exchange(api: Served, connection: RawConnection, data: bytes, whole: bool) -> RawAnswer | None:
    """The answer, or None when the connection is over: closed, streaming, or waiting for what the bent request announced."""
    connection.send(data)
    try:
        async with asyncio.timeout(10 if whole else 0.015):
            head = await connection.reader.readuntil(b"\r\n\r\n")
            if b" 100 " in head[:14] or b" 101 " in head[:14] or b"text/event-stream" in head:
                return None
            return await connection.rest(head, has_body=not data.startswith(b"HEAD "))
    except (asyncio.IncompleteReadError, ConnectionError):
        return None
    except TimeoutError:
        assert not whole, f"no answer to {data[:300]!r}"
        return None


def judge(answer: RawAnswer, data: bytes) -> None:
    assert answer.status < 600
    if answer.status < 400 or data.startswith(b"HEAD "):
        return
    if b"/health/" in data:
        return
    content = answer.json
    assert set(content) == SHAPE, (data, answer)
    assert content["error"] != "Internal", (data, answer)
    assert ERRORS[content["error"]][:2] == (content["code"], answer.status), (data, answer)
    assert content["message"] and len(content["message"]) <= 500


async def test_no_request_is_too_bad(serve: Serve) -> None:
    api = await serve(header_timeout_ms=500, body_timeout_ms=500)
    random_ = random.Random(SEED)
    connection = await api.raw()
    answered = 0
    tracemalloc.start()
    try:
        after_a_third = 0
        for number in range(REQUESTS):
            if number == REQUESTS // 3:
                after_a_third = held_bytes()
            data, whole = make(random_)
            answer = await exchange(api, connection, data, whole)
            if answer is not None:
                judge(answer, data)
                answered += 1
            if answer is None or not whole or answer.headers.get("connection") == "close":
                connection.writer.transport.abort()
                connection = await api.raw()
        connection.close()
        fresh = await api.raw()
        assert (await fresh.ask("GET", "/v1/status")).status == 200
        fresh.close()
        await asyncio.sleep(0.1)
        grown = held_bytes() - after_a_third
    finally:
        tracemalloc.stop()
    assert answered > REQUESTS * 0.8
    assert grown < GROWTH_BYTES_MAX, f"the API holds {grown} bytes more than after a third of the requests"
    assert api.telemetry.api_requests_inflight.read() == 0
    assert api.telemetry.api_watches.read() == 0
