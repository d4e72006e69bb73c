"""One client connection: frames requests, serves the hot ones, hands the others to aiohttp one at a time, keeps answers in order."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol, cast

from quorate_node.api.http.cold_turn import ColdTurn
from quorate_node.api.http.head import Head, HeadRefused
from quorate_node.api.http.hot import HotExchange, HotRoute
from quorate_node.api.http.problem import Problem
from quorate_node.api.http.waiting import Waiting
from quorate_node.machine.interface import Refused
from quorate_node.replica.service import ServiceError
from quorate_node.store.errors import StoreError

if TYPE_CHECKING:
    from quorate_node.api.http.front import Front

HELD_BYTES_MAX = 64 * 1024
"""Received bytes that wait because the connection is busy; reading pauses above."""


class Takeover(Protocol):
    """Who owns a connection that was upgraded: the front only counts its bytes and watches its writes."""

    writable: Callable[[], None]

    def data_received(self, data: bytes) -> None: ...
    def connection_lost(self) -> None: ...


class Connection(asyncio.Protocol):
    """`held` are received bytes not yet framed. With a hot body under way, its chunks are in `chunks` and `missing` counts the rest."""

    def __init__(self, front: Front) -> None:
        self.front = front
        self.transport: asyncio.Transport | None = None
        self.pending: deque[HotExchange] = deque()
        self.source = ""
        self.held = b""
        self.chunks: list[bytes] = []
        self.missing = 0
        self.partial: tuple[HotRoute, Head, bytes] | None = None
        self.cold = ColdTurn(self)
        self.waiting = Waiting.REQUEST
        self.waiting_since_s = front.now_s
        self.body_bytes = 0
        self.processing = False
        self.dirty = False
        self.reading_paused = False
        self.write_paused_since_s = 0.0
        self.half_closed = False
        self._drain_waiters: list[asyncio.Future[None]] = []
        self.taken: Takeover | None = None

    # The transport's callbacks.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self.transport.set_write_buffer_limits(high=self.front.settings.write_buffer_bytes_max)
        self.front.opened(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self.transport = None
        self.held, self.chunks, self.partial = b"", [], None
        self.pending.clear()
        self.front.lost(self)
        self._wake_drained()
        if self.taken is not None:
            self.taken.connection_lost()
        self.cold.connection_lost(exc)

    def eof_received(self) -> bool:
        """A client may close its sending half and still wait for answers; a general request or a watch ends with it."""
        if self.pending and not self.cold.busy and self.waiting is not Waiting.CLOSE:
            self.half_closed = True
            return True
        return False

    def pause_writing(self) -> None:
        self.write_paused_since_s = self.front.now_s
        self.cold.pause_writing()

    def resume_writing(self) -> None:
        self.write_paused_since_s = 0.0
        self._wake_drained()
        self.cold.resume_writing()
        if self.taken is not None:
            self.taken.writable()
            return
        self.resume()

    def data_received(self, data: bytes) -> None:
        self.front.received.value += len(data)
        if self.taken is not None:
            self.taken.data_received(data)
            return
        cold = self.cold
        if cold.sticky or cold.missing:
            rest = cold.feed(data)
            if rest:
                self._process(self.held + rest)
        elif self.waiting is Waiting.CLOSE:
            return
        elif self.partial is not None:
            self._feed_hot_body(data)
        else:
            self._process(self.held + data if self.held else data)

    async def drained(self) -> None:
        """Wait while the client does not read what was written. Returns also when the connection is gone."""
        while self.write_paused_since_s and self.transport is not None:
            waiter: asyncio.Future[None] = self.front.loop.create_future()
            self._drain_waiters.append(waiter)
            await waiter

    def _wake_drained(self) -> None:
        waiters, self._drain_waiters = self._drain_waiters, []
        for waiter in waiters:
            if not waiter.done():
                waiter.set_result(None)

    # Framing.

    def _blocked(self) -> bool:
        return (
            self.cold.busy
            or (self.cold.waiting and len(self.pending) > 0)
            or self.write_paused_since_s > 0
            or len(self.pending) >= self.front.pipelining_depth_max
            or self.transport is None
            or self.waiting is Waiting.CLOSE
        )

    def _process(self, data: bytes) -> None:
        """Serve all whole requests in `data`; what is left waits in `held`."""
        self.held = b""
        self.processing = True
        position = 0
        try:
            while position < len(data) and not self.cold.sticky and self.partial is None:
                if self._blocked():
                    break
                advanced = self._next_request(data, position)
                if advanced < 0:
                    break
                position = advanced
        finally:
            self.processing = False
        if position < len(data) and self.waiting is not Waiting.CLOSE and self.transport is not None:
            self.held = data[position:]
            if len(self.held) > HELD_BYTES_MAX and self._blocked():
                self._pause()
        if self.partial is None and self.waiting is not Waiting.CLOSE:
            self.wait_for(Waiting.HEAD if self.held and not self._blocked() else Waiting.REQUEST)

    def _next_request(self, data: bytes, position: int) -> int:
        """Frame and begin the request at `position`; returns where the next one begins, -1 when this one's head is not all there."""
        front = self.front
        end = data.find(b"\r\n\r\n", position, position + front.head_bytes_max)
        line_end = data.find(b"\r\n", position, end + 2 if end >= 0 else position + front.head_bytes_max)
        if line_end == position:  # an empty line before a request is ignored (RFC 9112 section 2.2)
            return position + 2
        if end < 0:
            if len(data) - position >= front.head_bytes_max:
                self.refuse("InvalidArgument", f"the request's head is over {front.head_bytes_max} bytes: send fewer or shorter headers")
            else:
                self._check_line(data, position)
            return -1
        line = data[position:line_end]
        block = data[line_end + 2 : end + 4]
        route = front.hot_lines.get(line)
        # A line that is known by heart and a block that was judged before need no second judgement.
        head = front.known_heads.get(block) if route is not None else None
        if head is None or not head.has_host:
            try:
                head = front.judge(line, block)
            except HeadRefused as refused:
                self.refuse("MalformedBody", str(refused))
                return -1
            route = front.route(line)
        if route is None or head.special:
            return self.cold.begin(head, line, data, position, end + 4)
        return self._begin_hot(route, head, line, data, end + 4)

    def _check_line(self, data: bytes, position: int) -> None:
        """Refuse what cannot become a request line as soon as it is seen: TLS on the plain port, HTTP/2, noise."""
        if not 0x41 <= data[position] <= 0x5A:
            self.refuse("MalformedBody", "this is not HTTP/1.1 (TLS on a port without TLS?)")

    def _begin_hot(self, route: HotRoute, head: Head, line: bytes, data: bytes, body_begin: int) -> int:
        length = head.content_length
        limit = self.front.body_bytes_max
        if length > limit:
            self.front.limit_hit("body_bytes_max")
            self.refuse("BodyTooLarge", f"the body has {length} bytes; at most {limit} are taken: split the request")
            return -1
        body_end = body_begin + length
        if body_end > len(data):
            self.partial = (route, head, line)
            self.chunks = [data[body_begin:]]
            self.missing = body_end - len(data)
            self.wait_for(Waiting.BODY, length)
            return len(data)
        self._serve(route, head, line, data[body_begin:body_end])
        return body_end

    def _feed_hot_body(self, data: bytes) -> None:
        assert self.partial is not None
        if len(data) < self.missing:
            self.chunks.append(data)
            self.missing -= len(data)
            return
        route, head, line = self.partial
        rest = data[self.missing :]
        self.chunks.append(data[: self.missing])
        body = b"".join(self.chunks)
        self.partial, self.chunks, self.missing = None, [], 0
        self.processing = True
        try:
            self._serve(route, head, line, body)
        finally:
            self.processing = False
        self._process(rest)

    def _serve(self, route: HotRoute, head: Head, line: bytes, body: bytes) -> None:
        front = self.front
        exchange = HotExchange(self, route, head)
        self.pending.append(exchange)
        front.inflight += 1
        try:
            if head.problem is not None:
                raise head.problem
            if front.inflight > front.requests_inflight_max:
                raise front.too_many()
            if not route.has_body:
                route.start(exchange, line[4:-9])
            else:
                if head.content_type != "application/json":
                    judge_type(head)
                route.start(exchange, body)
        except (Problem, Refused, ServiceError) as refused:
            exchange.failed(refused.error, refused.message)
        except StoreError as error:
            exchange.failed("StoreUnavailable", f"the state cannot be read: {error}")
        if head.close:
            self.wait_for(Waiting.CLOSE)

    def cold_over(self) -> None:
        """The general server is done with its request: go on with the next one."""
        if self.front.draining:
            self.close()
        else:
            self.resume()

    # Answers.

    def answered(self, exchange: HotExchange) -> None:
        """Write now when nothing can be joined, else once at the end of this turn of the loop."""
        if self.transport is None:
            return
        if len(self.pending) == 1 and not self.processing:
            assert self.pending[0] is exchange
            self.pending.clear()
            assert exchange.response is not None
            self.transport.write(exchange.response)
            self._written(exchange.close)
        elif not self.dirty:
            self.dirty = True
            self.front.mark_dirty(self)

    def flush(self) -> None:
        """Write all answers that are next in order, in one piece."""
        self.dirty = False
        if self.transport is None:
            return
        ready: list[bytes] = []
        close = False
        while self.pending and self.pending[0].response is not None and not close:
            exchange = self.pending.popleft()
            assert exchange.response is not None
            ready.append(exchange.response)
            close = exchange.close
        if ready:
            self.transport.write(b"".join(ready))
            self._written(close)

    def _written(self, close: bool) -> None:
        if close or (self.half_closed and not self.pending):
            self.close()
        elif self.held or self.reading_paused:
            self.resume()

    def refuse(self, error: str, message: str) -> None:
        """Answer an error after all answers before it, and close: where the next request begins is unknown or too far."""
        exchange = HotExchange(self, self.front.refused_route, self.front.anonymous_head)
        exchange.close = True
        self.pending.append(exchange)
        self.front.inflight += 1
        exchange.failed(error, message)
        self.wait_for(Waiting.CLOSE)

    def close(self) -> None:
        """Say that nothing more comes, and close once the client has, or after a moment."""
        self.pending.clear()
        if self.transport is None:
            return
        self.wait_for(Waiting.CLOSE)
        self.waiting_since_s = self.front.now_s
        if self.transport.can_write_eof() and not self.half_closed:
            self.transport.write_eof()
        else:
            self.transport.close()

    # Flow.

    def wait_for(self, waiting: Waiting, body_bytes: int = 0) -> None:
        if waiting is not self.waiting or waiting is Waiting.REQUEST:
            self.waiting_since_s = self.front.now_s
        self.waiting = waiting
        self.body_bytes = body_bytes

    def _pause(self) -> None:
        if not self.reading_paused and self.transport is not None:
            self.reading_paused = True
            self.transport.pause_reading()

    def resume(self) -> None:
        """Go on with what was held back, unless something still holds it."""
        if self.processing or self._blocked():
            return
        if self.held:
            self._process(self.held)
        if self.reading_paused and len(self.held) <= HELD_BYTES_MAX and self.transport is not None:
            self.reading_paused = False
            self.transport.resume_reading()


def judge_type(head: Head) -> None:
    """Refuse a body that is not JSON, or that a browser could send to a foreign origin without asking. Raises `Problem`."""
    if head.content_type == "application/json" or (not head.content_type and not head.browser):
        return
    shown = head.content_type[:60] or "none"
    raise Problem("UnsupportedMediaType", f"header `content-type`: {shown} is not taken here; send application/json")
