"""aiohttp's protocol behind the front: it serves every request the hot path does not, on the same connection.

The front has framed and judged the head before aiohttp sees a byte, so limits, timeouts and what counts as one request are the
same for all routes.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from aiohttp import web
from aiohttp.web_protocol import RequestHandler

from quorate_node.api.http.head import Head
from quorate_node.api.http.problem import error_body

if TYPE_CHECKING:
    from quorate_node.api.http.connection import Connection

KEEPALIVE_NEVER_S = 10.0 * 365 * 86_400
"""The front owns the idle timeout; aiohttp's own would close a connection that is busy with hot requests."""
LINGERING_S = 2.0


class ColdHandler(RequestHandler):
    """One a connection, made when the first request needs it. `head` is what the front parsed of the request under way."""

    __slots__ = ("connection", "head")

    def __init__(self, connection: Connection, server: web.Server, loop: asyncio.AbstractEventLoop, body_bytes_max: int) -> None:
        super().__init__(
            server,
            loop=loop,
            keepalive_timeout=KEEPALIVE_NEVER_S,
            lingering_time=LINGERING_S,
            access_log=None,  # type: ignore[arg-type]  # None is how it is switched off
            tcp_keepalive=False,
            auto_decompress=False,
            max_line_size=connection.front.settings.head_bytes_max,
            max_field_size=connection.front.settings.head_bytes_max,
            max_headers=connection.front.settings.head_fields_max,
            read_bufsize=min(body_bytes_max, 2**16),
        )
        self.connection = connection
        self.head: Head | None = None

    async def finish_response(
        self, request: web.BaseRequest, resp: web.StreamResponse, start_time: float | None
    ) -> tuple[web.StreamResponse, bool]:
        """Tells the front that the answer is written, so that it may go on with the next request of the connection."""
        prepared, reset = await super().finish_response(request, resp, start_time)
        self.connection.cold.finished(bool(prepared.keep_alive) and not reset)
        return prepared, reset

    def handle_error(
        self, request: web.BaseRequest, status: int = 500, exc: BaseException | None = None, message: str | None = None
    ) -> web.StreamResponse:
        """What aiohttp itself refuses, and what a handler let through, in the shape of every error."""
        front = self.connection.front
        if status >= 500:
            front.log_failure(exc)
            error, text = "Internal", "the request failed inside the node; its log has the cause"
        else:
            error, text = "MalformedBody", f"the request is malformed: {(message or '').strip()[:200] or 'see docs/api.md'}"
        request_id = front.new_request_id().decode("ascii")
        answered, body = error_body(error, text, front.service.leader(), request_id)
        headers = {"x-request-id": request_id, "connection": "close", "server": "quorate"}
        response = web.Response(status=answered, body=body, content_type="application/json", headers=headers)
        response.force_close()
        return response
