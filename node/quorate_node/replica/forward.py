"""A follower's commands carried to the leader and their results carried back (never the entries: the leader stamps and batches)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import msgspec

from quorate.wire.errors import ERRORS
from quorate.wire.results import Result
from quorate_node.replica.parcel import Parcel
from quorate_node.replica.proposals import commands_of
from quorate_node.replica.service import ServiceError
from quorate_node.transport.interface import PeerFailure, PeerRefused, RequestKind, Transport


class ForwardedError(msgspec.Struct, array_like=True, frozen=True, gc=False, tag=100):
    error: str
    message: str


NOT_CARRIED_OUT = frozenset(("NotLeader", "NoLeader"))
REQUEUE_DELAY_S = 0.02

_encode = msgspec.msgpack.Encoder().encode
_decode_answers = msgspec.msgpack.Decoder(list[Result | ForwardedError]).decode


class Forwarder:
    """At most `batches_max` batches are under way; the caller keeps the rest pending, so a slow leader is felt."""

    def __init__(self, transport: Transport, batches_max: int, requeue: Callable[[list[Parcel]], None]) -> None:
        """`requeue` takes back commands that were certainly not carried out: they wait for the next leader."""
        self._transport = transport
        self._batches_max = batches_max
        self._requeue = requeue
        self._tasks: set[asyncio.Task[None]] = set()

    def has_room(self) -> bool:
        return len(self._tasks) < self._batches_max

    def send(self, leader_id: int, parcels: list[Parcel], timeout_s: float) -> None:
        task = asyncio.get_running_loop().create_task(self._carry(leader_id, parcels, timeout_s))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _carry(self, leader_id: int, parcels: list[Parcel], timeout_s: float) -> None:
        try:
            commands = commands_of(parcels)
            # failpoint: forward.before_send, awaited
            payload = await self._transport.request(leader_id, RequestKind.FORWARD, _encode(commands), timeout_s)
            # failpoint: forward.after_answer, awaited
            answers = _decode_answers(payload)
            if len(answers) != len(commands):
                raise PeerFailure(f"the leader answered {len(answers)} of {len(commands)} commands", sent=True)
        except PeerRefused as refused:
            if refused.error in NOT_CARRIED_OUT:
                await self._give_back(parcels)
                return
            _fail(parcels, ServiceError(refused.error if refused.error in ERRORS else "Internal", refused.message))
            return
        except (PeerFailure, msgspec.MsgspecError) as failure:
            if isinstance(failure, PeerFailure) and not failure.sent:
                await self._give_back(parcels)
                return
            text = f"the leader had the command but its answer is missing ({failure}); it may still take effect"
            _fail(parcels, ServiceError("LeadershipLost", text))
            return
        except asyncio.CancelledError:
            _fail(parcels, ServiceError("LeadershipLost", "this member stopped while the leader had the command; it may take effect"))
            raise
        at = 0
        for parcel in parcels:
            _hand_out(parcel, answers[at : at + parcel.count])
            at += parcel.count

    async def _give_back(self, parcels: list[Parcel]) -> None:
        """After a moment, or a leader that is unreachable would be asked again in every turn of the loop."""
        try:
            await asyncio.sleep(REQUEUE_DELAY_S)
        finally:
            self._requeue(parcels)

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


def _hand_out(parcel: Parcel, answers: list[Result | ForwardedError]) -> None:
    for number, answer in enumerate(answers, start=parcel.offset):
        if isinstance(answer, ForwardedError):
            parcel.asker.failed(number, 1, ServiceError(answer.error, answer.message))
        else:
            parcel.asker.answered(number, [answer])


def _fail(parcels: list[Parcel], error: ServiceError) -> None:
    for parcel in parcels:
        parcel.fail(error)
