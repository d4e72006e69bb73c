"""Writes down what clients did and saw, in the format that all checkers read, and the changes as every member tells them."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from quorate.exceptions import ApiError, QuorateError
from quorate.wire.results import Event, Result
from quorate_node.simulator.history import NEVER_NS, Consistency, History, Operation, Outcome, Request
from tests.cluster.harness.api import Refused, Unknown

OPERATIONS_MAX = 3_000_000
"""About a kilobyte each in memory: beyond this a campaign ends early and says so."""
ResultType = TypeVar("ResultType", bound=Result)


class Contradiction(AssertionError):
    """Two members, or a member and its own past, tell different things."""


class Recorder:
    """One for a campaign. Operations are listed as they complete, numbered as they begin."""

    def __init__(self) -> None:
        self.history = History()
        self.changes: dict[int, tuple[Event, ...]] = {}
        """Events by revision, as any member first told them."""
        self.contradictions: list[str] = []
        self._number = 0

    @property
    def full(self) -> bool:
        return self._number >= OPERATIONS_MAX

    def begin(self) -> tuple[int, int]:
        """(number, time of invocation in nanoseconds) of an operation that is about to be sent."""
        self._number += 1
        return self._number, time.monotonic_ns()

    async def observe(
        self,
        call: Awaitable[ResultType],
        request: Request,
        *,
        client: int,
        member: str = "",
        consistency: Consistency = Consistency.LINEARIZABLE,
    ) -> ResultType | None:
        """Await one call of the client library, and record it. None: it failed, or nobody knows."""
        number, invoked_ns = self.begin()
        result: ResultType | None = None
        error_name, outcome = "", Outcome.OK
        try:
            result = await call
        except QuorateError as error:
            outcome = Outcome.UNKNOWN if error.outcome_unknown else Outcome.FAILED
            error_name = error.error if isinstance(error, ApiError) else type(error).__name__
        self.record(
            Operation(
                number=number,
                client=client,
                request=request,
                invoked_ns=invoked_ns,
                completed_ns=NEVER_NS if outcome is Outcome.UNKNOWN else time.monotonic_ns(),
                outcome=outcome,
                member=member,
                result=result,
                revision=getattr(result, "revision", 0) if result is not None else 0,
                error=error_name,
                consistency=consistency,
            )
        )
        return result

    async def observe_http(
        self,
        call: Awaitable[dict[str, Any]],
        request: Request,
        result_of: Callable[[dict[str, Any]], ResultType],
        *,
        client: int,
        member: str,
    ) -> ResultType | None:
        """The same for one call of the tests' own HTTP client; `result_of` reads the answer."""
        number, invoked_ns = self.begin()
        result: ResultType | None = None
        error_name, outcome = "", Outcome.OK
        try:
            result = result_of(await call)
        except Refused as refused:
            outcome, error_name = Outcome.FAILED, refused.error
        except Unknown:
            outcome, error_name = Outcome.UNKNOWN, "Timeout"
        self.record(
            Operation(
                number=number,
                client=client,
                request=request,
                invoked_ns=invoked_ns,
                completed_ns=NEVER_NS if outcome is Outcome.UNKNOWN else time.monotonic_ns(),
                outcome=outcome,
                member=member,
                result=result,
                revision=getattr(result, "revision", 0) if result is not None else 0,
                error=error_name,
            )
        )
        return result

    def record(self, operation: Operation) -> None:
        self.history.operations.append(operation)

    def told(self, member: str, revision: int, events: tuple[Event, ...]) -> tuple[Event, ...]:
        """A member's watch told all of a revision. Returns the same events as they are kept, once for all members."""
        known = self.changes.setdefault(revision, events)
        if known is not events and known != events:
            self.contradictions.append(f"{member} tells revision {revision} as {events}, another member told it as {known}")
        return known
