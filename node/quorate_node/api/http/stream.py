"""The pipelined binary stream (docs/api.md): many requests a message, answers that complete together in one message.

Frames are read in the connection's call-backs and written in the replica's: no task and no future a request.
"""

from __future__ import annotations

import asyncio
from collections import deque

import msgspec
from aiohttp import web

from quorate.wire.commands import MAX_INT64, Command, CommandKind, Range
from quorate.wire.results import Result, StreamFailure
from quorate.wire.stream import StreamRequest
from quorate_node.api.http.codec import COMMAND_VERSION, CONSISTENCIES
from quorate_node.api.http.cold import ColdHandler
from quorate_node.api.http.connection import Connection
from quorate_node.api.http.context import ApiContext, context_of, query_of
from quorate_node.api.http.middleware import REQUEST_ID
from quorate_node.api.http.principal import principal
from quorate_node.api.http.problem import Problem, bounded
from quorate_node.api.http.queries import StreamQuery
from quorate_node.api.http.reads import is_single_key
from quorate_node.api.http.stream_reads import KeyReads, RangeRead
from quorate_node.api.http.stream_socket import GOING_AWAY, INVALID_DATA, StreamSocket, upgrade
from quorate_node.api.http.stream_writes import StreamWrites
from quorate_node.machine import forms
from quorate_node.machine.interface import Refused
from quorate_node.replica.service import ServiceError
from quorate_node.store.errors import StoreError

CLIENT_KINDS = frozenset(
    int(kind)
    for kind in (
        CommandKind.PUT,
        CommandKind.DELETE_RANGE,
        CommandKind.TXN,
        CommandKind.COMPACT,
        CommandKind.LEASE_GRANT,
        CommandKind.LEASE_REVOKE,
        CommandKind.LEASE_KEEPALIVE,
        CommandKind.SESSION_CREATE,
        CommandKind.SESSION_CLOSE,
        CommandKind.APPLICATION,
    )
)
"""What a client may propose; the other kinds are the cluster's own."""
_RANGE = int(CommandKind.RANGE)
_requests = msgspec.msgpack.Decoder(list[StreamRequest])
_range = msgspec.msgpack.Decoder(Range)
_encode = msgspec.msgpack.Encoder().encode


async def stream(request: web.Request) -> web.StreamResponse:
    """Handler of `GET /v1/stream`."""
    context = context_of(request)
    consistency = CONSISTENCIES[query_of(request, StreamQuery).consistency]
    handler = request.protocol
    assert isinstance(handler, ColdHandler)
    connection = handler.connection
    response = await upgrade(request, {"x-request-id": request[REQUEST_ID]})
    session = StreamSession(context, connection, consistency)
    connection.taken = session.socket
    gauge = context.telemetry.api_streams
    gauge.set(gauge.value + 1)
    task = asyncio.current_task()
    assert task is not None
    context.long_lived.add(task)
    try:
        await session.socket.ended.wait()
    except asyncio.CancelledError:
        if not context.draining:
            raise
        task.uncancel()
        await session.finish(context.settings.drain_timeout_ms / 2000)
        session.socket.close(GOING_AWAY, "this member is stopping")
    finally:
        context.long_lived.discard(task)
        gauge.set(gauge.value - 1)
        session.close()
    return response


class StreamSession:
    """One connection's open requests and the answers that are about to go out."""

    def __init__(self, context: ApiContext, connection: Connection, consistency: int) -> None:
        self.service = context.service
        self.socket = StreamSocket(connection, context.settings.stream_message_bytes_max, self._received)
        self.socket.writable = self._go_on
        self._context = context
        self._connection = connection
        self._consistency = consistency
        self._loop = context.loop
        self._open = 0
        self._open_max = context.settings.stream_inflight_max
        self._timeout_s = context.settings.request_timeout_ms / 1000
        self._answers: list[tuple[int, Result | StreamFailure]] = []
        self._held: deque[list[StreamRequest]] = deque()
        """Requests that were read and wait for room; nothing more is read meanwhile."""
        self._idle: asyncio.Future[None] | None = None
        self._closed = False

    def _received(self, message: memoryview) -> None:
        """One message of the client: its requests begin, or wait while too many are open or the client does not read."""
        try:
            requests = _requests.decode(message)
        except (msgspec.MsgspecError, RecursionError, ValueError):
            self.socket.close(INVALID_DATA, "not a msgpack array of requests")
            return
        self._context.telemetry.api_stream_requests.value += len(requests)
        if self._held or self._open + len(requests) > self._open_max or self._connection.write_paused_since_s:
            self._hold(requests)
        else:
            self._begin(requests)

    def _hold(self, requests: list[StreamRequest]) -> None:
        if not self._held and self._connection.transport is not None:
            self._connection.transport.pause_reading()
        self._held.append(requests)
        if self._open + len(requests) > self._open_max:
            self._context.telemetry.api_limit_hits.add(("stream_inflight_max",))
        self._go_on()

    def _go_on(self) -> None:
        """Begin what was held back, as far as there is room; when nothing is held any more, read on."""
        while self._held and not self._connection.write_paused_since_s and self._open < self._open_max:
            requests = self._held.popleft()
            room = self._open_max - self._open
            if len(requests) > room:
                self._held.appendleft(requests[room:])
            self._begin(requests[:room])
            if not self._held and self._connection.transport is not None:
                self._connection.transport.resume_reading()

    def _begin(self, requests: list[StreamRequest]) -> None:
        deadline_s = self._loop.time() + self._timeout_s
        reads: dict[int, KeyReads] = {}
        writes = StreamWrites(self)
        self._open += len(requests)
        for request in requests:
            try:
                if request.kind == _RANGE:
                    self._read(request, reads, deadline_s)
                else:
                    writes.commands.append(self._command(request))
                    writes.ids.append(request.id)
            except (Problem, Refused, ServiceError) as refused:
                self.failed(request.id, refused.error, refused.message)
            except StoreError as error:
                self.failed(request.id, "StoreUnavailable", f"the state cannot be read: {error}")
        self._send(writes, reads, deadline_s)

    def _command(self, request: StreamRequest) -> Command:
        kind = request.kind
        if kind not in CLIENT_KINDS:
            raise Problem("InvalidArgument", f"kind {kind} is not one that a client may send: see quorate.wire.commands")
        if not 0 <= request.acked_below <= request.seq <= MAX_INT64 or not 0 <= request.session <= MAX_INT64:
            raise Problem("InvalidArgument", "session, seq and acked_below: 0 to 2^63-1 each, acked_below at most seq")
        payload = request.payload
        self.service.machine.check(kind, payload)
        return Command(kind, COMMAND_VERSION, request.session, request.seq, request.acked_below, principal(), 0, payload)

    def _read(self, request: StreamRequest, reads: dict[int, KeyReads], deadline_s: float) -> None:
        try:
            wanted = _range.decode(request.payload)
        except (msgspec.MsgspecError, ValueError) as error:
            raise Problem("MalformedBody", f"the payload is no Range: {str(error)[:200]}") from None
        consistency = request.consistency or self._consistency
        if not 0 <= consistency <= 2:
            raise Problem("InvalidArgument", f"consistency {consistency} is unknown: 0 linearizable, 1 lease, 2 stale")
        if not wanted.key:
            raise Problem("EmptyKey", "field `key`: it is empty; a key has at least one byte")
        if wanted.revision < 0:
            raise forms.negative_revision(wanted.revision)
        if not is_single_key(wanted):
            read = RangeRead(self, request.id, wanted, consistency, deadline_s)
            self.service.read(consistency, read.ready, deadline_s=deadline_s)
            return
        batch = reads.get(consistency)
        if batch is None:
            batch = reads[consistency] = KeyReads(self, consistency, deadline_s)
        batch.ids.append(request.id)
        batch.keys.append(wanted.key)

    def _send(self, writes: StreamWrites, reads: dict[int, KeyReads], deadline_s: float) -> None:
        if writes.commands:
            self.service.submit_many(writes.commands, writes, deadline_s=deadline_s)
        for consistency, batch in reads.items():
            self._context.telemetry.api_read_batch.observe(len(batch.keys))
            self.service.read(consistency, batch.ready, deadline_s=deadline_s)
        reads.clear()

    # Answers.

    def failed(self, number: int, error: str, message: str) -> None:
        leader_id, leader_url = self.service.leader()
        self.answer([(number, StreamFailure(error, bounded(message), leader_id, leader_url))])

    def answer(self, completed: list[tuple[int, Result | StreamFailure]]) -> None:
        if not self._answers:
            self._loop.call_soon(self._flush)
        self._answers += completed
        self._open -= len(completed)

    def _flush(self) -> None:
        """Everything that completed in this turn of the loop is one message."""
        answers, self._answers = self._answers, []
        if self._closed:
            return
        self.socket.send(_encode(answers))
        if self._held and self._open <= self._open_max // 2:
            self._go_on()
        if self._idle is not None and not self._open and not self._idle.done():
            self._idle.set_result(None)

    async def finish(self, timeout_s: float) -> None:
        """On shutdown: let what is open complete; what was held back never began, and begins no more."""
        self._held.clear()
        self._open_max = 0
        if not self._open:
            return
        self._idle = self._loop.create_future()
        try:
            async with asyncio.timeout(timeout_s):
                await self._idle
        except TimeoutError:
            return

    def close(self) -> None:
        self._closed = True
        self._held.clear()
