"""Follow the ordered log: every command of the application, in the order of the log, from an index for ever.

This is how a state machine in any language stays equal on every member (DESIGN decision 11): propose, and apply what comes here.
A follower that stores `(index, position)` with its own state comes back with both and misses nothing.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import AsyncIterator
from types import TracebackType
from typing import Self

import msgspec

from quorate.answers import Applied
from quorate.exceptions import MalformedAnswer, from_answer
from quorate.http_calls import HttpCalls
from quorate.json_words import JsonProblem
from quorate.reconnect import Reconnecting, SocketEnded
from quorate.request import SILENT_RETRIES

REPEATS_KEPT = 65_536
"""How many (session, seq) are remembered to drop a repeated command: far more than can be in flight at once."""


class _Message(msgspec.Struct):
    index: int = 0
    position: int = 0
    term: int = 0
    log_time_ms: int = 0
    session: int = 0
    seq: int = 0
    payload: bytes = b""
    error: JsonProblem | str | None = None
    message: str = ""


_decode = msgspec.json.Decoder(_Message, strict=False).decode


class Follow:
    """Made by `Cluster.follow`. Iterate it; `index` and `position` are of the last command handed out.

    Raises `Compacted` when the log no longer reaches back to where it would go on: restore the follower from a snapshot.
    """

    def __init__(self, calls: HttpCalls, from_index: int = 1, after_position: int = -1) -> None:
        if from_index < 1:
            raise ValueError(f"from_index: {from_index} must be at least 1: the log begins there")
        self.index = from_index
        self.position = after_position
        self._seen: OrderedDict[tuple[int, int], None] = OrderedDict()
        self._line = Reconnecting(calls, "/v1/apply", lambda: None, lambda: {"from": str(self.index)})

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await self.close()

    def __aiter__(self) -> AsyncIterator[Applied]:
        return self

    async def __anext__(self) -> Applied:
        """The next command. Waits for ever; may be cancelled and called again."""
        while True:
            socket = await self._line.socket()
            try:
                data = await self._line.receive(socket)
            except SocketEnded as ended:
                await self._line.failed(ended.reason)
                continue
            try:
                message = _decode(data)
            except msgspec.MsgspecError as wrong:
                await self.close()
                raise MalformedAnswer(f"an entry of the ordered log is not of this API: {wrong}") from wrong
            if message.error is not None:
                await self._refused(message)
                continue
            self._line.succeeded()
            if self._new(message):
                return Applied(message.index, message.payload, message.term, message.log_time_ms, message.position)

    async def close(self) -> None:
        await self._line.close()

    def _new(self, message: _Message) -> bool:
        """Move on to this command; False when it was handed out before, or repeats one of its session."""
        if (message.index, message.position) <= (self.index, self.position):
            return False
        self.index, self.position = message.index, message.position
        if not message.session:
            return True
        name = (message.session, message.seq)
        if name in self._seen:
            return False
        self._seen[name] = None
        if len(self._seen) > REPEATS_KEPT:
            self._seen.popitem(last=False)
        return True

    async def _refused(self, message: _Message) -> None:
        problem = message.error if isinstance(message.error, JsonProblem) else JsonProblem(str(message.error), message.message)
        if problem.error not in SILENT_RETRIES | {"SlowConsumer", "Internal"}:
            await self.close()
            raise from_answer(problem.error, problem.message, request_id=problem.request_id)
        await self._line.failed(problem.message)
