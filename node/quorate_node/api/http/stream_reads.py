"""Reads of the binary stream: the single keys of one message share one barrier and one look-up."""

from __future__ import annotations

import asyncio
from typing import Protocol

from quorate.wire.commands import Range
from quorate.wire.results import RangeResult, Result, StreamFailure
from quorate_node.machine.interface import Refused, TooLarge
from quorate_node.replica.service import Consistency, ReplicaService, ServiceError
from quorate_node.store.errors import StoreError


class Session(Protocol):
    service: ReplicaService

    def answer(self, completed: list[tuple[int, Result | StreamFailure]]) -> None: ...
    def failed(self, number: int, error: str, message: str) -> None: ...


class KeyReads:
    """Keys of one message, with one consistency. `ids[i]` asked for `keys[i]`."""

    __slots__ = ("consistency", "deadline_s", "ids", "keys", "session")

    def __init__(self, session: Session, consistency: int, deadline_s: float) -> None:
        self.session = session
        self.consistency = consistency
        self.deadline_s = deadline_s
        self.ids: list[int] = []
        self.keys: list[bytes] = []

    def ready(self, error: ServiceError | None) -> None:
        """`ReadDone` of `ReplicaService.read`."""
        session = self.session
        try:
            if error is not None:
                raise error
            machine = session.service.machine
            kvs = machine.get_many(self.keys)
        except (ServiceError, Refused) as refused:
            self._fail(refused.error, refused.message)
            return
        except StoreError as failure:
            self._fail("StoreUnavailable", f"the state cannot be read: {failure}")
            return
        if self.consistency == Consistency.LEASE and not session.service.lease_holds():
            self.consistency = Consistency.LINEARIZABLE  # the values may be stale: once more, by quorum
            session.service.read(self.consistency, self.ready, deadline_s=self.deadline_s)
            return
        revision = machine.revision
        nothing = RangeResult(revision, [], 0)
        found = [nothing if kv is None else RangeResult(revision, [kv], 1) for kv in kvs]
        session.answer(list(zip(self.ids, found, strict=True)))

    def _fail(self, error: str, message: str) -> None:
        for number in self.ids:
            self.session.failed(number, error, message)


class RangeRead:
    """One range."""

    __slots__ = ("consistency", "deadline_s", "number", "request", "session", "task")

    def __init__(self, session: Session, number: int, request: Range, consistency: int, deadline_s: float) -> None:
        self.session = session
        self.number = number
        self.request = request
        self.consistency = consistency
        self.deadline_s = deadline_s
        self.task: asyncio.Task[None] | None = None

    def ready(self, error: ServiceError | None) -> None:
        """`ReadDone` of `ReplicaService.read`."""
        session = self.session
        try:
            if error is not None:
                raise error
            result = session.service.machine.range(self.request)
        except TooLarge:
            if self.consistency == Consistency.LEASE:  # it takes longer than a lease is sure to last
                self._again()
                return
            self.task = asyncio.get_running_loop().create_task(self._large())
        except (ServiceError, Refused) as refused:
            session.failed(self.number, refused.error, refused.message)
        except StoreError as failure:
            session.failed(self.number, "StoreUnavailable", f"the state cannot be read: {failure}")
        else:
            if self.consistency == Consistency.LEASE and not session.service.lease_holds():
                self._again()
                return
            session.answer([(self.number, result)])

    def _again(self) -> None:
        self.consistency = Consistency.LINEARIZABLE
        self.session.service.read(self.consistency, self.ready, deadline_s=self.deadline_s)

    async def _large(self) -> None:
        session = self.session
        try:
            async with asyncio.timeout_at(self.deadline_s):
                result = await session.service.machine.range_async(self.request)
        except (ServiceError, Refused) as refused:
            session.failed(self.number, refused.error, refused.message)
        except StoreError as failure:
            session.failed(self.number, "StoreUnavailable", f"the state cannot be read: {failure}")
        except TimeoutError:
            session.failed(self.number, "Timeout", "the range was not read in time; ask for less with `limit`")
        else:
            session.answer([(self.number, result)])
