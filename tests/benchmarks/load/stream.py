"""A light client of the pipelined binary stream (docs/api.md): WebSocket frames by hand (RFC 6455), many requests a message."""

from __future__ import annotations

import asyncio
import base64
import os
import struct
from collections.abc import Sequence
from time import perf_counter
from typing import cast

import msgspec

from tests.benchmarks.load.recorder import Recorder

BINARY, CLOSE, PING, PONG = 2, 8, 9, 10
FAILURE_TAGS = frozenset({11, 12})
"""Results that say a request was not carried out: `Failure` and `StreamFailure` of `quorate.wire.results`."""


def websocket_frame(opcode: int, payload: bytes) -> bytes:
    """A final, masked frame. The mask is zero, which leaves the payload as it is; the server still takes it off."""
    size = len(payload)
    if size < 126:
        head = struct.pack(">BB", 0x80 | opcode, 0x80 | size)
    elif size < 65_536:
        head = struct.pack(">BBH", 0x80 | opcode, 0x80 | 126, size)
    else:
        head = struct.pack(">BBQ", 0x80 | opcode, 0x80 | 127, size)
    return head + b"\0\0\0\0" + payload


def array_head(count: int) -> bytes:
    return bytes([0x90 | count]) if count < 16 else b"\xdc" + struct.pack(">H", count)


class StreamConnection(asyncio.Protocol):
    """One stream that keeps `in_flight` requests open; what is answered together is asked again together.

    `tails` are encoded requests without their id: kind, consistency, session, seq, acked_below, payload of the seven-element array.
    With `limit`, so many are sent in all, and `finished` is set when they are answered.
    """

    def __init__(
        self, recorder: Recorder, authority: str, tails: Sequence[bytes], in_flight: int, offset: int, limit: int | None = None
    ) -> None:
        self._recorder = recorder
        self._authority = authority
        self._tails = tails
        self._next = offset
        self._in_flight = in_flight
        self._end = None if limit is None else offset + limit
        self.finished = asyncio.Event()
        self._id = 0
        self._started: dict[int, float] = {}
        self._buffer = b""
        self._upgraded = False
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is not one by inheritance
        key = base64.b64encode(os.urandom(16)).decode()
        self._transport.write(
            (
                f"GET /v1/stream HTTP/1.1\r\nHost: {self._authority}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n"
            ).encode()
        )

    def connection_lost(self, error: Exception | None) -> None:
        self._recorder.lose(str(error or "closed by the server"))

    def _send(self, count: int) -> None:
        assert self._transport is not None
        if self._end is not None:
            count = min(count, self._end - self._next)
            if count == 0:
                if not self._started:
                    self.finished.set()
                return
        parts = [array_head(count)]
        now = perf_counter()
        for _ in range(count):
            self._id += 1
            self._started[self._id] = now
            parts.append(b"\x97\xce" + struct.pack(">I", self._id) + self._tails[self._next % len(self._tails)])
            self._next += 1
        self._transport.write(websocket_frame(BINARY, b"".join(parts)))

    def data_received(self, data: bytes) -> None:
        self._buffer = self._buffer + data if self._buffer else data
        if not self._upgraded:
            head_end = self._buffer.find(b"\r\n\r\n")
            if head_end < 0:
                return
            if not self._buffer.startswith(b"HTTP/1.1 101"):
                self._recorder.lose(self._buffer[:400].decode("utf-8", "replace"))
                return
            self._buffer = self._buffer[head_end + 4 :]
            self._upgraded = True
            self._send(self._in_flight)
        answered = 0
        while (message := self._take_frame()) is not None:
            answered += self._answers(message)
        if answered and self._recorder.running:
            self._send(answered)

    def _take_frame(self) -> bytes | None:
        """Payload of the next binary message; control frames are dealt with on the way. None: wait for more."""
        while len(self._buffer) >= 2:
            buffer = self._buffer
            opcode, size, at = buffer[0] & 0x0F, buffer[1] & 0x7F, 2
            if size == 126:
                size, at = int.from_bytes(buffer[2:4], "big"), 4
            elif size == 127:
                size, at = int.from_bytes(buffer[2:10], "big"), 10
            if len(buffer) < at + size or len(buffer) < at:
                return None
            payload, self._buffer = buffer[at : at + size], buffer[at + size :]
            if opcode == BINARY:
                return payload
            assert self._transport is not None
            if opcode == PING:
                self._transport.write(websocket_frame(PONG, payload))
            elif opcode == CLOSE:
                self._recorder.lose(f"the server closed the stream: {payload!r}")
                self._transport.close()
                return None
        return None

    def _answers(self, message: bytes) -> int:
        recorder = self._recorder
        now = perf_counter()
        answers = msgspec.msgpack.decode(message)
        for number, result in answers:
            started = self._started.pop(number)
            if result[0] in FAILURE_TAGS:
                recorder.fail(repr(result))
            elif recorder.measuring:
                recorder.latencies_s.append(now - started)
        return len(answers)

    def close(self) -> None:
        if self._transport is not None:
            self._transport.abort()
