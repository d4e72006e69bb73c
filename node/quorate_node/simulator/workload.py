"""Clients in virtual time: each does one operation after the other, through any member, and writes down what it saw."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

from quorate.wire.commands import (
    CommandKind,
    Compact,
    Compare,
    CompareResult,
    CompareTarget,
    DeleteRange,
    LeaseGrant,
    LeaseKeepAlive,
    LeaseRevoke,
    Put,
    Range,
    SessionClose,
    SessionCreate,
    Txn,
)
from quorate.wire.commands import Operation as Step
from quorate.wire.errors import ERRORS
from quorate.wire.results import Failure, LeaseResult, RangeResult, SessionResult
from quorate_node.replica.service import Consistency as Level
from quorate_node.simulator.caller import Caller, Rejected, Unanswered, Work, command_of, execute, look_up, read
from quorate_node.simulator.history import NEVER_NS, Consistency, History, LeaseLookup, Operation, Outcome, Request
from quorate_node.simulator.host import Host
from quorate_node.simulator.loop import VirtualLoop
from quorate_node.simulator.options import Options
from quorate_node.simulator.reductions import Reductions
from quorate_node.simulator.streams import stream
from quorate_node.simulator.trace import Trace

ATTEMPTS_MAX = 6
RETRY_S = 0.05
SESSION_TTL_MS = 20_000
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


class Recorder:
    """Numbers operations as they begin, and keeps them as they end."""

    def __init__(self, loop: VirtualLoop, history: History, trace: Trace, counters: Counter[str]) -> None:
        self._loop = loop
        self._history = history
        self._trace = trace
        self._counters = counters
        self._open: dict[int, dict[str, Any]] = {}
        self.begun = 0
        self.skipped = 0
        """What clients would have done next, and was left out."""
        self.steps: list[str] = []
        """What they did, as `Reductions.operations` names it."""

    def begin(self, client: int, request: Request, **details: Any) -> int:
        self.begun += 1
        self._open[self.begun] = {"client": client, "request": request, "invoked_ns": self._loop.now_ns, "member": "", **details}
        return self.begun

    def end(self, number: int, outcome: Outcome, result: Any = None, **details: Any) -> None:
        fields = self._open.pop(number) | details
        completed_ns = NEVER_NS if outcome is Outcome.UNKNOWN else self._loop.now_ns
        revision = getattr(result, "revision", 0)
        operation = Operation(number=number, completed_ns=completed_ns, outcome=outcome, result=result, revision=revision, **fields)
        self._history.operations.append(operation)
        kind = type(operation.request).__name__
        self._counters[f"operation {outcome}"] += 1
        self._trace.event("done", operation.client, kind, outcome, operation.error, revision, operation.member)

    def close(self) -> None:
        """The run is over: what is still open nobody will ever know."""
        for number in list(self._open):
            self.end(number, Outcome.UNKNOWN, error="Timeout")


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
    ) -> None:
        self.number = number
        self._loop = loop
        self._caller = caller
        self._hosts = hosts
        self._recorder = recorder
        self._options = options
        self._reductions = reductions
        self._random = stream(options.seed, "client", number)
        """Of the step under way."""
        self._steps = 0
        self._written = 0
        self._with_session = self._random.random() < options.sessions
        self._session = 0
        self._seq = 0
        self._leases: list[int] = []
        self._seen: dict[bytes, tuple[bytes, int]] = {}
        """key -> value and mod revision as last read: what a transaction expects."""
        self._revision = 0
        self._home = self._random.random() < 0.5
        self._favourite: Host | None = None

    def value(self) -> bytes:
        self._written += 1
        return b"%d.%d" % (self.number, self._written)

    def _key(self) -> bytes:
        return b"k%03d" % self._random.randrange(self._options.keys)

    def use_only(self, hosts: Sequence[Host]) -> None:
        self._hosts = lambda: hosts

    def _host(self) -> Host:
        hosts = self._hosts()
        if not self._home or self._favourite not in hosts or self._random.random() < 0.05:
            self._favourite = self._random.choice(hosts)
        assert self._favourite is not None
        return self._favourite

    async def run(self, more: Callable[[], bool]) -> None:
        while more():
            self._steps += 1
            self._random = stream(self._options.seed, "client", self.number, self._steps)
            await asyncio.sleep(self._random.uniform(0, self._options.think_ms_max) / 1000)
            if self._reductions.operation_happens(self.number, self._steps):
                self._recorder.steps.append(f"{self.number}.{self._steps}")
                await self.step()
            else:
                self._recorder.skipped += 1

    async def step(self) -> None:
        random = self._random
        if self._with_session and not self._session:
            await self._open_session()
            return
        choice = random.random()
        if choice < self._options.compactions and self._revision > 3:
            await self.command(Compact(random.randint(max(1, self._revision - 20), self._revision - 1)))
        elif choice < 0.30:
            await self.command(Put(self._key(), self.value(), previous=random.random() < 0.3))
        elif choice < 0.36:
            await self.command(self._delete())
        elif choice < 0.55:
            await self.command(self._txn())
        elif choice < 0.65 and self._options.leases:
            await self._lease_step()
        elif self._session and choice < 0.66:
            await self._close_session()
        else:
            await self._read_step()

    # -- writes ---------------------------------------------------------------------------------------------------------

    def _delete(self) -> DeleteRange:
        key = self._key()
        whole = self._random.random() < 0.2
        return DeleteRange(key, key + b"\xff" if whole else b"", previous=self._random.random() < 0.5)

    def _txn(self) -> Txn:
        key = self._key()
        value, revision = self._seen.get(key, (b"", 0))
        by_value = revision and self._random.random() < 0.5
        compare = (
            Compare(key, CompareResult.EQUAL, CompareTarget.VALUE, value=value)
            if by_value
            else Compare(key, CompareResult.EQUAL, CompareTarget.MODIFY, revision)
        )
        success = [Step(put=Put(key, self.value()))]
        other = self._key()
        if other != key and self._random.random() < 0.3:
            success.append(Step(put=Put(other, self.value())))
        return Txn((compare,), tuple(success), (Step(range=Range(key)),))

    async def command(self, request: Request) -> Any:
        """One command, sent again within a session until it is answered. Its result, or None."""
        session, seq = self._session, 0
        if session:
            self._seq += 1
            seq = self._seq
        number = self._recorder.begin(self.number, request, session=session, seq=seq)
        work = execute(command_of(KINDS[type(request)], request, session, seq, seq))
        attempts, heard = 0, False
        member = error = ""
        while True:
            attempts += 1
            host = self._host()
            member = host.process_name
            try:
                result = await self._caller.ask(host, work, self.number)
            except Unanswered as unknown:
                heard, error = True, str(unknown)
            except Rejected as rejected:
                error = rejected.error
                kind = ERRORS.get(error)
                if kind is not None and not kind.retryable:
                    break
            else:
                self._end(number, result, member, attempts)
                return result
            if not session or attempts >= ATTEMPTS_MAX:
                break
            await asyncio.sleep(RETRY_S * self._random.random() * attempts)
        outcome = Outcome.UNKNOWN if heard else Outcome.FAILED
        self._recorder.end(number, outcome, member=member, error=error, attempts=attempts)
        if session and heard:
            self._session = 0  # Its next number must not overtake one that may still come.
        return None

    def _end(self, number: int, result: Any, member: str, attempts: int) -> None:
        if isinstance(result, Failure):
            self._recorder.end(number, Outcome.FAILED, result, member=member, error=result.error, attempts=attempts)
            if result.error in ("SessionExpired", "SessionSequenceForgotten"):
                self._session = 0
        else:
            self._revision = max(self._revision, getattr(result, "revision", 0))
            self._recorder.end(number, Outcome.OK, result, member=member, attempts=attempts)

    # -- reads ----------------------------------------------------------------------------------------------------------

    async def _read_step(self) -> None:
        random = self._random
        level = random.choice((Consistency.LINEARIZABLE, Consistency.LINEARIZABLE, Consistency.LEASE, Consistency.STALE))
        staleness_ms = random.choice((0, 500)) if level is Consistency.STALE else 0
        if random.random() < 0.7:
            request = Range(self._key())
        else:
            request = Range(b"k", b"l", limit=random.choice((0, 2)), keys_only=random.random() < 0.1)
        result = await self.look(request, read(request, LEVELS[level], staleness_ms), consistency=level, staleness_ms_max=staleness_ms)
        if isinstance(result, RangeResult) and not request.keys_only:
            for kv in result.kvs:
                self._seen[kv.key] = (kv.value, kv.mod_revision)
            if not result.kvs and not request.range_end:
                self._seen.pop(request.key, None)

    async def look(self, request: Request, work: Work, **details: Any) -> Any:
        """A read: safe to fail, so an answer that never came is only that."""
        number = self._recorder.begin(self.number, request, **details)
        host = self._host()
        member = host.process_name
        try:
            result = await self._caller.ask(host, work, self.number)
        except Unanswered as unknown:
            self._recorder.end(number, Outcome.UNKNOWN, member=member, error=str(unknown))
            return None
        except Rejected as rejected:
            self._recorder.end(number, Outcome.FAILED, member=member, error=rejected.error)
            return None
        self._end(number, result, member, 1)
        return result

    # -- leases and sessions --------------------------------------------------------------------------------------------

    async def _lease_step(self) -> None:
        random = self._random
        if not self._leases or random.random() < 0.2:
            granted = await self.command(LeaseGrant(random.choice((1_000, 1_500, 4_000))))
            if isinstance(granted, LeaseResult):
                self._leases.append(granted.lease)
            return
        lease = random.choice(self._leases)
        choice = random.random()
        if choice < 0.35:
            await self.command(LeaseKeepAlive((lease,)))
        elif choice < 0.65:
            await self.command(Put(self._key(), self.value(), lease))
        elif choice < 0.9:
            keys = random.random() < 0.5
            await self.look(LeaseLookup(lease, keys), look_up(lease, keys))
        else:
            self._leases.remove(lease)
            await self.command(LeaseRevoke(lease))

    async def _open_session(self) -> None:
        created = await self.command(SessionCreate(SESSION_TTL_MS))
        if isinstance(created, SessionResult):
            self._session, self._seq = created.session, 0

    async def _close_session(self) -> None:
        session, self._session = self._session, 0
        await self.command(SessionClose(session))
