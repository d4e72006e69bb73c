"""A real server on loopback around a single member, and raw connections to it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable

import aiohttp
import pytest

from quorate_node.api.http.app import ApiServer
from quorate_node.api.settings import ApiSettings
from quorate_node.telemetry.telemetry import Telemetry
from tests.unit.api.raw import RawConnection
from tests.unit.api.service import SingleMember


class Served:
    """A running API."""

    def __init__(self, server: ApiServer, service: SingleMember, port: int) -> None:
        self.server = server
        self.service = service
        self.port = port
        self.url = f"http://127.0.0.1:{port}"
        self.telemetry = server.telemetry

    async def raw(self) -> RawConnection:
        return await RawConnection.open(self.port)


Serve = Callable[..., Awaitable[Served]]


@pytest.fixture
async def serve() -> AsyncIterator[Serve]:
    """Start servers with settings of their own; all are closed at the end."""
    running: list[ApiServer] = []

    async def start(**limits: object) -> Served:
        service = SingleMember()
        settings = ApiSettings(**{"drain_timeout_ms": 1000, **limits})  # type: ignore[arg-type]
        server = ApiServer(service, settings, Telemetry())
        await server.start()
        running.append(server)
        return Served(server, service, await server.listen("127.0.0.1", 0))

    yield start
    for server in running:
        await server.close()


@pytest.fixture
async def api(serve: Serve) -> Served:
    return await serve()


@pytest.fixture
async def http(api: Served) -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(api.url) as session:
        yield session
