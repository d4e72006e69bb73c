"""One pipelined binary stream to one member (docs/api.md), callback style: no future and no task for each request.

This is the fast lane for load generators; `quorate.Cluster` puts sessions, retries and failover on top of it.

    connection = await StreamConnection.open(http, "http://127.0.0.1:7301")
    connection.submit(CommandKind.PUT, Put(b"key", b"value"), done)     # done(PutResult | Failure | StreamFailure | ConnectionLost)

All that is submitted in one turn of the event loop leaves in one message. The caller bounds what it has in flight.
"""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Callable
from typing import NamedTuple

import aiohttp
import msgspec

from quorate.options import CONSISTENCY_NUMBERS, Consistency
from quorate.wire.commands import (
    Compact,
    DeleteRange,
    LeaseGrant,
    LeaseKeepAlive,
    LeaseRevoke,
    Put,
    Range,
    SessionClose,
    SessionCreate,
    Txn,
)
from quorate.wire.results import Result, StreamFailure
from quorate.wire.stream import StreamResponse

Payload = Put | DeleteRange | Range | Txn | Compact | LeaseGrant | LeaseRevoke | LeaseKeepAlive | SessionCreate | SessionClose

MESSAGE_REQUESTS_MAX = 4096
MESSAGE_BYTES_TARGET = 256 * 1024
"""A message is closed once it holds this much: a member must not have to buffer megabytes before the first request runs."""
CLOSE_TIMEOUT_S = 0.25
"""How long a goodbye may take: a frozen member never answers it."""


class ConnectionLost(NamedTuple):
    """The connection ended before the answer. `sent` False: the member cannot have seen the request."""

    sent: bool
    reason: str


Outcome = Result | StreamFailure | ConnectionLost
Done = Callable[[Outcome], None]

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(list[StreamResponse]).decode


def pack_messages(parts: list[bytes]) -> list[bytes]:
    """Join encoded requests into as few messages as the two limits allow."""
    if len(parts) <= MESSAGE_REQUESTS_MAX and sum(map(len, parts)) <= MESSAGE_BYTES_TARGET:
        return [_array(parts)]
    messages: list[bytes] = []
    first = size_bytes = 0
    for position, part in enumerate(parts):
        size_bytes += len(part)
        if size_bytes >= MESSAGE_BYTES_TARGET or position + 1 - first == MESSAGE_REQUESTS_MAX:
            messages.append(_array(parts[first : position + 1]))
            first, size_bytes = position + 1, 0
    if first < len(parts):
        messages.append(_array(parts[first:]))
    return messages


def _array(parts: list[bytes]) -> bytes:
    count = len(parts)
    assert 0 < count <= MESSAGE_REQUESTS_MAX
    header = bytes((0x90 | count,)) if count < 16 else struct.pack(">BH", 0xDC, count)
    return header + b"".join(parts)


class StreamConnection:
    """Use `open`. Lives until `close`, or until the member or the network ends it; then every open request gets `ConnectionLost`."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse, url: str, on_closed: Callable[[StreamConnection], None] | None) -> None:
        self.url = url
        self.closed = False
        self._socket = socket
        self._on_closed = on_closed
        self._next_id = 0
        self._outgoing: list[bytes] = []
        self._inflight: dict[int, Done] = {}
        self._retired = False
        self._loop = asyncio.get_running_loop()
        self._wake: asyncio.Future[None] | None = None
        self._writer = self._loop.create_task(self._write())
        self._reader = self._loop.create_task(self._read())

    @classmethod
    async def open(
        cls,
        http: aiohttp.ClientSession,
        url: str,
        *,
        consistency: Consistency = "linearizable",
        heartbeat_s: float = 2.0,
        message_bytes_max: int = 64 * 1024 * 1024,
        forward: bool = True,
        on_closed: Callable[[StreamConnection], None] | None = None,
    ) -> StreamConnection:
        """Connect to `url` (scheme://host:port). Raises `aiohttp.ClientError` or `OSError`; bound it with `asyncio.timeout`."""
        assert consistency in CONSISTENCY_NUMBERS
        socket = await http.ws_connect(
            f"{url}/v1/stream?consistency={consistency}",
            heartbeat=heartbeat_s,
            max_msg_size=message_bytes_max,
            compress=0,
            timeout=aiohttp.ClientWSTimeout(ws_close=CLOSE_TIMEOUT_S),
            headers={} if forward else {"x-quorate-forward": "never"},
        )
        return cls(socket, url, on_closed)

    @property
    def inflight(self) -> int:
        """Requests without an answer, sent or not."""
        return len(self._inflight)

    def submit(
        self, kind: int, payload: Payload, done: Done, consistency: int = 0, session: int = 0, seq: int = 0, acked_below: int = 0
    ) -> int:
        """Queue one request; `done` is called exactly once, on the loop, never inside `submit`, unless `forget` comes first.

        Returns the request's id for `forget`. Raises `ConnectionResetError` when the connection has already ended, `OverflowError`
        when a number is beyond 64 bits.
        """
        if self.closed:
            raise ConnectionResetError(f"the stream to {self.url} is closed")
        number = self._next_id
        self._outgoing.append(_encode((number, kind, consistency, session, seq, acked_below, payload)))
        self._next_id = number + 1
        self._inflight[number] = done
        wake = self._wake
        if wake is not None:
            self._wake = None
            wake.set_result(None)
        return number

    def forget(self, number: int) -> None:
        """Drop the callback of a request that nobody waits for any more; its answer will be ignored."""
        self._inflight.pop(number, None)
        if self._retired and not self._inflight:
            self._end("retired")

    def was_sent(self, number: int) -> bool:
        """Whether the request may have left this process: what waits to be written are the newest numbers."""
        return number < self._next_id - len(self._outgoing)

    def retire(self) -> None:
        """Take no part in new work: close as soon as the last open request is answered or forgotten."""
        self._retired = True
        if not self._inflight:
            self._end("retired")

    async def close(self) -> None:
        """End it now; open requests get `ConnectionLost`."""
        self._end("closed by the client")
        await asyncio.gather(self._writer, self._reader, return_exceptions=True)
        await self._socket.close()

    async def _write(self) -> None:
        try:
            while not self.closed:
                if not self._outgoing:
                    self._wake = self._loop.create_future()
                    await self._wake
                parts, self._outgoing = self._outgoing, []
                for message in pack_messages(parts):
                    await self._socket.send_bytes(message)
        except (aiohttp.ClientError, OSError) as failed:
            self._end(f"write failed: {failed}")

    async def _read(self) -> None:
        receive = self._socket.receive
        reason = "the member closed the stream"
        try:
            while True:
                message = await receive()
                if message.type is not aiohttp.WSMsgType.BINARY:
                    reason = self._why(message)
                    break
                for response in _decode(message.data):
                    done = self._inflight.pop(response.id, None)
                    if done is not None:
                        done(response.result)
                if self._retired and not self._inflight:
                    reason = "retired"
                    break
        except msgspec.MsgspecError as malformed:
            reason = f"the member sent something that is not of this API: {malformed}"
        except (aiohttp.ClientError, OSError) as failed:
            reason = f"read failed: {failed}"
        finally:
            self._end(reason)
            await self._socket.close()

    def _why(self, message: aiohttp.WSMessage) -> str:
        if message.type is aiohttp.WSMsgType.ERROR:
            return f"the connection failed: {message.data}"
        if message.type is aiohttp.WSMsgType.TEXT:
            return "the member sent text on the binary stream"
        return f"the member closed the stream (code {self._socket.close_code})"

    def _end(self, reason: str) -> None:
        """Close once: tell every open request whether it can have been seen, then the owner."""
        if self.closed:
            return
        self.closed = True
        first_unsent = self._next_id - len(self._outgoing)
        inflight, self._inflight, self._outgoing = self._inflight, {}, []
        if self._wake is not None:
            self._wake.set_result(None)
            self._wake = None
        current = asyncio.current_task()
        for task in (self._writer, self._reader):
            if task is not current:
                task.cancel()
        for number, done in inflight.items():
            self._loop.call_soon(done, ConnectionLost(number < first_unsent, reason))
        if self._on_closed is not None:
            self._loop.call_soon(self._on_closed, self)
