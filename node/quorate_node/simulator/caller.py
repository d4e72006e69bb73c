"""How a simulated client asks a member: over a network that may lose question or answer, of a process that may die meanwhile.

The API's part is played here with the service that the API has: what it does for a read, for a command, and for a watch.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from random import Random
from typing import Any

import msgspec

from quorate.wire.commands import Command, CommandKind, Range
from quorate.wire.errors import ERRORS
from quorate.wire.results import LeaseResult, RangeResult, Result
from quorate_node.machine.interface import Refused, TooLarge
from quorate_node.replica.service import Consistency, ServiceError
from quorate_node.simulator.host import Host
from quorate_node.simulator.life import Life
from quorate_node.simulator.loop import VirtualLoop
from quorate_node.simulator.options import NetworkOptions
from quorate_node.simulator.places import on_purpose
from quorate_node.simulator.streams import stream

REQUEST_TIMEOUT_S = 3.0
ANSWER_TIMEOUT_S = 4.0


class Unanswered(Exception):
    """The question may or may not have been heard."""


class Rejected(Exception):
    """A definite error: it was not carried out. `error` is a name of `quorate.wire.errors.ERRORS`."""

    def __init__(self, error: str) -> None:
        super().__init__(error)
        self.error = error


Work = Callable[[Life], Coroutine[Any, Any, Any]]


class Caller:
    def __init__(self, loop: VirtualLoop, options: NetworkOptions, seed: int) -> None:
        self._loop = loop
        self._options = options
        self._seed = seed
        self._randoms: dict[int, Random] = {}
        self.faulty = False
        self._questions = 0

    def _delay_ns(self, random: Random) -> int:
        return int((self._options.delay_us_min + random.expovariate(1 / self._options.delay_us_mean)) * 1_000)

    def _lost(self, random: Random) -> bool:
        return self.faulty and random.random() < self._options.loss / 4

    async def ask(self, host: Host, work: Work, asker: int, patience_s: float = ANSWER_TIMEOUT_S) -> Any:
        """Have a member do `work` for client number `asker`; it goes on even when nobody waits for it any more.

        Raises `Rejected`, `Unanswered`.
        """
        life = host.life
        random = self._randoms.get(asker)
        if random is None:
            random = self._randoms[asker] = stream(self._seed, "caller", asker)
        if life is None:
            await asyncio.sleep(self._delay_ns(random) / 1e9)
            raise Rejected("NotReady")  # Nobody listens there: it was certainly not heard.
        answer: asyncio.Future[Any] = self._loop.create_future()
        self._questions += 1
        number = self._questions
        life.open_questions[number] = lambda: _tell(answer, None, Unanswered("Timeout"))
        if not self._lost(random):
            self._loop.after(self._delay_ns(random), life.process, self._arrive, life, work, answer, random)
        try:
            async with asyncio.timeout(patience_s):
                return await answer
        except TimeoutError as error:
            raise Unanswered("Timeout") from error
        finally:
            life.open_questions.pop(number, None)

    def _arrive(self, life: Life, work: Work, answer: asyncio.Future[Any], random: Random) -> None:
        self._loop.spawn(life.process, self._serve(life, work, answer, random))

    async def _serve(self, life: Life, work: Work, answer: asyncio.Future[Any], random: Random) -> None:
        value: Any = None
        error: Exception | None = None
        try:
            value = await work(life)
        except ServiceError as refused:
            kind = ERRORS.get(refused.error)
            unknown = kind is None or kind.outcome_unknown
            error = Unanswered(refused.error) if unknown else Rejected(refused.error)
        except Refused as refused:
            error = Rejected(refused.error)
        except Exception as failure:
            if not on_purpose(failure):
                raise
            error = Unanswered("Internal")  # As the API answers what it does not know.
        if life.process.alive and not self._lost(random):
            self._loop.after(self._delay_ns(random), self._loop.world, _tell, answer, value, error)


def _tell(answer: asyncio.Future[Any], value: Any, error: Exception | None) -> None:
    if answer.done():
        return
    if error is None:
        answer.set_result(value)
    else:
        answer.set_exception(error)
        answer.exception()  # Looked at: whoever asked may have given up.


def command_of(kind: CommandKind, request: msgspec.Struct, session: int = 0, seq: int = 0, acked_below: int = 0) -> Command:
    return Command(kind, 1, session, seq, acked_below, "", 0, msgspec.Raw(msgspec.msgpack.encode(request)))


def execute(command: Command) -> Work:
    async def work(life: Life) -> Result:
        life.service.machine.check(command.kind, bytes(command.payload))
        return await life.service.execute(command, timeout_s=REQUEST_TIMEOUT_S)

    return work


def read(request: Range, consistency: int, staleness_ms_max: int = 0) -> Work:
    async def ranged(life: Life) -> RangeResult:
        machine = life.service.machine
        try:
            return machine.range(request)
        except TooLarge:
            return await machine.range_async(request)

    return _when_ready(ranged, lambda life: life.service.machine.range(request), consistency, staleness_ms_max)


def look_up(lease: int, keys: bool) -> Work:
    async def looked(life: Life) -> LeaseResult:
        return life.service.machine.lease(lease, keys)

    return _when_ready(looked, lambda life: life.service.machine.lease(lease, keys), Consistency.LINEARIZABLE, 0)


def _when_ready(slow: Callable[[Life], Awaitable[Any]], fast: Callable[[Life], Any], consistency: int, staleness_ms_max: int) -> Work:
    """Read inside the service's callback, as the API does; what is too large, or outlived its lease, is read by quorum."""

    async def work(life: Life) -> Any:
        outcome: asyncio.Future[Any] = asyncio.get_running_loop().create_future()

        def ready(error: ServiceError | None) -> None:
            if outcome.done():
                return
            if error is not None:
                outcome.set_exception(error)
                return
            try:
                value = fast(life)
            except TooLarge:
                outcome.set_result(_AGAIN)
            except Exception as failure:  # noqa: BLE001 - whoever waits gets it
                outcome.set_exception(failure)
            else:
                expired = consistency == Consistency.LEASE and not life.service.lease_holds()
                outcome.set_result(_AGAIN if expired else value)

        deadline_s = asyncio.get_running_loop().time() + REQUEST_TIMEOUT_S
        life.service.read(consistency, ready, staleness_ms_max=staleness_ms_max, deadline_s=deadline_s)
        value = await outcome
        if value is not _AGAIN:
            return value
        if consistency == Consistency.LEASE:
            await life.service.read_barrier(Consistency.LINEARIZABLE, timeout_s=REQUEST_TIMEOUT_S)
        return await slow(life)

    return work


_AGAIN = object()
