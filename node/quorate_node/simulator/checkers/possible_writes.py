"""What an operation may have written, as far as its request and its outcome leave that open."""

from __future__ import annotations

from collections.abc import Iterator

from quorate.wire.commands import DeleteRange, LeaseRevoke, Put, Txn
from quorate.wire.commands import Operation as TxnOperation
from quorate_node.simulator.checkers.outcomes import may_have_happened
from quorate_node.simulator.history import Operation, Outcome


class WithoutValue:
    """Operations of unknown outcome that may make a revision in which none of their values is written, by the key that they name."""

    def __init__(self) -> None:
        self._of_one_key: dict[bytes, list[Operation]] = {}
        self._others: list[Operation] = []

    def add(self, operation: Operation) -> None:
        request = operation.request
        if isinstance(request, Put | DeleteRange) and not (isinstance(request, DeleteRange) and request.range_end):
            self._of_one_key.setdefault(request.key, []).append(operation)
        else:
            self._others.append(operation)

    def that_look_at(self, key: bytes) -> list[Operation]:
        """Those that may have changed the key."""
        return [*self._of_one_key.get(key, ()), *self._others]


def values_of(request: object) -> Iterator[bytes]:
    """Every value that a request may write, in whichever branch."""
    yield from (put.value for put in puts_of(request) if not put.ignore_value)


def puts_of(request: object) -> Iterator[Put]:
    """Every put of a request, in whichever branch."""
    if isinstance(request, Put):
        yield request
    elif isinstance(request, Txn):
        for operation in (*request.success, *request.failure):
            yield from puts_of(operation.put or operation.txn)


def may_do_without_value(request: object) -> bool:
    """Whether it may make a revision in which none of its own values is written: deletes, and puts that keep the value."""
    if isinstance(request, Put):
        return request.ignore_value
    if isinstance(request, Txn):
        parts: list[TxnOperation] = [*request.success, *request.failure]
        return any(may_do_without_value(part.put or part.delete_range or part.txn) for part in parts)
    return isinstance(request, DeleteRange | LeaseRevoke)


def may_have_made(operation: Operation) -> bool:
    """Whether the operation may be behind a revision that nobody claims."""
    untold = operation.outcome is Outcome.OK and not operation.revision
    return untold or may_have_happened(operation) is Outcome.UNKNOWN


def may_write(request: object) -> bool:
    """Whether it may change a key, in whichever branch."""
    return may_do_without_value(request) or any(True for _ in values_of(request))
