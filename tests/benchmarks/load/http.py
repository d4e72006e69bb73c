"""A light HTTP/1.1 client: keep-alive, one request at a time on a connection, requests made once."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from time import perf_counter
from typing import cast

from tests.benchmarks.load.recorder import Recorder

HEAD_END = b"\r\n\r\n"
LENGTH = b"content-length:"


def request(method: str, path: str, authority: str, body: bytes = b"") -> bytes:
    head = f"{method} {path} HTTP/1.1\r\nHost: {authority}\r\n"
    if body:
        head += f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n"
    return head.encode() + b"\r\n" + body


class HttpConnection(asyncio.Protocol):
    """One keep-alive connection; requests taken in turn from `requests`, beginning at `offset`. Anything but 200 is a failure."""

    def __init__(self, recorder: Recorder, requests: Sequence[bytes], offset: int) -> None:
        self._recorder = recorder
        self._requests = requests
        self._next = offset
        self._buffer = b""
        self._started = 0.0
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is not one by inheritance
        self._send()

    def connection_lost(self, error: Exception | None) -> None:
        self._recorder.lose(str(error or "closed by the server"))

    def _send(self) -> None:
        assert self._transport is not None
        self._started = perf_counter()
        self._transport.write(self._requests[self._next % len(self._requests)])
        self._next += 1

    def data_received(self, data: bytes) -> None:
        buffer = self._buffer = self._buffer + data if self._buffer else data
        head_end = buffer.find(HEAD_END)
        if head_end < 0:
            return
        head = buffer[:head_end].lower()
        at = head.find(LENGTH)
        if at < 0:
            self._recorder.lose("an answer without Content-Length")
            return
        length_end = head.find(b"\r\n", at)
        length = int(head[at + len(LENGTH) : length_end if length_end >= 0 else len(head)])
        if len(buffer) < head_end + len(HEAD_END) + length:
            return
        self._buffer = b""
        recorder = self._recorder
        if not head.startswith(b"http/1.1 200"):
            recorder.fail(buffer[:400].decode("utf-8", "replace"))
        elif recorder.measuring:
            recorder.latencies_s.append(perf_counter() - self._started)
        if recorder.running:
            self._send()

    def close(self) -> None:
        if self._transport is not None:
            self._transport.abort()
