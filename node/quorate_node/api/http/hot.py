"""A hot request on its connection: its place in the order of answers, and the bytes of its answer."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable
from typing import TYPE_CHECKING

from quorate_node.api.http.exchange import Exchange
from quorate_node.api.http.head import Head
from quorate_node.api.http.problem import wants_retry_after

if TYPE_CHECKING:
    from quorate_node.api.http.connection import Connection
    from quorate_node.telemetry.instruments import Histogram


Start = Callable[["HotExchange", bytes], None]


class HotRoute:
    """A route the front serves itself, with its instruments at hand."""

    __slots__ = ("duration", "has_body", "labels", "name", "start")

    def __init__(self, name: str, has_body: bool, start: Start, duration: Histogram) -> None:
        self.name = name
        self.start = start
        self.has_body = has_body
        self.duration = duration
        self.labels = {status: (name, str(status)) for status in (200, 400, 404, 429, 503)}


class HotExchange(Exchange):
    __slots__ = ("close", "connection", "given_id", "response", "route")

    def __init__(self, connection: Connection, route: HotRoute, head: Head) -> None:
        front = connection.front
        Exchange.__init__(self, front.service, head.forward, head.timeout_s, front.loop.time())
        self.connection = connection
        self.route = route
        self.given_id = head.request_id
        self.close = head.close
        self.response: bytes | None = None

    def request_id(self) -> str:
        if not self.given_id:
            self.given_id = self.connection.front.new_request_id()
        return self.given_id.decode("ascii")

    def answer(self, status: int, body: bytes) -> None:
        assert self.response is None, "an exchange is answered once"
        front = self.connection.front
        route = self.route
        duration: Histogram = route.duration
        elapsed_s = front.loop.time() - self.deadline_s + self.timeout_s
        duration.counts[bisect_left(duration.bounds, elapsed_s)] += 1
        duration.sum += elapsed_s
        front.requests_counter.add(route.labels.get(status) or (route.name, str(status)))
        front.inflight -= 1
        if front.draining:
            self.close = True
        self.response = b"%bx-request-id: %b\r\ncontent-length: %d\r\n%b\r\n%b" % (
            front.status_lines[status],
            self.given_id or front.new_request_id(),
            len(body),
            b"" if status == 200 and not self.close else _extra_fields(status, self.close),
            body,
        )
        self.connection.answered(self)


def _extra_fields(status: int, close: bool) -> bytes:
    if not close and status < 429:
        return b""
    retry = b"retry-after: 1\r\n" if wants_retry_after(status) else b""
    return retry + b"connection: close\r\n" if close else retry
