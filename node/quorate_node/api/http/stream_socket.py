"""The binary stream's WebSocket, taken over from aiohttp after the upgrade: a message costs no task and no further turn of the loop.

aiohttp routes the request and answers the upgrade (RFC 6455 section 4.2); from there on the connection's bytes come here.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import hashlib
from collections.abc import Callable
from struct import Struct

from aiohttp import hdrs, web

from quorate_node.api.http.connection import Connection
from quorate_node.api.http.problem import Problem
from quorate_node.transport.errors import PeerFault
from quorate_node.transport.websocket_frames import CLOSE, PING, PONG, FrameReader, close_frame, control_frame, read_close

HEARTBEAT_S = 30.0
"""A ping after so long without a word; twice as long without an answer, and the client is taken for gone."""
_ACCEPT_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_MEDIUM, _LARGE = Struct("!BBH"), Struct("!BBQ")
NORMAL, GOING_AWAY, PROTOCOL_ERROR, INVALID_DATA, TOO_BIG = 1000, 1001, 1002, 1007, 1009


def frame(payload: bytes) -> bytes:
    """A whole, unmasked binary WebSocket frame (RFC 6455 section 5.2)."""
    size = len(payload)
    if size < 126:
        return b"\x82%c%b" % (size, payload)
    if size < 65536:
        return _MEDIUM.pack(0x82, 126, size) + payload
    return _LARGE.pack(0x82, 127, size) + payload


async def upgrade(request: web.Request, headers: dict[str, str]) -> web.StreamResponse:
    """Answer the upgrade; the response is what the handler returns when the stream has ended. Raises `Problem`."""
    response = web.StreamResponse(
        status=101,
        headers={**headers, hdrs.UPGRADE: "websocket", hdrs.CONNECTION: "upgrade", hdrs.SEC_WEBSOCKET_ACCEPT: _accepted(request)},
    )
    response.force_close()
    await response.prepare(request)
    return response


def _accepted(request: web.Request) -> str:
    headers = request.headers
    if headers.get(hdrs.UPGRADE, "").strip().lower() != "websocket":
        raise Problem("InvalidArgument", "this path is a WebSocket: send an upgrade request")
    if headers.get(hdrs.SEC_WEBSOCKET_VERSION) != "13":
        raise Problem("InvalidArgument", "header `sec-websocket-version`: 13 is the one that is spoken here")
    key = headers.get(hdrs.SEC_WEBSOCKET_KEY, "")
    try:
        nonce = base64.b64decode(key, validate=True)
    except binascii.Error:
        nonce = b""
    if len(nonce) != 16:
        raise Problem("InvalidArgument", "header `sec-websocket-key`: it is not 16 bytes in base64")
    return base64.b64encode(hashlib.sha1(key.encode() + _ACCEPT_GUID, usedforsecurity=False).digest()).decode()


class StreamSocket:
    """Implements `connection.Takeover`. `on_message` is called with each binary message; `ended` is set when nothing more will come."""

    def __init__(self, connection: Connection, message_bytes_max: int, on_message: Callable[[memoryview], None]) -> None:
        self._connection = connection
        self._on_message = on_message
        self._reader = FrameReader(masked=True, message_bytes_max=message_bytes_max)
        self._loop = connection.front.loop
        self._heard_s = self._loop.time()
        self._timer = self._loop.call_later(HEARTBEAT_S, self._beat)
        self.ended = asyncio.Event()
        self.writable: Callable[[], None] = _nothing_waits
        """Called when the client reads again what was written."""

    def data_received(self, data: bytes) -> None:
        self._heard_s = self._loop.time()
        for message in self._reader.feed(data):
            if self.ended.is_set():
                return
            self._on_message(message)
        if self._reader.controls or self._reader.fault is not None:
            self._control()

    def _control(self) -> None:
        controls, self._reader.controls = self._reader.controls, []
        for control in controls:
            if control.opcode == PING:
                self._write(control_frame(PONG, control.payload, False))
            elif control.opcode == CLOSE:
                self._goodbye(control.payload)
        fault = self._reader.fault
        if fault is not None:
            self.close(self._reader.close_code, str(fault))

    def _goodbye(self, payload: bytes) -> None:
        """The client's close frame is answered with its own code (RFC 6455 section 5.5.1)."""
        try:
            read_close(payload)
        except PeerFault as fault:
            self.close(PROTOCOL_ERROR, str(fault))
            return
        self.close(int.from_bytes(payload[:2]) if payload else NORMAL, "")

    def send(self, payload: bytes) -> None:
        """One binary message. What a client does not read waits in the connection's buffer, which the front bounds in size and time."""
        self._write(frame(payload))

    def _write(self, data: bytes) -> None:
        transport = self._connection.transport
        if transport is not None and not self.ended.is_set():
            transport.write(data)

    def close(self, code: int, reason: str) -> None:
        """Say why, and end."""
        self._write(close_frame(code, reason.encode()[:120].decode(errors="ignore").encode(), False))
        self._end()

    def connection_lost(self) -> None:
        self._end()

    def _end(self) -> None:
        self._timer.cancel()
        self.ended.set()

    def _beat(self) -> None:
        silent_s = self._loop.time() - self._heard_s
        if silent_s >= 2 * HEARTBEAT_S:
            self._end()
            return
        if silent_s >= HEARTBEAT_S:
            self._write(control_frame(PING, b"", False))
        self._timer = self._loop.call_later(HEARTBEAT_S, self._beat)


def _nothing_waits() -> None:
    """Before anybody waits."""
