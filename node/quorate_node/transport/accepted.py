"""One connection that a peer dialled: its messages go to the replica, its requests are answered on it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine
from typing import Any

import aiohttp
from aiohttp import web

from quorate_node.transport.context import TransportContext
from quorate_node.transport.errors import OversizeFrame, PeerFault
from quorate_node.transport.frames import (
    KEEPALIVE_REPLY,
    FrameKind,
    Request,
    Response,
    decode_messages,
    decode_request,
)
from quorate_node.transport.handshake import ConnectionClass, Hello
from quorate_node.transport.interface import PeerRefused, RequestKind
from quorate_node.transport.socket_writer import abort_socket

log = logging.getLogger(__name__)

CALL_KINDS = frozenset((RequestKind.PROBE, RequestKind.JOIN))
"""What one who was not admitted may ask."""


class Accepted:
    def __init__(self, context: TransportContext, web_socket: web.WebSocketResponse, hello: Hello) -> None:
        self._context = context
        self._web_socket = web_socket
        self._serving: set[asyncio.Task[None]] = set()
        self._writes = 0
        self._writing_since_s = 0.0
        self._last_read_s = context.clock()
        self._own_id = context.receiver.identity().member_id
        self.hello = hello
        self.connection_class = hello.connection_class
        self.member_id = hello.member_id
        self.given_up = False
        """We ended it, for silence or because its successor came: its end says nothing of the peer's process."""

    async def serve(self) -> bool:
        """Read until the end. True: it ended without a close frame. Raises `PeerFault`."""
        try:
            while True:
                received = await self._web_socket.receive()
                if received.type is aiohttp.WSMsgType.BINARY:
                    self._last_read_s = self._context.clock()
                    answering = self._on_frame(received.data)
                    if answering is not None:
                        await answering
                elif received.type is aiohttp.WSMsgType.ERROR and isinstance(received.data, aiohttp.WebSocketError):
                    raise PeerFault(f"malformed WebSocket data: {received.data}")
                elif received.type is aiohttp.WSMsgType.TEXT:
                    raise PeerFault("a text message: frames are binary", received.data.encode())
                else:
                    orderly = received.type in (aiohttp.WSMsgType.CLOSE, aiohttp.WSMsgType.CLOSING)
                    return not (orderly or self.given_up)
        finally:
            for task in self._serving:
                task.cancel()

    def _on_frame(self, frame: bytes) -> Coroutine[Any, Any, None] | None:
        """Take a frame; returns what is still to be awaited. Messages, nearly all there is, need nothing: no coroutine is made for them."""
        counters = self._context.counters
        counters.frames_received += 1
        counters.bytes_received += len(frame)
        kind, body = self._context.codec.open(frame)
        if kind == FrameKind.MESSAGES and self.connection_class is not ConnectionClass.CALL:
            messages = decode_messages(body, self.member_id, self._own_id)
            counters.messages_received += len(messages)
            self._context.receiver.on_messages(messages)
        elif kind == FrameKind.KEEPALIVE:
            return self._send(KEEPALIVE_REPLY)
        elif kind == FrameKind.REQUEST and self.connection_class is not ConnectionClass.HEARTBEAT:
            return self._on_request(decode_request(body))
        else:
            raise PeerFault(f"a frame of kind {kind} on a {self.connection_class.name} connection that the peer dialled", frame)
        return None

    async def _on_request(self, request: Request) -> None:
        if self.connection_class is ConnectionClass.CALL and request.kind not in CALL_KINDS:
            raise PeerFault(f"request kind {request.kind} needs a connection of an admitted member")
        if len(self._serving) >= self._context.settings.requests_served_max:
            self._context.counters.requests_over_limit += 1
            limit = self._context.settings.requests_served_max
            text = f"{limit} requests of this peer are being answered, transport.requests_served_max"
            await self._send(self._context.codec.response(Response(request.id, "TooManyRequests", text, b"")))
            return
        task = asyncio.get_running_loop().create_task(self._answer(request), name=f"quorate-peer-{self.member_id}-request")
        self._serving.add(task)
        task.add_done_callback(self._serving.discard)

    async def _answer(self, request: Request) -> None:
        self._context.counters.requests_served += 1
        try:
            payload = await self._context.receiver.on_request(self.member_id, request.kind, request.payload)
            frame = self._context.codec.response(Response(request.id, "", "", payload))
        except PeerRefused as refusal:
            frame = self._context.codec.response(Response(request.id, refusal.error, refusal.message, b""))
        except OversizeFrame as error:
            frame = self._context.codec.response(Response(request.id, "Internal", str(error), b""))
        except Exception as error:
            # The asker must hear that its request failed, or it waits out its timeout; the log has where.
            log.exception("request of kind %d of member %d failed", request.kind, self.member_id)
            frame = self._context.codec.response(Response(request.id, "Internal", f"{type(error).__name__} while answering", b""))
        await self._send(frame)

    async def _send(self, frame: bytes) -> None:
        if self._writes == 0:
            self._writing_since_s = self._context.clock()
        self._writes += 1
        try:
            await self._web_socket.send_bytes(frame)
        except OSError:
            return  # the connection is gone: the read loop ends with it, and nobody waits for this answer
        finally:
            self._writes -= 1
        self._writing_since_s = self._context.clock()
        self._context.counters.frames_sent += 1
        self._context.counters.bytes_sent += len(frame)

    def check(self, now_s: float) -> None:
        """Give up a connection on which nothing moves."""
        settings = self._context.settings
        if self._writes and now_s - self._writing_since_s > settings.write_stall_timeout_s:
            self._context.counters.write_stalls += 1
            self._give_up(f"took no bytes for {settings.write_stall_timeout_s:g} s")
        elif now_s - self._last_read_s > settings.idle_timeout_s:
            self._context.counters.idle_timeouts += 1
            self._give_up(f"silent for {settings.idle_timeout_s:g} s")

    def excuse(self, now_s: float) -> None:
        """Count the time limits from now on."""
        self._last_read_s = self._writing_since_s = now_s

    def _give_up(self, text: str) -> None:
        if not self.given_up:
            log.warning("%s connection from member %d given up: %s", self.connection_class.name.lower(), self.member_id, text)
            self.abandon()

    def abandon(self) -> None:
        self.given_up = True
        abort_socket(self._web_socket)

    async def close(self, code: int, reason: bytes) -> None:
        """Say goodbye; never longer than the close timeout."""
        self.given_up = True
        try:
            async with asyncio.timeout(self._context.settings.close_timeout_s):
                await self._web_socket.close(code=code, message=reason)
        except TimeoutError:
            abort_socket(self._web_socket)
