"""One history made ready for the checkers: what was asked once is one operation, who claims which revision, the replay of all writes."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property, partial

import msgspec

from quorate.wire.commands import LeaseRevoke, Put
from quorate.wire.results import DeleteRangeResult, Event, Failure, KeyValue, PutResult, RangeResult, Result, TxnResult
from quorate_node.simulator.checkers import wording
from quorate_node.simulator.checkers.finding import Violated
from quorate_node.simulator.checkers.frontier import Frontier, Seen
from quorate_node.simulator.checkers.known import replay_known
from quorate_node.simulator.checkers.replay import Replay, replay_changes
from quorate_node.simulator.history import Consistency, Delivery, History, Operation, Outcome

FORGOTTEN = ("SessionExpired", "SessionSequenceForgotten")
"""Refusals of a session's command that say nothing of its earlier attempts."""


class Evidence:
    """Properties are computed when they are first asked for; those that replay raise `Violated` when the records contradict each other."""

    def __init__(self, history: History) -> None:
        self.history = history

    @cached_property
    def operations(self) -> list[Operation]:
        """One a command: a client that wrote down each attempt within its session did one thing, from the first attempt on."""
        attempts: dict[tuple[int, int], list[Operation]] = {}
        found: list[Operation] = []
        for operation in self.history.operations:
            if operation.session and operation.seq:
                attempts.setdefault((operation.session, operation.seq), []).append(operation)
            else:
                found.append(operation)
        if not attempts:
            return found
        found += [several[0] if len(several) == 1 else _as_one(several) for several in attempts.values()]
        return sorted(found, key=lambda operation: operation.number)

    @cached_property
    def claims(self) -> dict[int, Operation]:
        """Revision -> the acknowledged operation that made it. Raises `Violated` when two claim one."""
        claimed: dict[int, Operation] = {}
        for operation in self.operations:
            if operation.revision and wrote(operation):
                other = claimed.setdefault(operation.revision, operation)
                if other is not operation:
                    raise Violated(
                        wording.lines("two writes were given the same revision:", wording.operation(other), wording.operation(operation))
                    )
        return claimed

    @cached_property
    def replay(self) -> Replay:
        history = self.history
        claims = self.claims  # two claims of one revision are found first: all that follows from them would hide them
        if history.changes:
            return replay_changes(history.changes, history.prefix)
        return replay_known(claims, self._told())

    @cached_property
    def frontier(self) -> Frontier:
        """Everything that anybody saw, reads of any kind included: what one member shows is committed, so all must have it from then on."""
        return Frontier(self._sightings())

    def _sightings(self) -> Iterator[Seen]:
        for operation in self.operations:
            if operation.outcome is not Outcome.UNKNOWN and operation.revision:
                yield Seen(operation.completed_ns, operation.revision, partial(wording.operation, operation))
        for watch in self.history.watches:
            for stretch in watch.stretches:
                for delivery in stretch.deliveries:
                    if delivery.revision and not delivery.compact_revision:
                        yield Seen(delivery.at_ns, delivery.revision, partial(_watch_text, watch.watch, stretch.member, delivery))

    def _told(self) -> Iterator[tuple[KeyValue, str]]:
        """Every pair that anybody was shown, with who."""
        for operation in self.operations:
            for kv in pairs_of(operation.result):
                yield kv, f"#{operation.number}"
        for watch in self.history.watches:
            for stretch in watch.stretches:
                for delivery in stretch.deliveries:
                    for event in delivery.events:
                        for kv in _pairs_of_event(event):
                            yield kv, f"watch {watch.watch}"


def _watch_text(watch: int, member: str, delivery: Delivery) -> str:
    return f"watch {watch} at {member}, {wording.delivery(delivery)}"


def _as_one(attempts: list[Operation]) -> Operation:
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


def _pairs_of_event(event: Event) -> Iterator[KeyValue]:
    if event.kv.version:
        yield event.kv
    if event.previous is not None:
        yield event.previous


def is_linearizable(operation: Operation, *, clocks_jump: bool) -> bool:
    """Whether the operation must see all that ended before it began."""
    if operation.consistency is Consistency.LEASE:
        return not clocks_jump
    return operation.consistency is Consistency.LINEARIZABLE
