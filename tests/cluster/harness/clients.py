"""Concurrent clients that write unique values and read, and write down what they did and saw."""

from __future__ import annotations

import asyncio
import itertools
import random
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from quorate.wire.commands import Compare, CompareTarget, Put, Range, Txn
from quorate.wire.commands import Operation as TxnOperation
from quorate.wire.results import PutResult, RangeResult, Result, TxnResult
from quorate_node.simulator.history import NEVER_NS, Operation, Outcome
from tests.cluster.harness.api import Api, Refused, Seen, Unknown
from tests.cluster.harness.patience import Patience

PREFIX = "history/"
Request = Put | Range | Txn


@dataclass
class Clients:
    """`count` clients over `keys` keys against `urls`. `with_session` of them write within a session and retry until they know.

    Use: `start()`, let things happen, `await stop()`; the record is `operations`.
    """

    urls: Sequence[str]
    count: int = 6
    with_session: int = 2
    keys: int = 4
    seed: int = 1
    timeout_s: float = 2.0
    pause_s: float = 0.002
    operations: list[Operation] = field(default_factory=list)
    _tasks: list[asyncio.Task[None]] = field(default_factory=list)
    _stopping: bool = False
    _invoked: Iterator[int] = field(default_factory=itertools.count)

    def start(self) -> None:
        assert not self._tasks, "started twice"
        self._tasks = [asyncio.create_task(self._client(number)) for number in range(self.count)]

    async def stop(self, further: int = 200, within_s: float = 60.0) -> list[Operation]:
        """After the faults: wait for `further` successes (the cluster must come back to life), then let every client end its operation.

        Raises AssertionError when they do not come within `within_s`, and what a client died of.
        """
        wanted, patience = self.succeeded() + further, Patience(within_s)
        while self.succeeded() < wanted and not any(task.done() for task in self._tasks):
            assert patience.lasts(), f"only {self.succeeded() - wanted + further} of {further} operations in {within_s} s"
            await asyncio.sleep(0.05)
        self._stopping = True
        await asyncio.gather(*self._tasks)
        return self.operations

    def succeeded(self, since_s: float = 0.0) -> int:
        return sum(operation.outcome is Outcome.OK and operation.completed_ns >= since_s * 1e9 for operation in self.operations)

    async def _client(self, number: int) -> None:
        generator = random.Random(self.seed * 1_000 + number)
        async with Api(self.timeout_s) as api:
            session = await self._session(api, generator) if number < self.with_session else None
            sequence = 0
            last_seen: dict[str, str | None] = {}
            while not self._stopping:
                sequence += 1
                key = f"{PREFIX}{generator.randrange(self.keys)}"
                value = f"c{number}-{sequence}"
                if session is not None:
                    operation = await self._write_until_known(api, generator, number, Put(key.encode(), value.encode()), session, sequence)
                else:
                    request = _request(generator, key, value, last_seen.get(key))
                    operation = await self._once(api, generator.choice(self.urls), number, request)
                self.operations.append(operation)
                if operation.outcome is Outcome.OK:
                    last_seen[key] = _value_now(operation)
                await asyncio.sleep(self.pause_s if operation.outcome is Outcome.OK else 0.02)

    async def _session(self, api: Api, generator: random.Random) -> str:
        while True:
            try:
                return str((await api.call(generator.choice(self.urls), "POST", "/v1/sessions", {"ttl_ms": "60000"}))["session"])
            except (Refused, Unknown):
                await asyncio.sleep(0.05)

    async def _once(self, api: Api, url: str, client: int, request: Request) -> Operation:
        number, invoked_ns = next(self._invoked), time.monotonic_ns()
        outcome, result, error = Outcome.OK, None, ""
        try:
            result = await _ask(api, url, request)
        except Refused as refused:
            outcome, error = Outcome.FAILED, refused.error
        except Unknown as unknown:
            outcome, error = Outcome.UNKNOWN, str(unknown).partition(":")[0]
        return Operation(
            number=number, client=client, request=request, invoked_ns=invoked_ns, member=url, outcome=outcome, result=result, error=error,
            completed_ns=NEVER_NS if outcome is Outcome.UNKNOWN else time.monotonic_ns(), revision=0 if result is None else result.revision,
        )  # fmt: skip

    async def _write_until_known(
        self, api: Api, generator: random.Random, client: int, request: Put, session: str, sequence: int
    ) -> Operation:
        """The same (session, sequence) again and again, at any member: it takes effect once, and its first reply is every reply."""
        number, invoked_ns = next(self._invoked), time.monotonic_ns()
        envelope = {"id": session, "seq": str(sequence), "acked_below": str(sequence)}
        attempts, revision, url = 0, 0, ""
        while not revision and (not self._stopping or time.monotonic_ns() - invoked_ns < 15_000_000_000):
            attempts, url = attempts + 1, generator.choice(self.urls)
            try:
                revision = await api.put(url, request.key.decode(), request.value.decode(), envelope)
            except (Refused, Unknown) as error:
                if isinstance(error, Refused) and error.error.startswith("Session"):
                    raise AssertionError(f"a live session was lost: {error}") from error
                await asyncio.sleep(0.02)
        return Operation(
            number=number, client=client, request=request, invoked_ns=invoked_ns, member=url, revision=revision, attempts=attempts,
            session=int(session), seq=sequence, outcome=Outcome.OK if revision else Outcome.UNKNOWN,
            completed_ns=time.monotonic_ns() if revision else NEVER_NS, result=PutResult(revision) if revision else None,
        )  # fmt: skip


def _request(generator: random.Random, key: str, value: str, expected: str | None) -> Request:
    """A read, a write, or a swap of what the client saw last (None: no such key)."""
    raw, put = key.encode(), Put(key.encode(), value.encode())
    kind = generator.choice(("read", "write", "write", "swap"))
    if kind == "read":
        return Range(raw)
    if kind == "write":
        return put
    if expected is None:
        condition = Compare(raw, target=CompareTarget.VERSION, number=0)
    else:
        condition = Compare(raw, target=CompareTarget.VALUE, value=expected.encode())
    return Txn((condition,), (TxnOperation(put=put),), (TxnOperation(range=Range(raw)),))


async def _ask(api: Api, url: str, request: Request) -> PutResult | RangeResult | TxnResult:
    if isinstance(request, Put):
        return PutResult(await api.put(url, request.key.decode(), request.value.decode()))
    if isinstance(request, Range):
        return _range_result(await api.get(url, request.key.decode()))
    compare, put = request.compare[0], request.success[0].put
    assert put is not None, "a swap puts where its condition holds"
    expected = compare.value.decode() if compare.target == CompareTarget.VALUE else None
    revision, seen = await api.swap(url, put.key.decode(), expected, put.value.decode())
    if seen is None:
        return TxnResult(revision, True, (PutResult(revision),))
    return TxnResult(revision, False, (_range_result(seen),))


def _range_result(seen: Seen) -> RangeResult:
    return RangeResult(seen.revision, [] if seen.kv is None else [seen.kv], 0 if seen.kv is None else 1)


def _value_now(operation: Operation) -> str | None:
    """The key's value after an operation that was answered; None: no such key."""
    if isinstance(operation.request, Put):
        return operation.request.value.decode()
    result: Result | None = operation.result
    if isinstance(result, TxnResult):
        if result.succeeded:
            put = operation.request.success[0].put if isinstance(operation.request, Txn) else None
            return None if put is None else put.value.decode()
        result = result.results[0]
    return result.kvs[0].value.decode() if isinstance(result, RangeResult) and result.kvs else None
