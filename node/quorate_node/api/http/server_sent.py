"""Server-sent events: one response that stays open. A slow reader holds back only itself (`drain`); the front cuts one that stalls."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

import msgspec
from aiohttp import web

from quorate_node.api.http.context import ApiContext, context_of
from quorate_node.api.http.middleware import REQUEST_ID
from quorate_node.api.http.problem import ErrorBody, error_body
from quorate_node.machine.interface import Refused
from quorate_node.replica.service import ServiceError
from quorate_node.store.errors import StoreError

_encode = msgspec.json.Encoder().encode


class EventStream:
    """Frames events. `send` waits while the client's connection is full."""

    def __init__(self, request: web.Request) -> None:
        self._request = request
        self._response = web.StreamResponse()
        self._response.headers.update(
            {
                "content-type": "text/event-stream",
                "cache-control": "no-store",
                "x-accel-buffering": "no",
                "x-request-id": request[REQUEST_ID],
            }
        )

    async def open(self) -> None:
        await self._response.prepare(self._request)

    async def send(self, event: str, data: msgspec.Struct, identity: str = "") -> None:
        line = f"id: {identity}\n" if identity else ""
        await self._response.write(b"%bevent: %b\ndata: %b\n\n" % (line.encode(), event.encode(), _encode(data)))

    async def error(self, error: str, message: str) -> None:
        context = context_of(self._request)
        _, body = error_body(error, message, context.service.leader(), self._request[REQUEST_ID])
        await self.send("error", msgspec.json.decode(body, type=ErrorBody))

    async def comment(self) -> None:
        """Keeps proxies from closing an idle stream."""
        await self._response.write(b":\n\n")

    async def close(self) -> web.StreamResponse:
        await self._response.write_eof()
        return self._response


async def serve_events(request: web.Request, feed: Callable[[EventStream], Awaitable[None]]) -> web.StreamResponse:
    """Run `feed` on an open stream until it returns; what it raises, and a shutdown, become the last event."""
    context = context_of(request)
    stream = EventStream(request)
    await stream.open()
    task = asyncio.current_task()
    assert task is not None
    context.long_lived.add(task)
    try:
        try:
            await feed(stream)
        except (Refused, ServiceError) as refused:
            await stream.error(refused.error, refused.message)
        except StoreError as failure:
            await stream.error("StoreUnavailable", f"the state cannot be read: {failure}")
        except asyncio.CancelledError:
            if not context.draining:
                raise
            task.uncancel()
            await stream.error("ShuttingDown", "this member is shutting down: go on with another one")
        return await stream.close()
    finally:
        context.long_lived.discard(task)


async def with_comments(stream: EventStream, context: ApiContext, following: Callable[[], Awaitable[object]]) -> AsyncIterator[object]:
    """Yield what `following` gives, for ever, with a comment now and then while it takes its time."""
    interval_s = context.settings.progress_interval_ms / 1000
    pending: asyncio.Future[object] | None = None
    try:
        while True:
            if pending is None:
                pending = asyncio.ensure_future(following())
            done, _ = await asyncio.wait((pending,), timeout=interval_s)
            if not done:
                await stream.comment()
                continue
            result, pending = pending.result(), None
            yield result
    finally:
        if pending is not None:
            pending.cancel()
