"""A listening socket that nobody can sit on."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from quorate_node.transport.listener import GuardedSite, ListenerSettings

StartSite = Callable[..., Awaitable[GuardedSite]]


async def hello(request: web.Request) -> web.Response:
    return web.Response(text=f"{request.path} {len(await request.read())}")


@pytest.fixture
async def start_site() -> AsyncIterator[StartSite]:
    runners: list[web.AppRunner] = []

    async def start(**settings: Any) -> GuardedSite:
        application = web.Application()
        application.router.add_route("*", "/{path:.*}", hello)
        runner = web.AppRunner(application, shutdown_timeout=0.1)
        await runner.setup()
        runners.append(runner)
        site = GuardedSite(runner, "127.0.0.1", 0, settings=ListenerSettings(**settings))
        await site.start()
        return site

    yield start
    for runner in runners:
        await runner.cleanup()


def port_of(site: GuardedSite) -> int:
    return int(site.addresses[0][1])


async def test_requests_go_through_also_in_pieces_and_on_one_connection(start_site: StartSite) -> None:
    site = await start_site()
    url = f"http://127.0.0.1:{port_of(site)}"
    async with aiohttp.ClientSession() as session:
        for number in range(3):
            async with session.post(f"{url}/{number}", data=b"x" * 1000) as response:
                assert await response.text() == f"/{number} 1000"
    reader, writer = await asyncio.open_connection("127.0.0.1", port_of(site))
    for piece in (b"GET /slow HT", b"TP/1.1\r\nHost: x\r\n", b"Connection: close\r\n\r", b"\n"):
        writer.write(piece)
        await asyncio.sleep(0.01)
    assert (await reader.read()).endswith(b"/slow 0")
    writer.close()
    assert site.gate.waiting == 0


async def test_a_connection_without_a_request_is_closed_after_a_while(start_site: StartSite) -> None:
    site = await start_site(head_timeout_s=0.15)
    silent = await asyncio.open_connection("127.0.0.1", port_of(site))
    slow = await asyncio.open_connection("127.0.0.1", port_of(site))

    async def drip() -> None:
        for byte in b"GET / HTTP/1.1\r\nHost: example.org\r\n":
            slow[1].write(bytes((byte,)))
            await asyncio.sleep(0.02)

    dripping = asyncio.create_task(drip())
    async with asyncio.timeout(2):
        for reader, _ in (silent, slow):
            with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
                await reader.readexactly(1)
    dripping.cancel()
    assert site.gate.expired == 2
    assert site.gate.waiting == 0


async def test_connections_that_wait_are_bounded(start_site: StartSite) -> None:
    site = await start_site(waiting_max=2)
    held = [await asyncio.open_connection("127.0.0.1", port_of(site)) for _ in range(2)]
    await asyncio.sleep(0.02)
    reader, writer = await asyncio.open_connection("127.0.0.1", port_of(site))
    with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
        await reader.readexactly(1)
    writer.close()
    assert site.gate.refused == 1
    for _, one in held:
        one.close()


async def test_open_connections_are_bounded_and_closed_ones_make_room(start_site: StartSite) -> None:
    site = await start_site(connections_max=3)

    async def ask() -> asyncio.StreamWriter:
        reader, writer = await asyncio.open_connection("127.0.0.1", port_of(site))
        writer.write(b"GET /x HTTP/1.1\r\nHost: x\r\n\r\n")
        await reader.readuntil(b"/x 0")
        return writer

    held = [await ask() for _ in range(3)]
    with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
        await ask()
    held[0].close()
    await asyncio.sleep(0.05)
    held.append(await ask())
    for writer in held:
        writer.close()


async def test_a_head_over_the_limit_is_answered_by_the_http_parser(start_site: StartSite) -> None:
    site = await start_site(head_bytes_max=16_384)
    reader, writer = await asyncio.open_connection("127.0.0.1", port_of(site))
    writer.write(b"GET / HTTP/1.1\r\nX: " + b"a" * 40_000)
    assert b" 400 " in await reader.readline()
    writer.close()
