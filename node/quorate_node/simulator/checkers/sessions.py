"""Sessions: a command takes effect once however often it is sent, every answer to it is the first one, and a dead session stays dead."""

from __future__ import annotations

from typing import NamedTuple

import msgspec

from quorate.wire.commands import Batch
from quorate.wire.results import Failure, Result
from quorate_node.protocol.entry import EntryType
from quorate_node.simulator.checkers import wording
from quorate_node.simulator.checkers.evidence import Evidence
from quorate_node.simulator.checkers.finding import Violated
from quorate_node.simulator.checkers.outcomes import FORGOTTEN
from quorate_node.simulator.history import History, Operation, Outcome

_decode = msgspec.msgpack.Decoder(Batch).decode
NOT_CARRIED_OUT = (*FORGOTTEN, "TooManyRequests")
"""Answers that say: not now, or not any more. The command itself was not carried out for them."""


class Reply(NamedTuple):
    """What a command of a session was answered in the log's order."""

    entry_index: int
    position: int
    session: int
    seq: int
    result: Result

    def __str__(self) -> str:
        return f"entry {self.entry_index} command {self.position}: session {self.session} seq {self.seq} -> {self.result}"


def replies(history: History) -> list[Reply]:
    """Those that the members recorded, in the log's order."""
    found = []
    for entry in history.committed:
        if entry.type != EntryType.NORMAL or not entry.data or not entry.results:
            continue
        commands = _decode(entry.data).commands
        if len(commands) != len(entry.results):
            raise Violated(f"entry {entry.index} has {len(commands)} commands and {len(entry.results)} results")
        for position, (command, result) in enumerate(zip(commands, entry.results, strict=True)):
            if command.session:
                found.append(Reply(entry.index, position, command.session, command.seq, result))
    return found


def exactly_once(evidence: Evidence) -> int:
    """A (session, seq) is carried out once at most, all its answers are equal, and after SessionExpired nothing of the session is carried
    out any more. That its effect is not doubled is judged with the revisions too (`linearizable`): values name their writes."""
    history = evidence.history
    told = replies(history)
    first = _in_the_log(told)
    return len(told) + _as_clients_saw(history.operations, first)


def _in_the_log(told: list[Reply]) -> dict[tuple[int, int], Reply]:
    """The first answer of every command that was carried out."""
    first: dict[tuple[int, int], Reply] = {}
    expired: dict[int, Reply] = {}
    for reply in told:
        error = reply.result.error if isinstance(reply.result, Failure) else ""
        if error == "SessionExpired":
            expired.setdefault(reply.session, reply)
        if error in NOT_CARRIED_OUT:
            continue
        if reply.session in expired:
            raise Violated(wording.lines("carried out in a session that had expired:", str(expired[reply.session]), str(reply)))
        earlier = first.setdefault((reply.session, reply.seq), reply)
        if not _same(earlier.result, reply.result):
            raise Violated(wording.lines("a repeated command was answered otherwise than at first:", str(earlier), str(reply)))
    return first


def _same(first: Result, second: Result) -> bool:
    """The text of a failure may differ: a repeated one says that it is repeated."""
    if isinstance(first, Failure) and isinstance(second, Failure):
        return first.error == second.error
    return first == second


def _as_clients_saw(operations: list[Operation], in_log: dict[tuple[int, int], Reply]) -> int:
    judged = 0
    first: dict[tuple[int, int], Operation] = {}
    expired: dict[int, Operation] = {}
    for operation in sorted(operations, key=lambda each: each.completed_ns):
        if not operation.session:
            continue
        if operation.error == "SessionExpired":
            expired.setdefault(operation.session, operation)
        if operation.outcome is not Outcome.OK or operation.result is None:
            continue
        judged += 1
        dead = expired.get(operation.session)
        if dead is not None and dead.completed_ns < operation.invoked_ns:
            raise Violated(
                wording.lines("carried out in a session that had expired:", wording.operation(dead), wording.operation(operation))
            )
        command = operation.session, operation.seq
        earlier = first.setdefault(command, operation)
        if earlier.result is not None and not _same(earlier.result, operation.result):
            raise Violated(
                wording.lines(
                    "a repeated command was answered otherwise than at first:", wording.operation(earlier), wording.operation(operation)
                )
            )
        if command in in_log and not _same(in_log[command].result, operation.result):
            raise Violated(
                wording.lines("a client was told otherwise than the members answered:", wording.operation(operation), str(in_log[command]))
            )
    return judged
