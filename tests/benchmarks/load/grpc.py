"""A light gRPC client for unary calls: HTTP/2 frames by hand, header blocks made once (RFC 9113, RFC 7541).

Made to be kind to the server measured: headers cost it a few table look-ups, and the client takes a fraction of the core that a full gRPC
library would take from it. It understands what a correct server may send, and ends the run on anything else.
"""

from __future__ import annotations

import asyncio
import struct
from collections import deque
from collections.abc import Sequence
from time import perf_counter
from typing import cast

from tests.benchmarks.load.recorder import Recorder

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, RST_STREAM, SETTINGS, PING, GOAWAY, WINDOW_UPDATE = 0, 1, 3, 4, 6, 7, 8
END_STREAM, END_HEADERS, ACK = 1, 4, 1
WINDOW_MAX = 2**31 - 1
WINDOW_DEFAULT = 65_535


def frame(kind: int, flags: int, stream: int, payload: bytes) -> bytes:
    return struct.pack(">I", len(payload))[1:] + struct.pack(">BBI", kind, flags, stream) + payload


def _literal(name: bytes, value: bytes) -> bytes:
    """Literal header field with incremental indexing, new name, no Huffman coding; both shorter than 127 bytes."""
    assert len(name) < 127 and len(value) < 127
    return bytes([0x40, len(name)]) + name + bytes([len(value)]) + value


def header_blocks(path: bytes, authority: bytes) -> tuple[bytes, bytes]:
    """(first, later): the first request puts its fields into the server's table, the later ones name them by number.

    The newest entry of the table has number 62: te 62, content-type 63, :path 64, :authority 65. 0x83 is :method POST, 0x86 :scheme http.
    """
    fields = [(b":authority", authority), (b":path", path), (b"content-type", b"application/grpc"), (b"te", b"trailers")]
    first = b"\x83\x86" + b"".join(_literal(name, value) for name, value in fields)
    return first, b"\x83\x86" + bytes([0x80 | 65, 0x80 | 64, 0x80 | 63, 0x80 | 62])


class GrpcConnection(asyncio.Protocol):
    """One connection that keeps `in_flight` unary calls of `path` open, bodies taken in turn from `messages`.

    A response counts as a success when a message came before the stream's end: a failed unary call has trailers only.
    """

    def __init__(self, recorder: Recorder, path: bytes, authority: bytes, messages: Sequence[bytes], in_flight: int, offset: int) -> None:
        self._recorder = recorder
        self._first, self._later = header_blocks(path, authority)
        self._bodies = [b"\0" + struct.pack(">I", len(message)) + message for message in messages]
        self._next_body = offset
        self._in_flight = in_flight
        self._stream = 1
        self._window = WINDOW_DEFAULT
        self._received = 0
        self._started: dict[int, float] = {}
        self._answered: set[int] = set()
        self._held: deque[None] = deque()
        self._buffer = b""
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is not one by inheritance
        settings = struct.pack(">HIHI", 4, WINDOW_MAX, 2, 0)  # INITIAL_WINDOW_SIZE as large as can be, no pushes
        out = [PREFACE, frame(SETTINGS, 0, 0, settings), frame(WINDOW_UPDATE, 0, 0, struct.pack(">I", WINDOW_MAX - WINDOW_DEFAULT))]
        for _ in range(self._in_flight):
            self._request(out)
        self._transport.write(b"".join(out))

    def connection_lost(self, error: Exception | None) -> None:
        self._recorder.lose(str(error or "closed by the server"))

    def _request(self, out: list[bytes]) -> None:
        body = self._bodies[self._next_body % len(self._bodies)]
        if len(body) > self._window:
            self._held.append(None)
            return
        self._next_body += 1
        self._window -= len(body)
        stream = self._stream
        self._stream += 2
        out.append(frame(HEADERS, END_HEADERS, stream, self._first if stream == 1 else self._later))
        out.append(frame(DATA, END_STREAM, stream, body))
        self._started[stream] = perf_counter()

    def data_received(self, data: bytes) -> None:
        buffer = self._buffer + data if self._buffer else data
        out: list[bytes] = []
        at, size = 0, len(buffer)
        while size - at >= 9:
            length = (buffer[at] << 16) | (buffer[at + 1] << 8) | buffer[at + 2]
            end = at + 9 + length
            if end > size:
                break
            kind, flags = buffer[at + 3], buffer[at + 4]
            stream = int.from_bytes(buffer[at + 5 : at + 9], "big") & WINDOW_MAX
            if kind == DATA:
                self._received += length
                self._answered.add(stream)
            if kind in (DATA, HEADERS):
                if flags & END_STREAM:
                    self._complete(stream, out)
            else:
                self._control(kind, flags, stream, buffer[at + 9 : end], out)
            at = end
        self._buffer = buffer[at:]
        if self._received > WINDOW_MAX // 2:
            out.append(frame(WINDOW_UPDATE, 0, 0, struct.pack(">I", self._received)))
            self._received = 0
        if out and self._transport is not None:
            self._transport.write(b"".join(out))

    def _complete(self, stream: int, out: list[bytes]) -> None:
        recorder = self._recorder
        started = self._started.pop(stream)
        if stream in self._answered:
            self._answered.discard(stream)
            if recorder.measuring:
                recorder.latencies_s.append(perf_counter() - started)
        else:
            recorder.fail("a call was answered without a message")
        if recorder.running:
            self._request(out)

    def _control(self, kind: int, flags: int, stream: int, payload: bytes, out: list[bytes]) -> None:
        if kind == PING and not flags & ACK:
            out.append(frame(PING, ACK, 0, payload))
        elif kind == SETTINGS and not flags & ACK:
            out.append(frame(SETTINGS, ACK, 0, b""))
        elif kind == WINDOW_UPDATE and stream == 0:
            self._window += int.from_bytes(payload, "big")
            held, self._held = len(self._held), deque()
            for _ in range(held):
                self._request(out)
        elif kind == RST_STREAM:
            self._recorder.fail("a call was reset")
            self._started.pop(stream, None)
            if self._recorder.running:
                self._request(out)
        elif kind == GOAWAY and self._transport is not None:
            self._recorder.lose("the server sent GOAWAY")
            self._transport.close()

    def close(self) -> None:
        if self._transport is not None:
            self._transport.abort()
