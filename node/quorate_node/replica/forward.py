"""A follower's commands carried to the leader and their results carried back (never the entries: the leader stamps and batches)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import msgspec

from quorate.wire.commands import Command
from quorate.wire.errors import ERRORS
from quorate.wire.results import Result
from quorate_node.replica.proposals import Waiter
from quorate_node.replica.service import ServiceError
from quorate_node.transport.interface import PeerFailure, PeerRefused, RequestKind, Transport


class ForwardedError(msgspec.Struct, array_like=True, frozen=True, gc=False, tag=100):
    error: str
    message: str


NOT_CARRIED_OUT = frozenset(("NotLeader", "NoLeader"))
REQUEUE_DELAY_S = 0.02

_encode = msgspec.msgpack.Encoder().encode
_decode_commands = msgspec.msgpack.Decoder(list[Command]).decode
_decode_answers = msgspec.msgpack.Decoder(list[Result | ForwardedError]).decode


def decode_commands(payload: bytes) -> list[Command]:
    """Raises `msgspec.MsgspecError` on anything malformed."""
    return _decode_commands(payload)


def encode_answers(answers: list[Result | ServiceError]) -> bytes:
    return _encode([ForwardedError(a.error, a.message) if isinstance(a, ServiceError) else a for a in answers])


class Forwarder:
    """At most `batches_max` batches are under way; the caller keeps the rest pending, so a slow leader is felt."""

    def __init__(self, transport: Transport, batches_max: int, requeue: Callable[[list[Command], list[Waiter]], None]) -> None:
        """`requeue` takes back commands that were certainly not carried out: they wait for the next leader."""
        self._transport = transport
        self._batches_max = batches_max
        self._requeue = requeue
        self._tasks: set[asyncio.Task[None]] = set()

    def has_room(self) -> bool:
        return len(self._tasks) < self._batches_max

    def send(self, leader_id: int, commands: list[Command], waiters: list[Waiter], timeout_s: float) -> None:
        task = asyncio.get_running_loop().create_task(self._carry(leader_id, commands, waiters, timeout_s))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _carry(self, leader_id: int, commands: list[Command], waiters: list[Waiter], timeout_s: float) -> None:
        try:
            payload = await self._transport.request(leader_id, RequestKind.FORWARD, _encode(commands), timeout_s)
            answers = _decode_answers(payload)
            if len(answers) != len(waiters):
                raise PeerFailure(f"the leader answered {len(answers)} of {len(waiters)} commands", sent=True)
        except PeerRefused as refused:
            if refused.error in NOT_CARRIED_OUT:
                await self._give_back(commands, waiters)
                return
            self._fail(waiters, ServiceError(refused.error if refused.error in ERRORS else "Internal", refused.message))
            return
        except (PeerFailure, msgspec.MsgspecError) as failure:
            if isinstance(failure, PeerFailure) and not failure.sent:
                await self._give_back(commands, waiters)
                return
            text = f"the leader had the command but its answer is missing ({failure}); it may still take effect"
            self._fail(waiters, ServiceError("LeadershipLost", text))
            return
        except asyncio.CancelledError:
            self._fail(waiters, ServiceError("ShuttingDown", "this member stopped while the leader had the command; it may take effect"))
            raise
        for (done, _), answer in zip(waiters, answers, strict=True):
            done(ServiceError(answer.error, answer.message) if isinstance(answer, ForwardedError) else answer)

    async def _give_back(self, commands: list[Command], waiters: list[Waiter]) -> None:
        """After a moment, or a leader that is unreachable would be asked again in every turn of the loop."""
        try:
            await asyncio.sleep(REQUEUE_DELAY_S)
        finally:
            self._requeue(commands, waiters)

    @staticmethod
    def _fail(waiters: list[Waiter], error: ServiceError) -> None:
        for done, _ in waiters:
            done(error)

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
