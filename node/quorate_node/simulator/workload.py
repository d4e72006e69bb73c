"""Clients in virtual time: each does one operation after the other, through any member, and writes down what it saw.

A client with a session may have several commands of it under way: each of its lanes is a `Client` of its own, with the same session.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from quorate.wire.commands import (
    CommandKind,
    Compact,
    DeleteRange,
    LeaseGrant,
    LeaseKeepAlive,
    LeaseRevoke,
    Put,
    SessionClose,
    SessionCreate,
    Txn,
)
from quorate.wire.errors import ERRORS
from quorate.wire.results import Failure, RangeResult, SessionResult
from quorate_node.replica.service import Consistency as Level
from quorate_node.simulator.caller import ANSWER_TIMEOUT_S, Caller, Rejected, Unanswered, Work, command_of, execute, read
from quorate_node.simulator.history import Consistency, Outcome, Request
from quorate_node.simulator.host import Host
from quorate_node.simulator.leasing import Leases, Leasing
from quorate_node.simulator.loop import VirtualLoop
from quorate_node.simulator.options import Options
from quorate_node.simulator.recorder import Recorder
from quorate_node.simulator.reductions import Reductions
from quorate_node.simulator.requests import Requests
from quorate_node.simulator.session import Session, Sessions
from quorate_node.simulator.streams import stream

ATTEMPTS_MAX = 6
RETRY_S = 0.05
LANES_APART = 100
"""Numbers of one client's lanes differ by so much."""
STALENESS_MS = (0, 50, 500)
LEVELS = {Consistency.LINEARIZABLE: Level.LINEARIZABLE, Consistency.LEASE: Level.LEASE, Consistency.STALE: Level.STALE}
KINDS: dict[type, CommandKind] = {
    Put: CommandKind.PUT,
    DeleteRange: CommandKind.DELETE_RANGE,
    Txn: CommandKind.TXN,
    Compact: CommandKind.COMPACT,
    LeaseGrant: CommandKind.LEASE_GRANT,
    LeaseRevoke: CommandKind.LEASE_REVOKE,
    LeaseKeepAlive: CommandKind.LEASE_KEEPALIVE,
    SessionCreate: CommandKind.SESSION_CREATE,
    SessionClose: CommandKind.SESSION_CLOSE,
}


def clients_of(
    loop: VirtualLoop,
    caller: Caller,
    hosts: Callable[[], Sequence[Host]],
    recorder: Recorder,
    options: Options,
    reductions: Reductions,
) -> list[Client]:
    """All clients of a world, and their lanes."""
    leases = Leases()
    clients: list[Client] = []
    for number in range(1, options.clients + 1):
        with_session = stream(options.seed, "session", number).random() < options.sessions
        sessions = Sessions() if with_session else None
        lanes = [number + lane * LANES_APART for lane in range(options.load.lanes if with_session else 1)]
        clients += [
            Client(lane, loop, caller, hosts, recorder, options, reductions, leases, sessions)
            for lane in lanes
            if reductions.clients is None or lane in reductions.clients
        ]
    return clients


class Client:
    def __init__(
        self,
        number: int,
        loop: VirtualLoop,
        caller: Caller,
        hosts: Callable[[], Sequence[Host]],
        recorder: Recorder,
        options: Options,
        reductions: Reductions,
        leases: Leases,
        sessions: Sessions | None,
    ) -> None:
        self.number = number
        self._loop = loop
        self._caller = caller
        self._hosts = hosts
        self._recorder = recorder
        self._options = options
        self._reductions = reductions
        self.random = stream(options.seed, "client", number)
        """Of the step under way."""
        self._steps = 0
        self._sessions = sessions
        self.requests = Requests(number, self.random, options)
        self._leasing = Leasing(self, leases)
        self._patience_s = options.load.patience_ms / 1000
        self._home = self.random.random() < 0.5
        self._favourite: Host | None = None

    @property
    def now_ms(self) -> int:
        return self._loop.now_ns // 1_000_000

    @property
    def _session(self) -> Session | None:
        return self._sessions.current if self._sessions is not None else None

    def use_only(self, hosts: Sequence[Host]) -> None:
        """From now on nothing fails at these: the client asks them alone, and waits for their answers. Any of them: to stay with one
        that was removed and does not know it would be no fault of the others."""
        self._hosts = lambda: hosts
        self._patience_s = ANSWER_TIMEOUT_S
        self._home = False

    def _host(self) -> Host:
        hosts = self._hosts()
        if not self._home or self._favourite not in hosts or self.random.random() < 0.05:
            self._favourite = self.random.choice(hosts)
        assert self._favourite is not None
        return self._favourite

    async def run(self, more: Callable[[], bool]) -> None:
        while more():
            self._steps += 1
            self.random = self.requests.random = stream(self._options.seed, "client", self.number, self._steps)
            await asyncio.sleep(self.random.uniform(0, self._options.think_ms_max) / 1000)
            if self._reductions.operation_happens(self.number, self._steps):
                self._recorder.steps.append(f"{self.number}.{self._steps}")
                await self.step()
            else:
                self._recorder.skipped += 1

    async def step(self) -> None:
        """One operation of any kind."""
        options, load = self._options, self._options.load
        if self._sessions is not None and self._sessions.current is None:
            await self._open_session(self._sessions)
            return
        in_session = float(self._session is not None)
        steps: tuple[tuple[Callable[[], Awaitable[object]], float], ...] = (
            (self._compact, options.compactions),
            (self._leasing.step, load.leasing * options.leases),
            (self._repeat, load.repeats * in_session),
            (self._close_session, 0.01 * in_session),
        )
        choice = self.random.random()
        for step, share in steps:
            choice -= share
            if choice < 0:
                await step()
                return
        await (self._write() if self.random.random() < load.writes else self._read())

    # -- writes ---------------------------------------------------------------------------------------------------------

    async def _write(self) -> None:
        requests, choice = self.requests, self.random.random()
        await self.command(requests.put() if choice < 0.55 else requests.delete() if choice < 0.7 else requests.txn())

    async def _compact(self) -> None:
        if self.requests.revision > 1:
            await self.command(self.requests.compact())

    async def command(self, request: Request) -> Any:
        """One command, in the session where there is one. Its result, or None."""
        session = self._session
        if session is not None:
            return await self._in_session(session, session.take(), request)
        number = self._recorder.begin(self.number, request)
        return await self._once(number, execute(command_of(KINDS[type(request)], request)))

    async def _once(self, number: int, work: Work) -> Any:
        """Asked of one member, never again. None: no answer, or a refusal; either is recorded."""
        host = self._host()
        member = host.process_name
        try:
            result = await self._caller.ask(host, work, self.number, self._patience_s)
        except Unanswered as unknown:
            self._recorder.end(number, Outcome.UNKNOWN, member=member, error=str(unknown))
            return None
        except Rejected as rejected:
            self._recorder.end(number, Outcome.FAILED, member=member, error=rejected.error)
            return None
        self._end(number, result, member)
        return result

    async def _in_session(self, session: Session, seq: int, request: Request) -> Any:
        """Sent again until it is answered; what was heard of may be asked for once more much later."""
        number = self._recorder.begin(self.number, request, session=session.number, seq=seq)
        heard = False
        member = error = ""
        with session.asking(seq):
            for attempts in range(1, ATTEMPTS_MAX + 1):
                host = self._host()
                member = host.process_name
                command = command_of(KINDS[type(request)], request, session.number, seq, session.acked_below)
                try:
                    result = await self._caller.ask(host, execute(command), self.number, self._patience_s)
                except Unanswered as unknown:
                    heard, error = True, str(unknown)
                except Rejected as rejected:
                    error = rejected.error
                    kind = ERRORS.get(error)
                    if kind is not None and not kind.retryable:
                        break
                else:
                    self._keep(session, seq, request)
                    self._end(number, result, member, session, attempts)
                    return result
                await asyncio.sleep(RETRY_S * self.random.random() * attempts)
            if heard:
                self._keep(session, seq, request)
            outcome = Outcome.UNKNOWN if heard else Outcome.FAILED
            self._recorder.end(number, outcome, member=member, error=error, attempts=attempts)
        return None

    def _keep(self, session: Session, seq: int, request: Request) -> None:
        if self.random.random() < self._options.load.repeats:
            session.keep(seq, request)

    async def _repeat(self) -> None:
        """A command that was sent before, as its client would after a crash: it must have its first answer, or its first effect."""
        session = self._session
        again = session.again(self.random) if session is not None else None
        if session is not None and again is not None:
            await self._in_session(session, *again)

    def _end(self, number: int, result: Any, member: str, session: Session | None = None, attempts: int = 1) -> None:
        if isinstance(result, Failure):
            self._recorder.end(number, Outcome.FAILED, result, member=member, error=result.error, attempts=attempts)
            if self._sessions is not None and session is not None and result.error in ("SessionExpired", "SessionSequenceForgotten"):
                self._sessions.lost(session)
        else:
            self.requests.revision = max(self.requests.revision, getattr(result, "revision", 0))
            self._recorder.end(number, Outcome.OK, result, member=member, attempts=attempts)

    # -- reads ----------------------------------------------------------------------------------------------------------

    async def _read(self) -> None:
        random = self.random
        level = Consistency.LEASE
        if random.random() >= self._options.load.lease_reads:
            level = Consistency(random.choice(self._options.load.levels))
        staleness_ms = random.choice(STALENESS_MS) if level is Consistency.STALE else 0
        request = self.requests.read()
        work = read(request, LEVELS[level], staleness_ms)
        result = await self.look(request, work, consistency=level, staleness_ms_max=staleness_ms)
        if isinstance(result, RangeResult) and not (request.keys_only or request.revision):
            self.requests.saw(request, result.kvs)

    async def look(self, request: Request, work: Work, **details: Any) -> Any:
        """A read: safe to fail, so an answer that never came is only that."""
        number = self._recorder.begin(self.number, request, **details)
        return await self._once(number, work)

    # -- sessions -------------------------------------------------------------------------------------------------------

    async def _open_session(self, sessions: Sessions) -> None:
        """By one lane; the others wait."""
        if sessions.opening:
            await asyncio.sleep(RETRY_S)
            return
        sessions.opening = True
        try:
            created = await self.command(SessionCreate(self._options.load.session_ttl_ms))
            if isinstance(created, SessionResult):
                sessions.current = Session(created.session)
        finally:
            sessions.opening = False

    async def _close_session(self) -> None:
        session = self._session
        if self._sessions is not None and session is not None:
            self._sessions.lost(session)
            await self.command(SessionClose(session.number))
