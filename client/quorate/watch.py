"""A watch that survives its connection: every change once, in order, until it is closed or its history is compacted.

    async with cluster.watch("config/", prefix=True) as watch:
        async for batch in watch:                # whole revisions; `async for event in watch.events()` for one at a time
            for event in batch.events: ...

`next_revision` is the first revision that has not been handed out. After any failure the watch asks another member to go on
from there, so nothing is missed; what arrives below it is dropped, so nothing comes twice.
"""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator
from types import TracebackType
from typing import Any, Self

import msgspec

from quorate.answers import WatchBatch
from quorate.exceptions import ApiError, MalformedAnswer, Unreachable, WatchCompacted, from_answer
from quorate.http_calls import HttpCalls
from quorate.json_words import JsonWatchMessage
from quorate.reconnect import Reconnecting, SocketEnded
from quorate.request import SILENT_RETRIES
from quorate.wire.results import Event

_decode = msgspec.json.Decoder(JsonWatchMessage, strict=False).decode
_encode = msgspec.json.Encoder().encode
RETRIES = SILENT_RETRIES | {"SlowConsumer", "TooManyWatches", "Internal"}
"""Answers after which a watch goes on elsewhere or later; it changes nothing, so trying again is always safe."""


class Watch:
    """Made by `Cluster.watch`. One reader: iterate it, or call `next`. Bounded: what is not read waits in the cluster's history.

    `created` is set once a member watches for us: changes made after that are seen even when `start_revision` was 0. That member may
    be a moment behind, so "from now" may begin a little earlier; where that matters, watch from the revision of a read + 1.
    """

    def __init__(
        self,
        calls: HttpCalls,
        key: bytes,
        range_end: bytes = b"",
        start_revision: int = 0,
        *,
        previous: bool = False,
        no_put: bool = False,
        no_delete: bool = False,
        progress: bool = False,
    ) -> None:
        if start_revision < 0:
            raise ValueError(f"start_revision: {start_revision} must not be negative; 0 is from now on")
        self.next_revision = start_revision
        self.created = asyncio.Event()
        self._what: dict[str, Any] = {
            "key": base64.b64encode(key).decode(),
            "range_end": base64.b64encode(range_end).decode(),
            "previous": previous,
            "no_put": no_put,
            "no_delete": no_delete,
            "progress": progress,
        }
        self._progress = progress
        self._over: Exception | None = None
        self._line = Reconnecting(calls, "/v1/watch", self._create)

    async def __aenter__(self) -> Self:
        """Start watching; returns when a member does, retrying within the client's `timeout_s`. Raises as `next` does."""
        try:
            async with asyncio.timeout(self._line.timeout_s):
                while not self.created.is_set():
                    await self._step()
        except TimeoutError:
            await self.close()
            raise Unreachable(f"no member watches for us: {self._line.last_failure or 'no answer'}") from None
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await self.close()

    def __aiter__(self) -> AsyncIterator[WatchBatch]:
        return self

    async def __anext__(self) -> WatchBatch:
        return await self.next()

    async def next(self) -> WatchBatch:
        """The next whole revisions (without events: progress, when asked for). Waits for ever; bound it with `asyncio.timeout`.

        May be cancelled and called again without losing anything. Raises `WatchCompacted` with the revision below which
        history is gone: read the present state, then watch from its revision + 1. Raises `InvalidArgument` and the like for
        a watch that no member takes.
        """
        while True:
            batch = await self._step()
            if batch is not None:
                return batch

    async def events(self) -> AsyncIterator[Event]:
        """One change at a time."""
        async for batch in self:
            for event in batch.events:
                yield event

    async def close(self) -> None:
        await self._line.close()

    async def _step(self) -> WatchBatch | None:
        """Read one message, connecting first when need be."""
        if self._over is not None:
            raise self._over
        socket = await self._line.socket()
        try:
            data = await self._line.receive(socket)
        except SocketEnded as ended:
            await self._line.failed(ended.reason)
            return None
        try:
            message = _decode(data)
        except msgspec.MsgspecError as wrong:
            raise await self._end(MalformedAnswer(f"a watch message is not of this API: {wrong}")) from wrong
        return await self._take(message)

    async def _take(self, message: JsonWatchMessage) -> WatchBatch | None:
        if message.error is not None:
            leader = None
            error = from_answer(message.error.error, message.error.message, leader=leader, request_id=message.error.request_id)
            await self._refused(error, message.error.error)
            return None
        if message.compacted is not None:
            raise await self._end(WatchCompacted(message.compacted.compact_revision, self.next_revision))
        if message.created is not None:
            # From "now" becomes a revision as soon as a member says what now is: a lost connection must not skip what follows.
            if self.next_revision == 0:
                self.next_revision = message.created.revision + 1
            self.created.set()
            self._line.succeeded()
            return None
        if message.canceled:
            await self._line.failed("the member cancelled the watch")
            return None
        return self._batch(message)

    def _batch(self, message: JsonWatchMessage) -> WatchBatch | None:
        events = tuple(event.plain() for event in message.events if event.kv.mod_revision >= self.next_revision)
        if message.revision >= self.next_revision:
            self.next_revision = message.revision + 1
        if not events and not (self._progress and not message.events):
            return None
        return WatchBatch(message.revision, events)

    async def _refused(self, error: ApiError, name: str) -> None:
        if name not in RETRIES:
            raise await self._end(error)
        await self._line.failed(error.message, error.leader.client_url if error.leader is not None else "")

    async def _end(self, error: Exception) -> Exception:
        self._over = error
        await self.close()
        return error

    def _create(self) -> bytes:
        """The first message of a connection: watch from the first revision that has not been handed out."""
        return _encode({"watch": 1, "create": {**self._what, "start_revision": str(self.next_revision)}})
