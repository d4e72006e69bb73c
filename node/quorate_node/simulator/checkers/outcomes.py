"""What one operation says of itself: whether it took effect, what it changed, what it was shown."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from quorate.wire.commands import LeaseRevoke, Put
from quorate.wire.results import DeleteRangeResult, Event, Failure, KeyValue, PutResult, RangeResult, Result, TxnResult
from quorate_node.simulator.history import Consistency, Operation, Outcome

FORGOTTEN = ("SessionExpired", "SessionSequenceForgotten")
"""Refusals of a session's command that say nothing of its earlier attempts."""


def as_one(attempts: list[Operation]) -> Operation:
    """The attempt that decides, begun when the first was: an answer; a refusal in the log's order; else nobody knows."""
    decisive = max(attempts, key=_decides)
    return msgspec.structs.replace(
        decisive,
        invoked_ns=min(each.invoked_ns for each in attempts),
        attempts=sum(each.attempts for each in attempts),
    )


def _decides(operation: Operation) -> int:
    if operation.outcome is Outcome.OK:
        return 3
    if operation.outcome is Outcome.FAILED and isinstance(operation.result, Failure) and operation.error not in FORGOTTEN:
        return 2
    return 1 if operation.outcome is Outcome.UNKNOWN else 0


def may_have_happened(operation: Operation) -> Outcome:
    """The outcome for the data: a session that is gone refuses the last attempt and says nothing of those before."""
    forgotten = operation.outcome is Outcome.FAILED and operation.error in FORGOTTEN
    if forgotten and (operation.attempts > 1 or operation.error != "SessionExpired"):
        return Outcome.UNKNOWN
    return operation.outcome


def wrote(operation: Operation) -> bool:
    """Whether it was acknowledged to have made the revision that it names. (A revoked lease may have had no keys: it claims nothing.)"""
    if operation.outcome is not Outcome.OK or isinstance(operation.request, LeaseRevoke):
        return False
    return changed(operation.result) or (operation.result is None and isinstance(operation.request, Put))


def changed(result: Result | None) -> bool:
    """Whether an answer tells of a change of the keys."""
    if isinstance(result, TxnResult):
        return any(changed(each) for each in result.results)
    return isinstance(result, PutResult) or (isinstance(result, DeleteRangeResult) and result.deleted > 0)


def pairs_of(result: Result | None) -> Iterator[KeyValue]:
    """Every whole pair that an answer shows (an empty value may be one of `keys_only`, and is left out)."""
    if isinstance(result, RangeResult):
        yield from [kv for kv in result.kvs if kv.value]
    elif isinstance(result, DeleteRangeResult):
        yield from result.previous
    elif isinstance(result, PutResult) and result.previous is not None:
        yield result.previous
    elif isinstance(result, TxnResult):
        for each in result.results:
            yield from pairs_of(each)


def pairs_of_event(event: Event) -> Iterator[KeyValue]:
    if event.kv.version:
        yield event.kv
    if event.previous is not None:
        yield event.previous


def is_linearizable(operation: Operation, *, clocks_bounded: bool) -> bool:
    """Whether the operation must see all that ended before it began."""
    if operation.consistency is Consistency.LEASE:
        return clocks_bounded
    return operation.consistency is Consistency.LINEARIZABLE
