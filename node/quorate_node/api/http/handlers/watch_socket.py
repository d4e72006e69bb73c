"""Many watches on one WebSocket: a task a watch, one writer, a bounded queue between."""

from __future__ import annotations

import asyncio

import msgspec
from aiohttp import WSCloseCode, WSMsgType, web

from quorate_node.api.http.context import ApiContext, context_of
from quorate_node.api.http.decoding import BodyDecoder
from quorate_node.api.http.integers import int64
from quorate_node.api.http.middleware import REQUEST_ID
from quorate_node.api.http.problem import Problem, error_body
from quorate_node.api.http.socket_outbox import Outbox
from quorate_node.api.http.watching import SocketMessage, WatchCreateBody, events_answer, watch_request
from quorate_node.machine.interface import Refused, Watch
from quorate_node.store.errors import StoreError

HEARTBEAT_S = 30.0
FAREWELL_S = 1.0
_decoder = BodyDecoder[SocketMessage](SocketMessage)
_encode = msgspec.json.Encoder().encode


async def watch_socket(request: web.Request) -> web.StreamResponse:
    context = context_of(request)
    limit = context.settings.stream_message_bytes_max
    socket = web.WebSocketResponse(heartbeat=HEARTBEAT_S, compress=False, max_msg_size=limit)
    socket.headers["x-request-id"] = request[REQUEST_ID]
    await socket.prepare(request)
    session = WatchSession(context, socket, request[REQUEST_ID])
    task = asyncio.current_task()
    assert task is not None
    context.long_lived.add(task)
    try:
        async for message in socket:
            if message.type is not WSMsgType.TEXT:
                await session.refuse(None, "MalformedBody", "a watch WebSocket takes text messages with one JSON object each")
                continue
            await session.received(message.data.encode())
    except asyncio.CancelledError:
        if not context.draining:
            raise
        task.uncancel()
        await session.refuse(None, "ShuttingDown", "this member is shutting down: go on with another one")
        await session.outbox.finish(FAREWELL_S)
        await socket.close(code=WSCloseCode.GOING_AWAY, drain=False)
    finally:
        context.long_lived.discard(task)
        session.close()
    return socket


class WatchSession:
    """The watches of one connection, by the client's own numbers."""

    def __init__(self, context: ApiContext, socket: web.WebSocketResponse, request_id: str) -> None:
        self.outbox = Outbox(socket, context.settings.watch_outbox_messages_max)
        self._context = context
        self._request_id = request_id
        self._watches: dict[int, tuple[Watch, asyncio.Task[None]]] = {}

    async def received(self, text: bytes) -> None:
        number: int | None = None
        try:
            message = _decoder.decode(text)
            if message.watch is not None:
                number = int64(message.watch, "watch")
            if sum((message.create is not None, message.cancel is not None, message.progress)) != 1:
                raise Problem("InvalidArgument", "a message holds exactly one of `create`, `cancel` and `progress`")
            if message.create is not None:
                await self._create(number, message.create)
            elif message.cancel is not None:
                await self._cancel(int64(message.cancel, "cancel"))
            else:
                for watch, _ in self._watches.values():
                    watch.request_progress()
        except (Problem, Refused) as refused:
            await self.refuse(number, refused.error, refused.message)

    async def refuse(self, number: int | None, error: str, message: str) -> None:
        _, body = error_body(error, message, self._context.service.leader(), self._request_id)
        shown = "null" if number is None else f'"{number}"'
        await self.outbox.put(b'{"watch":%b,"error":%b}' % (shown.encode(), body))

    async def _create(self, number: int | None, asked: WatchCreateBody) -> None:
        if number is None:
            raise Problem("InvalidArgument", "field `watch`: it is missing; number the watch, uniquely on this connection")
        if number in self._watches:
            raise Problem("InvalidArgument", f"field `watch`: {number} is already open on this connection; use another number")
        limit = self._context.settings.watches_per_connection_max
        if len(self._watches) >= limit:
            self._context.telemetry.api_limit_hits.add(("watches_per_connection_max",))
            raise Problem("TooManyWatches", f"{limit} watches are open on this connection, which is the limit: use another one")
        request, text = watch_request(asked)
        machine = self._context.service.machine
        watch = machine.watch(request)
        self._count(1)
        await self.outbox.put(b'{"watch":"%d","created":{"revision":"%d"}}' % (number, machine.revision))
        self._watches[number] = (watch, asyncio.create_task(self._pump(number, watch, text)))

    async def _cancel(self, number: int) -> None:
        found = self._watches.pop(number, None)
        if found is None:
            raise Problem("InvalidArgument", f"field `cancel`: {number} is not an open watch of this connection")
        watch, task = found
        task.cancel()
        watch.cancel()
        self._count(-1)
        await self.outbox.put(b'{"watch":"%d","canceled":true}' % number)

    async def _pump(self, number: int, watch: Watch, text: bool) -> None:
        """Move a watch's messages to the outbox until it ends. Waits while the outbox is full; the watch then lives off history."""
        try:
            while True:
                events = await watch.next()
                if events.compact_revision:
                    compacted = b'{"watch":"%d","compacted":{"compact_revision":"%d"}}'
                    await self.outbox.put(compacted % (number, events.compact_revision))
                    break
                await self.outbox.put(_encode(events_answer(str(number), events, text)))
                self._context.telemetry.api_watch_events.add(len(events.events))
        except (Problem, Refused) as refused:
            await self.refuse(number, refused.error, refused.message)
        except StoreError as failure:
            await self.refuse(number, "StoreUnavailable", f"the state cannot be read: {failure}")
        if self._watches.pop(number, None) is not None:
            watch.cancel()
            self._count(-1)

    def _count(self, change: int) -> None:
        gauge = self._context.telemetry.api_watches
        gauge.set(gauge.value + change)

    def close(self) -> None:
        for watch, task in self._watches.values():
            task.cancel()
            watch.cancel()
        self._count(-len(self._watches))
        self._watches.clear()
        self.outbox.stop()
