"""Commands of the binary stream: those of one message are proposed together and answered together."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Protocol

from quorate.wire.commands import Command
from quorate.wire.results import Result, StreamFailure
from quorate_node.machine.application_port import Pending
from quorate_node.replica.service import ServiceError


class Session(Protocol):
    def answer(self, completed: list[tuple[int, Result | StreamFailure]]) -> None: ...
    def failed(self, number: int, error: str, message: str) -> None: ...


class StreamWrites:
    """Implements `Asker`. `ids[i]` is the request that asked for `commands[i]`."""

    __slots__ = ("_session", "commands", "ids")

    def __init__(self, session: Session) -> None:
        self._session = session
        self.commands: list[Command] = []
        self.ids: list[int] = []

    def answered(self, offset: int, results: Sequence[Result | Pending]) -> None:
        completed: list[tuple[int, Result | StreamFailure]] = []
        for number, result in zip(self.ids[offset : offset + len(results)], results, strict=True):
            if isinstance(result, Pending):
                result.set_callback(partial(self._later, number))
            else:
                completed.append((number, result))
        if completed:
            self._session.answer(completed)

    def _later(self, number: int, result: Result) -> None:
        self._session.answer([(number, result)])

    def failed(self, offset: int, count: int, error: ServiceError) -> None:
        for number in self.ids[offset : offset + count]:
            self._session.failed(number, error.error, error.message)
