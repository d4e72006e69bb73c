"""Other members' commands at the leader: proposed like its own clients', their results sent back together."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from functools import partial

import msgspec

from quorate.wire.commands import Command
from quorate.wire.results import Result
from quorate_node.machine.application_port import Pending as PendingResult
from quorate_node.machine.interface import Machine, Refused
from quorate_node.protocol.ready import Role
from quorate_node.replica.engine import Engine
from quorate_node.replica.forward import ForwardedError
from quorate_node.replica.parcel import Parcel
from quorate_node.replica.service import ServiceError
from quorate_node.replica.settings import ReplicaSettings
from quorate_node.transport.interface import PeerRefused

_encode = msgspec.msgpack.Encoder().encode
_decode_commands = msgspec.msgpack.Decoder(list[Command]).decode


class ForwardedAnswers:
    """On the leader: gathers the answers to another member's commands until there is one for each."""

    def __init__(self, count: int) -> None:
        self._answers: list[Result | ServiceError | None] = [None] * count
        self._missing = count
        self._finished: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def answered(self, offset: int, results: Sequence[Result | PendingResult]) -> None:
        for number, result in enumerate(results, start=offset):
            if isinstance(result, PendingResult):
                result.set_callback(partial(self._one, number))
            else:
                self._one(number, result)

    def failed(self, offset: int, count: int, error: ServiceError) -> None:
        for number in range(offset, offset + count):
            self._one(number, error)

    def _one(self, number: int, answer: Result | ServiceError) -> None:
        assert self._answers[number] is None, "a command is answered once"
        self._answers[number] = answer
        self._missing -= 1
        if self._missing == 0 and not self._finished.done():
            self._finished.set_result(None)

    async def all(self) -> list[Result | ServiceError]:
        if self._missing:
            await self._finished
        return [answer for answer in self._answers if answer is not None]


async def answer_forwarded(engine: Engine, settings: ReplicaSettings, payload: bytes) -> bytes:
    """Answer a FORWARD request. Raises `PeerRefused`, and `msgspec.MsgspecError` on anything malformed."""
    # failpoint: forward.serve, awaited
    commands = _decode_commands(payload)
    if engine.soft_state.role != Role.LEADER:
        raise PeerRefused("NotLeader", "this member does not lead any more; nothing was proposed")
    answers = ForwardedAnswers(len(commands))
    deadline_s = asyncio.get_running_loop().time() + settings.request_timeout_ms / 1000
    for first, run in _admissible(engine.machine, commands, answers):
        parcel = Parcel.of(run, answers, deadline_s, first)
        if not engine.pending.add(parcel):
            parcel.fail(ServiceError("TooManyRequests", "the leader's queue is full; try again in a moment"))
    engine.wake()
    found = await answers.all()
    return _encode([ForwardedError(a.error, a.message) if isinstance(a, ServiceError) else a for a in found])


def _admissible(machine: Machine, commands: list[Command], answers: ForwardedAnswers) -> Iterator[tuple[int, list[Command]]]:
    """(number of the first, commands): runs of what may be proposed; the rest is answered with why not.

    Asked again here: what another member let through may still be what this release's apply could not bear.
    """
    first = 0
    for number, command in enumerate(commands):
        try:
            machine.check(command.kind, command.payload)
        except Refused as refused:
            answers.failed(number, 1, ServiceError(refused.error, refused.message))
            if first < number:
                yield first, commands[first:number]
            first = number + 1
    if first < len(commands):
        yield first, commands[first:]
