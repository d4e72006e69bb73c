"""aiohttp's turn on a connection: one general request at a time gets its bytes, then the connection is the front's again."""

from __future__ import annotations

from typing import TYPE_CHECKING

from quorate_node.api.http.cold import ColdHandler
from quorate_node.api.http.head import Head
from quorate_node.api.http.waiting import Waiting

if TYPE_CHECKING:
    from quorate_node.api.http.connection import Connection


class ColdTurn:
    """`busy` from a general request's first byte until its answer is written and its body is all there.

    `missing` counts body bytes still to come. `sticky`: the request's end cannot be seen from here (chunked body, upgrade,
    HTTP/1.0), so aiohttp keeps the connection, and closes it with its answer unless it became a WebSocket.
    """

    __slots__ = ("answered", "busy", "connection", "handler", "missing", "sticky", "waiting")

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.handler: ColdHandler | None = None
        self.busy = False
        self.answered = False
        self.missing = 0
        self.sticky = False
        self.waiting = False
        """A general request waits until the hot ones before it are answered: answers go in order."""

    def begin(self, head: Head, line: bytes, data: bytes, begin: int, body_begin: int) -> int:
        """Hand over the request at `begin`; returns where the next one begins, -1 when its turn has not come."""
        connection = self.connection
        if connection.pending:
            self.waiting = True
            return -1
        self.waiting = False
        front = connection.front
        front.handovers.add()
        if self.handler is None:
            assert connection.transport is not None
            self.handler = front.make_cold(connection)
            self.handler.connection_made(connection.transport)
        self.handler.head = head
        self.busy = True
        self.answered = False
        if head.special or not line.endswith(b" HTTP/1.1"):
            self.sticky = True
            self.handler.data_received(data[begin:])
            return len(data)
        body_end = min(body_begin + head.content_length, len(data))
        self.missing = body_begin + head.content_length - body_end
        self.handler.data_received(data[begin:body_end])
        if self.missing:
            connection.wait_for(Waiting.BODY, head.content_length)
        return body_end

    def feed(self, data: bytes) -> bytes:
        """More of the body; returns what lies beyond its end."""
        assert self.handler is not None
        if self.sticky:
            self.handler.data_received(data)
            return b""
        taken = min(len(data), self.missing)
        self.missing -= taken
        self.handler.data_received(data[:taken] if taken < len(data) else data)
        if not self.missing:
            self.connection.wait_for(Waiting.CLOSE if self.connection.waiting is Waiting.CLOSE else Waiting.REQUEST)
            self.connection.front.loop.call_soon(self._over)
        return data[taken:] if taken < len(data) else b""

    def finished(self, keep_alive: bool) -> None:
        """aiohttp wrote its answer. It closes the connection itself when it will not keep it alive."""
        if self.sticky:
            return
        if not keep_alive:
            self.connection.wait_for(Waiting.CLOSE)
            return
        self.answered = True
        # Not at once: aiohttp's own loop over requests has still to see that this one is over.
        self.connection.front.loop.call_soon(self._over)

    def _over(self) -> None:
        """The connection is ours again once the answer is written and the body all there (aiohttp throws unread rest away)."""
        if not self.answered or self.missing or self.connection.transport is None:
            return
        self.busy = self.answered = False
        self.connection.cold_over()

    def connection_lost(self, exc: Exception | None) -> None:
        if self.handler is not None:
            self.handler.connection_lost(exc)

    def pause_writing(self) -> None:
        if self.handler is not None:
            self.handler.pause_writing()

    def resume_writing(self) -> None:
        if self.handler is not None:
            self.handler.resume_writing()
