"""An HTTP server that says what an API server once said: for the client of it alone. Nothing that decides is tested against it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from aiohttp import web

from quorate_node.kubernetes.credentials import Surroundings

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
TOKEN = "eyJhbGciOiJSUzI1NiJ9.secret.signature"


def status(code: int, reason: str, message: str, **details: Any) -> web.Response:
    """A Status as the API server sends it."""
    body = {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Failure",
        "message": message,
        "reason": reason,
        "details": details,
        "code": code,
    }
    return web.json_response(body, status=code)


def item(name: str, version: int, **fields: Any) -> dict[str, Any]:
    return {"metadata": {"name": name, "resourceVersion": str(version)}, **fields}


def listing(items: list[dict[str, Any]], version: int, continued: str = "") -> web.Response:
    metadata = {"resourceVersion": str(version), **({"continue": continued} if continued else {})}
    return web.json_response({"kind": "EndpointSliceList", "metadata": metadata, "items": items})


class Watching:
    """An open watch, seen from the server. `None` in the queue ends it, as the API server does when the time is up."""

    def __init__(self) -> None:
        self.events: asyncio.Queue[dict[str, Any] | bytes | None] = asyncio.Queue()

    def send(self, kind: str, found: dict[str, Any]) -> None:
        self.events.put_nowait({"type": kind, "object": found})

    async def serve(self, request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"content-type": "application/json"})
        await response.prepare(request)
        while (event := await self.events.get()) is not None:
            await response.write(event if isinstance(event, bytes) else json.dumps(event).encode() + b"\n")
        return response


class Server:
    """`answers` are taken in order; the last one stays. Requests are kept with their bodies."""

    def __init__(self) -> None:
        self.answers: list[Handler] = []
        self.requests: list[web.Request] = []
        self.bodies: list[bytes] = []
        self.url = ""

    async def handle(self, request: web.Request) -> web.StreamResponse:
        self.requests.append(request)
        self.bodies.append(await request.read())
        handler = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        return await handler(request)

    def will(self, *answers: web.StreamResponse | Watching) -> None:
        self.answers += [self._handler(each) for each in answers]

    def _handler(self, given: web.StreamResponse | Watching) -> Handler:
        if isinstance(given, Watching):
            return given.serve

        async def answer(_request: web.Request) -> web.StreamResponse:
            # A response can be sent once only, and the last answer stays.
            assert isinstance(given, web.Response)
            return web.Response(status=given.status, body=given.body, headers=given.headers)

        return answer


@asynccontextmanager
async def serving() -> AsyncIterator[Server]:
    server = Server()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", server.handle)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    server.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield server
    finally:
        await runner.cleanup()


def surroundings(folder: Path, url: str) -> Surroundings:
    (folder / "token").write_text(TOKEN)
    return Surroundings(url, "quorate", folder / "token", folder / "ca.crt")
