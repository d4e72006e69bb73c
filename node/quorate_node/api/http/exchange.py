"""One request that waits for its answer. The replica and the read batches call it back; no task, no future."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from quorate.wire.results import Failure, KeyValue, RangeResult, Result
from quorate_node.api.http.encoding import encode_key, encode_range
from quorate_node.api.http.problem import Problem, error_body
from quorate_node.replica.service import ReplicaService, ServiceError

Encode = Callable[[Any, bool], bytes]


class Exchange:
    """Base: turns whatever comes back into `answer(status, body)`, exactly once."""

    __slots__ = ("deadline_s", "encode", "forward", "service", "single", "text", "timeout_s")

    def __init__(self, service: ReplicaService, forward: bool, timeout_s: float, now_s: float) -> None:
        self.service = service
        self.forward = forward
        self.timeout_s = timeout_s
        self.deadline_s = now_s + timeout_s
        """On the loop's clock."""
        self.text = False
        self.encode: Encode = encode_range
        self.single = False
        """A read of one key that answers 404 when it is not there."""

    def answer(self, status: int, body: bytes) -> None:
        raise NotImplementedError

    def request_id(self) -> str:
        raise NotImplementedError

    def done(self, result: Result | ServiceError) -> None:
        """`Done` of `ReplicaService.submit`."""
        if isinstance(result, ServiceError | Failure):
            self.failed(result.error, result.message)
            return
        try:
            body = self.encode(result, self.text)
        except Problem as problem:
            self.failed(problem.error, problem.message)
            return
        self.answer(200, body)

    def found(self, kv: KeyValue | None, revision: int) -> None:
        """Result of a read of one key."""
        try:
            if self.single:
                if kv is None:
                    self.failed("KeyNotFound", f"there is no such key at revision {revision}")
                    return
                body = encode_key(revision, kv, self.text)
            elif kv is None:
                body = encode_range(RangeResult(revision, [], 0), self.text)
            else:
                body = encode_range(RangeResult(revision, [kv], 1), self.text)
        except Problem as problem:
            self.failed(problem.error, problem.message)
            return
        self.answer(200, body)

    def ranged(self, result: RangeResult) -> None:
        """Result of a read of a range."""
        self.done(result)

    def failed(self, error: str, message: str) -> None:
        status, body = error_body(error, message, self.service.leader(), self.request_id())
        self.answer(status, body)


class AwaitedExchange(Exchange):
    """For a handler of the general server: `await exchange.future` gives (status, body)."""

    __slots__ = ("future", "id")

    def __init__(self, service: ReplicaService, forward: bool, timeout_s: float, loop: asyncio.AbstractEventLoop, request_id: str) -> None:
        super().__init__(service, forward, timeout_s, loop.time())
        self.future: asyncio.Future[tuple[int, bytes]] = loop.create_future()
        self.id = request_id

    def answer(self, status: int, body: bytes) -> None:
        if not self.future.done():  # done only when its handler was cancelled: nobody is left to answer
            self.future.set_result((status, body))

    def request_id(self) -> str:
        return self.id
