"""One request of the stream on its way to an answer: what may be sent again, and what its failure means."""

from __future__ import annotations

import asyncio
from enum import IntEnum

from quorate.exceptions import ApiError, Leader, SessionExpired, from_answer
from quorate.stream_connection import Payload, StreamConnection
from quorate.wire.errors import ERRORS
from quorate.wire.results import Failure, Result, StreamFailure


class Retry(IntEnum):
    """What may be done when it is not known whether a request took effect."""

    NEVER = 0
    """Sent at most once: a write without a session."""
    SAFE = 1
    """Reads, writes of a session, and writes that change nothing when repeated (keep-alive, compaction)."""


SILENT_RETRIES = frozenset(name for name, kind in ERRORS.items() if (kind.retryable and kind.code in (4, 14)) or name == "TooManyRequests")
"""Answers that this library retries by itself within the deadline; other retryable ones need a decision of the caller's."""

ELSEWHERE = frozenset({"NotLeader", "NoLeader", "NotReady", "ShuttingDown", "StoreUnavailable", "TooStale"})
"""Answers after which another member may do better."""


class StreamCall:
    """A request, its future, and how often it was tried. Owned by the dispatcher."""

    __slots__ = (
        "acked_below",
        "attempts",
        "connection",
        "consistency",
        "deadline_s",
        "future",
        "kind",
        "last_failure",
        "last_refusal",
        "may_have_run",
        "number",
        "payload",
        "retry",
        "seq",
        "session",
    )

    def __init__(
        self,
        kind: int,
        payload: Payload,
        consistency: int,
        retry: Retry,
        deadline_s: float,
        future: asyncio.Future[Result],
        session: int = 0,
        seq: int = 0,
        acked_below: int = 0,
    ) -> None:
        self.kind = kind
        self.payload = payload
        self.consistency = consistency
        self.retry = retry
        self.deadline_s = deadline_s
        self.future = future
        self.session = session
        self.seq = seq
        self.acked_below = acked_below
        self.attempts = 0
        self.may_have_run = False
        """A try before this one was sent and its outcome is not known."""
        self.connection: StreamConnection | None = None
        self.number = -1
        self.last_failure = ""
        self.last_refusal: StreamFailure | None = None

    def refused(self, failure: StreamFailure | Failure) -> ApiError:
        """The exception for an answer that is final. An expired session says nothing of the tries before this one."""
        leader = None
        if isinstance(failure, StreamFailure) and (failure.leader_member_id or failure.leader_client_url):
            leader = Leader(failure.leader_member_id, failure.leader_client_url)
        error = from_answer(failure.error, failure.message, leader=leader)
        if isinstance(error, SessionExpired) and self.may_have_run:
            error.outcome_unknown = True
        return error
