"""Carries stream requests to an answer: one connection at a time, another member when it fails, within each call's deadline.

A request is `live` from `call` until its future is done. It is either on a connection, in `_waiting` (no connection yet), or
asleep until its next try; in each of these the sweep ends it at its deadline.
"""

from __future__ import annotations

import asyncio
from collections import deque
from functools import partial

from quorate.connector import Connector
from quorate.exceptions import ClientClosed, DeadlineExceeded, OutcomeUnknown, QuorateError, TooManyPending, Unreachable
from quorate.options import Options
from quorate.request import ELSEWHERE, SILENT_RETRIES, Retry, StreamCall
from quorate.stream_connection import ConnectionLost, Outcome, Payload
from quorate.wire.commands import CommandKind
from quorate.wire.errors import ERRORS
from quorate.wire.results import Failure, Result, StreamFailure

SWEEP_INTERVAL_S = 0.02
"""How exactly a deadline is kept. One timer for all calls: a timer a call would cost more than the call."""


class Dispatcher:
    def __init__(self, connector: Connector, options: Options) -> None:
        self._connector = connector
        self._options = options
        self._loop = asyncio.get_running_loop()
        self._live: set[StreamCall] = set()
        self._waiting: deque[StreamCall] = deque()
        self._turns: deque[asyncio.Future[None]] = deque()
        self._sweeping: asyncio.TimerHandle | None = None
        self._closed = False
        connector.on_connected = self._drain

    @property
    def live(self) -> int:
        """Requests without an outcome; at most `inflight_max`."""
        return len(self._live)

    async def turn(self, deadline_s: float) -> None:
        """Wait until one more request may be under way. Raises `TooManyPending`, `DeadlineExceeded`, `ClientClosed`."""
        if len(self._turns) >= self._options.waiting_max:
            raise TooManyPending(
                f"waiting_max: {self._options.waiting_max} callers already wait for {self._options.inflight_max} places (inflight_max)"
            )
        place: asyncio.Future[None] = self._loop.create_future()
        self._turns.append(place)
        try:
            async with asyncio.timeout_at(deadline_s):
                await place
        except TimeoutError:
            taken = f"all {self._options.inflight_max} places in flight (inflight_max) were taken until the deadline"
            raise DeadlineExceeded(taken) from None
        except asyncio.CancelledError:
            self._admit()  # the place may have been given to us already: pass it on, or the next in line waits for nothing
            raise
        finally:
            if place in self._turns:
                self._turns.remove(place)

    @property
    def crowded(self) -> bool:
        return len(self._live) >= self._options.inflight_max

    def call(
        self,
        kind: CommandKind,
        payload: Payload,
        deadline_s: float,
        *,
        consistency: int = 0,
        retry: Retry = Retry.SAFE,
        session: int = 0,
        seq: int = 0,
        acked_below: int = 0,
    ) -> asyncio.Future[Result]:
        """Start a request; its future has the result, or raises a `QuorateError`. Check `crowded` and take a `turn` first."""
        if self._closed:
            raise ClientClosed("the client is closed")
        future: asyncio.Future[Result] = self._loop.create_future()
        call = StreamCall(kind, payload, consistency, retry, deadline_s, future, session, seq, acked_below)
        self._live.add(call)
        self._send(call)
        if self._sweeping is None:
            self._sweeping = self._loop.call_later(SWEEP_INTERVAL_S, self._sweep)
        return future

    def abandon(self, future: asyncio.Future[Result]) -> None:
        """The caller was cancelled: nobody waits for the answer, and nothing is sent again."""
        for call in self._live:
            if call.future is future:
                self._finish(call)
                return

    def close(self) -> None:
        """End every call. A write that may have been seen gets `OutcomeUnknown`, all else `ClientClosed`."""
        self._closed = True
        if self._sweeping is not None:
            self._sweeping.cancel()
            self._sweeping = None
        for call in list(self._live):
            self._fail(call, ClientClosed("the client was closed while the request was under way"))
        for place in self._turns:
            if not place.done():
                place.set_exception(ClientClosed("the client was closed while the caller waited for its turn"))
        self._turns.clear()

    # The way out.

    def _send(self, call: StreamCall) -> None:
        if call.future.done():
            return
        connection = self._connector.current
        if connection is None or connection.closed:
            self._waiting.append(call)
            self._connector.want()
            return
        call.connection = connection
        try:
            call.number = connection.submit(
                call.kind, call.payload, partial(self._answered, call), call.consistency, call.session, call.seq, call.acked_below
            )
        except (OverflowError, TypeError, ValueError) as wrong:
            self._finish(call, ValueError(f"the request cannot be encoded: {wrong}"))

    def _drain(self) -> None:
        waiting, self._waiting = self._waiting, deque()
        for call in waiting:
            self._send(call)

    def _again(self, call: StreamCall) -> None:
        call.connection = None
        delay_s = self._options.backoff.delay_s(call.attempts)
        call.attempts += 1
        self._loop.call_later(delay_s, self._send, call)

    # The way back.

    def _answered(self, call: StreamCall, outcome: Outcome) -> None:
        if type(outcome) is StreamFailure:
            self._refused(call, outcome)
        elif type(outcome) is ConnectionLost:
            self._lost(call, outcome)
        elif type(outcome) is Failure:
            self._finish(call, call.refused(outcome))
        else:
            if not call.future.done():
                call.future.set_result(outcome)  # type: ignore[arg-type]
            self._finish(call)

    def _lost(self, call: StreamCall, lost: ConnectionLost) -> None:
        call.last_failure = lost.reason
        call.last_refusal = None
        call.may_have_run |= lost.sent
        if lost.sent and call.retry is Retry.NEVER:
            self._fail(call, Unreachable(lost.reason))
        elif not lost.sent or call.attempts == 0:
            call.attempts += 1
            call.connection = None
            self._send(call)  # at once: the connector itself waits between its tries
        else:
            self._again(call)

    def _refused(self, call: StreamCall, failure: StreamFailure) -> None:
        kind = ERRORS.get(failure.error)
        unknown = kind is None or kind.outcome_unknown
        call.last_failure = f"{failure.error}: {failure.message}"
        call.last_refusal = failure
        if failure.error in ELSEWHERE and call.connection is not None:
            self._connector.avoid(call.connection, failure.leader_client_url)
        elif failure.error == "LeadershipLost":
            self._connector.look_for_leader()
        if failure.error not in SILENT_RETRIES or (unknown and call.retry is Retry.NEVER):
            self._finish(call, call.refused(failure))
            return
        call.may_have_run |= unknown
        self._again(call)

    # The end.

    def _sweep(self) -> None:
        now_s = self._loop.time()
        for call in [each for each in self._live if each.deadline_s <= now_s]:
            self._fail(call, self._overdue(call))
        if self._live:
            self._connector.used()
            self._sweeping = self._loop.call_later(SWEEP_INTERVAL_S, self._sweep)
        else:
            self._sweeping = None

    def _overdue(self, call: StreamCall) -> QuorateError:
        """The most telling reason: what members kept answering, else that there was nobody to talk to, else silence."""
        if call.last_refusal is not None and (call.connection is None or call.kind == CommandKind.RANGE):
            return call.refused(call.last_refusal)
        if call.connection is None and self._connector.current is None:
            return Unreachable(f"no member could be reached: {self._connector.last_failure or call.last_failure or 'still connecting'}")
        last = f"; last failure: {call.last_failure}" if call.last_failure else ""
        return DeadlineExceeded(f"no answer within the deadline{last}")

    def _fail(self, call: StreamCall, error: QuorateError) -> None:
        """End a call without an answer: a write that may have been seen has an unknown outcome, whatever the reason."""
        sent = call.may_have_run or (call.connection is not None and call.connection.was_sent(call.number))
        if sent and call.kind != CommandKind.RANGE:
            unknown = OutcomeUnknown(f"{error.message}; the write may have taken effect, or may still do so")
            unknown.__cause__ = error
            error = unknown
        self._finish(call, error)

    def _finish(self, call: StreamCall, error: Exception | None = None) -> None:
        self._live.discard(call)
        if call.connection is not None:
            call.connection.forget(call.number)
        elif call in self._waiting:
            self._waiting.remove(call)
        if error is not None and not call.future.done():
            call.future.set_exception(error)
        self._admit()

    def _admit(self) -> None:
        """Give a free place to the one that has waited longest."""
        while self._turns and len(self._live) < self._options.inflight_max:
            place = self._turns.popleft()
            if not place.done():
                place.set_result(None)
                return
