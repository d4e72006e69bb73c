"""Concurrent clients that write unique values and read, and write down what they did and saw."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from tests.cluster.checker.history import NEVER_S, Kind, Operation, Outcome
from tests.cluster.harness.api import Api, Refused, Seen, Unknown

PREFIX = "history/"


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

    def start(self) -> None:
        assert not self._tasks, "started twice"
        self._tasks = [asyncio.create_task(self._client(number)) for number in range(self.count)]

    async def stop(self, further: int = 200, within_s: float = 20.0) -> list[Operation]:
        """After the faults: wait for `further` successes (the cluster must come back to life), then let every client end its operation.

        Raises AssertionError when they do not come within `within_s`, and what a client died of.
        """
        wanted, deadline_s = self.succeeded() + further, time.monotonic() + within_s
        while self.succeeded() < wanted and not any(task.done() for task in self._tasks):
            assert time.monotonic() < deadline_s, f"only {self.succeeded() - wanted + further} of {further} operations in {within_s} s"
            await asyncio.sleep(0.05)
        self._stopping = True
        await asyncio.gather(*self._tasks)
        return self.operations

    def succeeded(self, since_s: float = 0.0) -> int:
        return sum(operation.outcome is Outcome.OK and operation.completed_s >= since_s for operation in self.operations)

    async def _client(self, number: int) -> None:
        generator = random.Random(self.seed * 1_000 + number)
        async with Api(self.timeout_s) as api:
            session = await self._session(api, generator) if number < self.with_session else None
            sequence = 0
            last_seen: dict[str, str | None] = {}
            while not self._stopping:
                sequence += 1
                key = f"{PREFIX}{generator.randrange(self.keys)}"
                kind = generator.choice((Kind.READ, Kind.WRITE, Kind.WRITE, Kind.SWAP)) if session is None else Kind.WRITE
                value = f"c{number}-{sequence}"
                expected = last_seen.get(key)
                invoked_s = time.monotonic()
                if session is not None:
                    operation = await self._write_until_known(api, generator, number, key, value, session, sequence)
                else:
                    operation = await self._once(api, generator.choice(self.urls), number, kind, key, value, expected, invoked_s)
                self.operations.append(operation)
                if operation.outcome is Outcome.OK:
                    last_seen[key] = operation.value if operation.kind is not Kind.SWAP or operation.swapped else None
                await asyncio.sleep(self.pause_s if operation.outcome is Outcome.OK else 0.02)

    async def _session(self, api: Api, generator: random.Random) -> str:
        while True:
            try:
                return str((await api.call(generator.choice(self.urls), "POST", "/v1/sessions", {"ttl_ms": "60000"}))["session"])
            except (Refused, Unknown):
                await asyncio.sleep(0.05)

    async def _once(
        self, api: Api, url: str, client: int, kind: Kind, key: str, value: str, expected: str | None, invoked_s: float
    ) -> Operation:
        def done(outcome: Outcome, seen: Seen | None = None, *, swapped: bool = False) -> Operation:
            completed_s = NEVER_S if outcome is Outcome.UNKNOWN else time.monotonic()
            modified, revision = (seen.mod_revision, seen.revision) if seen else (0, 0)
            written = seen.value if kind is Kind.READ and seen else None if kind is Kind.READ else value
            return Operation(client, kind, key, invoked_s, completed_s, outcome, written, expected, swapped, modified, revision)

        try:
            if kind is Kind.READ:
                return done(Outcome.OK, await api.get(url, key))
            if kind is Kind.WRITE:
                revision = await api.put(url, key, value)
                return done(Outcome.OK, Seen(value, revision, revision))
            swapped, seen = await api.swap(url, key, expected, value)
            return done(Outcome.OK, seen, swapped=swapped)
        except Refused:
            return done(Outcome.FAILED)
        except Unknown:
            return done(Outcome.UNKNOWN)

    async def _write_until_known(
        self, api: Api, generator: random.Random, client: int, key: str, value: str, session: str, sequence: int
    ) -> Operation:
        """The same (session, sequence) again and again, at any member: it takes effect once, and its first reply is every reply."""
        invoked_s = time.monotonic()
        envelope = {"id": session, "seq": str(sequence), "acked_below": str(sequence)}
        while True:
            try:
                revision = await api.put(generator.choice(self.urls), key, value, envelope)
            except (Refused, Unknown) as error:
                if isinstance(error, Refused) and error.error.startswith("Session"):
                    raise AssertionError(f"a live session was lost: {error}") from error
                if self._stopping and time.monotonic() - invoked_s > 15.0:
                    return Operation(client, Kind.WRITE, key, invoked_s, NEVER_S, Outcome.UNKNOWN, value)
                await asyncio.sleep(0.02)
                continue
            return Operation(client, Kind.WRITE, key, invoked_s, time.monotonic(), Outcome.OK, value, None, False, revision, revision)
