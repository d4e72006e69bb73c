"""The pipelined binary stream (docs/api.md): many requests a message, answers that complete together in one message.

Frames are written straight to the connection from the replica's call-backs: no task and no future a request. aiohttp reads.
"""

from __future__ import annotations

import asyncio
from struct import Struct

import msgspec
from aiohttp import WSCloseCode, WSMsgType, web

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
from quorate_node.api.http.stream_writes import StreamWrites
from quorate_node.machine.interface import Refused
from quorate_node.replica.service import ServiceError
from quorate_node.store.errors import StoreError

HEARTBEAT_S = 30.0
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
_MEDIUM, _LARGE = Struct("!BBH"), Struct("!BBQ")
_requests = msgspec.msgpack.Decoder(list[StreamRequest])
_range = msgspec.msgpack.Decoder(Range)
_encode = msgspec.msgpack.Encoder().encode


def frame(payload: bytes) -> bytes:
    """A whole, unmasked binary WebSocket frame (RFC 6455 section 5.2)."""
    size = len(payload)
    if size < 126:
        return b"\x82%c%b" % (size, payload)
    if size < 65536:
        return _MEDIUM.pack(0x82, 126, size) + payload
    return _LARGE.pack(0x82, 127, size) + payload


async def stream(request: web.Request) -> web.StreamResponse:
    """Handler of `GET /v1/stream`."""
    context = context_of(request)
    consistency = CONSISTENCIES[query_of(request, StreamQuery).consistency]
    if "upgrade" not in request.headers:
        raise Problem("InvalidArgument", "this path is a WebSocket: send an upgrade request")
    limit = context.settings.stream_message_bytes_max
    socket = web.WebSocketResponse(heartbeat=HEARTBEAT_S, compress=False, max_msg_size=limit)
    socket.headers["x-request-id"] = request[REQUEST_ID]
    await socket.prepare(request)
    handler = request.protocol
    assert isinstance(handler, ColdHandler)
    session = StreamSession(context, handler.connection, consistency)
    gauge = context.telemetry.api_streams
    gauge.set(gauge.value + 1)
    task = asyncio.current_task()
    assert task is not None
    context.long_lived.add(task)
    try:
        async for message in socket:
            if message.type is not WSMsgType.BINARY or not await session.received(message.data):
                await socket.close(code=WSCloseCode.INVALID_TEXT, message=b"not a msgpack array of requests")
                break
    except asyncio.CancelledError:
        if not context.draining:
            raise
        task.uncancel()
        await session.finish(context.settings.drain_timeout_ms / 2000)
        await socket.close(code=WSCloseCode.GOING_AWAY, drain=False)
    finally:
        context.long_lived.discard(task)
        gauge.set(gauge.value - 1)
        session.closed = True
    return socket


class StreamSession:
    """One connection's open requests and the answers that are about to go out."""

    def __init__(self, context: ApiContext, connection: Connection, consistency: int) -> None:
        self.service = context.service
        self.closed = False
        self._context = context
        self._connection = connection
        self._consistency = consistency
        self._loop = context.loop
        self._open = 0
        self._open_max = context.settings.stream_inflight_max
        self._timeout_s = context.settings.request_timeout_ms / 1000
        self._answers: list[tuple[int, Result | StreamFailure]] = []
        self._room: asyncio.Future[None] | None = None

    async def received(self, data: bytes) -> bool:
        """Begin the requests of one message; waits while too many are open. False: it is no message of this protocol."""
        try:
            requests = _requests.decode(data)
        except (msgspec.MsgspecError, RecursionError, ValueError):
            return False
        self._context.telemetry.api_stream_requests.value += len(requests)
        deadline_s = self._loop.time() + self._timeout_s
        reads: dict[int, KeyReads] = {}
        writes = StreamWrites(self)
        for request in requests:
            if self._open >= self._open_max:
                self._send(writes, reads, deadline_s)
                writes = StreamWrites(self)
                await self._wait_for_room()
            self._open += 1
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
        if self._connection.write_paused_since_s:
            await self._connection.drained()
        return True

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
        room = self._room
        if room is not None and self._open <= self._open_max // 2 and not room.done():
            room.set_result(None)

    def _flush(self) -> None:
        """Everything that completed in this turn of the loop is one message."""
        answers, self._answers = self._answers, []
        transport = self._connection.transport
        if transport is not None and not self.closed:
            transport.write(frame(_encode(answers)))

    async def _wait_for_room(self) -> None:
        self._context.telemetry.api_limit_hits.add(("stream_inflight_max",))
        self._room = self._loop.create_future()
        try:
            await self._room
        finally:
            self._room = None

    async def finish(self, timeout_s: float) -> None:
        """On shutdown: let what is open complete."""
        try:
            async with asyncio.timeout(timeout_s):
                while self._open:
                    self._room = self._loop.create_future()
                    self._open_max = 0
                    await self._room
        except TimeoutError:
            return
        finally:
            self._room = None
        await asyncio.sleep(0)  # the last answers are flushed at the end of this turn
