"""The server on the port: accepts connections, keeps the clock and the limits they share, sweeps those that keep us waiting."""

from __future__ import annotations

import asyncio
import logging
import os
import re
import ssl
from collections.abc import Sequence
from email.utils import formatdate
from http import HTTPStatus

from aiohttp import web

from quorate.wire.errors import ERRORS
from quorate_node.api.http.cold import ColdHandler
from quorate_node.api.http.connection import Connection
from quorate_node.api.http.head import Head, HeadParser, HeadRefused
from quorate_node.api.http.hot import HotRoute
from quorate_node.api.http.operations import Operations
from quorate_node.api.http.problem import Problem
from quorate_node.api.http.sources import Sources, source_of
from quorate_node.api.http.waiting import Waiting
from quorate_node.api.settings import ApiSettings
from quorate_node.replica.service import ReplicaService
from quorate_node.telemetry.telemetry import Telemetry

logger = logging.getLogger(__name__)
TICK_S = 0.5
CLOSE_LINGER_S = 2.0
"""After the last answer: for so long the client may read it before the connection is cut."""
_TARGET = re.compile(rb"/[!-~]*\Z")
_METHOD_AND_VERSION_BYTES = 32
KEY_LINE = b"GET /v1/keys/"
HOT_BODIES = ("put", "range", "delete", "txn")


class Front:
    """Serves one or more listening sockets. `server` is aiohttp's, for what the hot path does not serve."""

    def __init__(
        self,
        service: ReplicaService,
        operations: Operations,
        settings: ApiSettings,
        telemetry: Telemetry,
        server: web.Server,
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        self.service = service
        self.operations = operations
        self.settings = settings
        self.telemetry = telemetry
        self.loop = loop
        self.now_s = loop.time()
        self.draining = False
        self.inflight = 0
        self.requests_counter = telemetry.api_requests
        self.received = telemetry.api_received_bytes
        self.handovers = telemetry.api_handovers
        self.status_lines: dict[int, bytes] = {}
        self.connections: set[Connection] = set()
        self._sources = Sources()
        self.anonymous_head = Head()
        self.anonymous_head.timeout_s = settings.request_timeout_ms / 1000
        self._server = server
        self._listeners: list[asyncio.Server] = []
        self._parser = HeadParser(settings)
        self._empty = asyncio.Event()
        self._dirty: list[Connection] = []
        self._id_prefix = os.urandom(5).hex().encode()
        self._ids = 0
        self.known_heads = self._parser.known
        self.hot_lines, self._key_route, self.refused_route = self._hot_routes(operations, telemetry)
        # The limits that every request meets, at hand.
        self.head_bytes_max = settings.head_bytes_max
        self.body_bytes_max = settings.body_bytes_max
        self.pipelining_depth_max = settings.pipelining_depth_max
        self.requests_inflight_max = settings.requests_inflight_max
        self._write_date()
        telemetry.api_connections.function = lambda: len(self.connections)
        telemetry.api_requests_inflight.function = lambda: self.inflight
        self._timer = loop.call_later(TICK_S, self._tick)

    def _hot_routes(self, operations: Operations, telemetry: Telemetry) -> tuple[dict[bytes, HotRoute], HotRoute, HotRoute]:
        durations = telemetry.api_request_seconds
        routes = {}
        for name in HOT_BODIES:
            line = f"POST /v1/{name} HTTP/1.1".encode()
            routes[line] = HotRoute(name, True, operations.by_name[name], durations.of((name,)))
        key = HotRoute("key", False, operations.key, durations.of(("key",)))
        return routes, key, HotRoute("refused", False, operations.key, durations.of(("refused",)))

    # Listening.

    async def listen(self, host: str | Sequence[str] | None, port: int, tls: ssl.SSLContext | None = None, backlog: int = 1024) -> int:
        """Begin to accept; returns the port (the one that was free, for port 0). Raises `OSError`."""
        handshake_s = self.settings.tls_handshake_timeout_ms / 1000 if tls else None
        listener = await self.loop.create_server(
            lambda: Connection(self), host, port, ssl=tls, backlog=backlog, ssl_handshake_timeout=handshake_s
        )
        self._listeners.append(listener)
        return int(listener.sockets[0].getsockname()[1])

    async def drain(self) -> None:
        """Accept nothing more, let open requests finish within `drain_timeout_ms`, then cut what is left."""
        self.draining = True
        for listener in self._listeners:
            listener.close()
        for connection in list(self.connections):
            if not connection.pending and not connection.cold.busy:
                connection.close()
        try:
            async with asyncio.timeout(self.settings.drain_timeout_ms / 1000):
                if self.connections:
                    self._empty.clear()
                    await self._empty.wait()
        except TimeoutError:
            logger.warning("%d connections were still open after %d ms", len(self.connections), self.settings.drain_timeout_ms)
        for connection in list(self.connections):
            if connection.transport is not None:
                connection.transport.abort()
        self._timer.cancel()

    # What connections ask for.

    def opened(self, connection: Connection) -> None:
        self.telemetry.api_connections_accepted.add()
        assert connection.transport is not None
        connection.source = source_of(connection.transport.get_extra_info("peername"))
        of_source = self._sources.enter(connection.source)
        if len(self.connections) >= self.settings.connections_max or self.draining:
            self.limit_hit("connections_max")
            connection.transport.abort()
        elif of_source > self.settings.connections_per_source_max:
            self.limit_hit("connections_per_source_max")
            connection.transport.abort()
        self.connections.add(connection)

    def lost(self, connection: Connection) -> None:
        self.connections.discard(connection)
        self._sources.leave(connection.source)
        if not self.connections:
            self._empty.set()

    def judge(self, line: bytes, block: bytes) -> Head:
        """The head of a request. Raises `HeadRefused`."""
        one_one = line.endswith(b" HTTP/1.1")
        if not one_one and not line.endswith(b" HTTP/1.0"):
            raise HeadRefused("the request line does not end with HTTP/1.1: only HTTP/1.1 and 1.0 are served")
        if len(line) > self.settings.target_bytes_max + _METHOD_AND_VERSION_BYTES:
            raise HeadRefused(f"the URL is over {self.settings.target_bytes_max} bytes: send long keys in a body (POST /v1/range)")
        if line.startswith(b"CONNECT "):
            raise HeadRefused("CONNECT is not served: this is no proxy")
        head = self._parser.parse(line, block)
        if one_one and not head.has_host:
            raise HeadRefused("header `host` is missing or empty; HTTP/1.1 requires it")
        return head

    def route(self, line: bytes) -> HotRoute | None:
        """The hot route of a request line; None is for the general server."""
        found = self.hot_lines.get(line)
        if found is not None:
            return found
        if line.startswith(KEY_LINE) and line.endswith(b" HTTP/1.1") and _TARGET.match(line[4:-9]):
            return self._key_route
        return None

    def make_cold(self, connection: Connection) -> ColdHandler:
        return ColdHandler(connection, self._server, self.loop, self.settings.body_bytes_max)

    def new_request_id(self) -> bytes:
        self._ids += 1
        return b"%b-%x" % (self._id_prefix, self._ids)

    def limit_hit(self, limit: str) -> None:
        self.telemetry.api_limit_hits.add((limit,))

    def too_many(self) -> Problem:
        """One request more than may be open."""
        self.limit_hit("requests_inflight_max")
        limit = self.requests_inflight_max
        return Problem("TooManyRequests", f"{limit} requests are open, which is the limit: try again after a moment")

    def log_failure(self, error: BaseException | None) -> None:
        logger.error("a request failed inside the API", exc_info=error)

    def mark_dirty(self, connection: Connection) -> None:
        if not self._dirty:
            self.loop.call_soon(self._flush)
        self._dirty.append(connection)

    def _flush(self) -> None:
        dirty, self._dirty = self._dirty, []
        for connection in dirty:
            connection.flush()

    # The clock.

    def _tick(self) -> None:
        now_s = self.loop.time()
        self.telemetry.loop_lag_seconds.observe(max(0.0, now_s - self.now_s - TICK_S))
        self.now_s = now_s
        self._write_date()
        for connection in list(self.connections):
            self._sweep(connection)
        self._timer = self.loop.call_later(TICK_S, self._tick)

    def _write_date(self) -> None:
        date = formatdate(usegmt=True)
        for status in {200, *(kind.status for kind in ERRORS.values())}:
            text = f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\ncontent-type: application/json\r\ndate: {date}\r\n"
            self.status_lines[status] = text.encode()

    def _sweep(self, connection: Connection) -> None:
        """Cut or close a connection that keeps us waiting for longer than its state allows."""
        settings = self.settings
        transport = connection.transport
        if transport is None:
            return
        if connection.write_paused_since_s and self.now_s - connection.write_paused_since_s > settings.write_timeout_ms / 1000:
            self.limit_hit("write_timeout_ms")
            transport.abort()
            return
        waited_ms = (self.now_s - connection.waiting_since_s) * 1000
        waiting = connection.waiting
        if waiting is Waiting.HEAD and waited_ms > settings.header_timeout_ms:
            self.limit_hit("header_timeout_ms")
            connection.refuse("Timeout", f"the request's headers were not complete within {settings.header_timeout_ms} ms")
        elif waiting is Waiting.BODY and waited_ms > self._body_time_ms(connection.body_bytes):
            self.limit_hit("body_timeout_ms")
            if connection.cold.busy:
                transport.abort()
            else:
                connection.refuse("Timeout", f"the request's body was not complete within {waited_ms:.0f} ms: send it faster")
        elif waiting is Waiting.CLOSE and not connection.pending and not connection.cold.busy and waited_ms > CLOSE_LINGER_S * 1000:
            transport.abort()
        elif waiting is Waiting.REQUEST and not connection.pending and not connection.cold.busy and waited_ms > settings.idle_timeout_ms:
            connection.close()

    def _body_time_ms(self, body_bytes: int) -> float:
        return self.settings.body_timeout_ms + body_bytes * 1000 / self.settings.body_rate_min_bytes_per_s
