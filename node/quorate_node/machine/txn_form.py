"""What a transaction must look like, whatever the state: sizes, nesting, and no key changed twice (etcd's checkIntervals)."""

from __future__ import annotations

from collections.abc import Sequence

from quorate.wire.commands import Operation, Txn
from quorate_node.machine import forms
from quorate_node.machine.interface import Refused
from quorate_node.machine.rules import Rules
from quorate_node.machine.scan import bounds

Interval = tuple[bytes, bytes | None]


class _Changes:
    """The keys that a list of operations may put, and the ranges that it may delete."""

    def __init__(self) -> None:
        self.puts: set[bytes] = set()
        self.deletes: list[Interval] = []


def check_txn(txn: Txn, rules: Rules) -> None:
    """Raises `Refused` (TooManyOperations, EmptyKey, InvalidArgument, DuplicateKey)."""
    _check_size(txn, rules, 1)
    _changes_of(txn.success)
    _changes_of(txn.failure)


def too_deep(rules: Rules) -> str:
    return f"transactions nest deeper than {rules.transaction_depth_max}: flatten them"


def _check_size(txn: Txn, rules: Rules, depth: int) -> int:
    """Operations of the larger branch, nested ones counted."""
    if depth > rules.transaction_depth_max:
        raise Refused("TooManyOperations", too_deep(rules))
    for compare in txn.compare:
        if not compare.key:
            raise Refused("EmptyKey", "compare.key is empty: name a key (b'\\x00' with range_end b'\\x00' is the whole store)")
    branches = (txn.success, txn.failure)
    sizes = [len(txn.compare), *(sum(_check_operation(operation, rules, depth) for operation in branch) for branch in branches)]
    if max(sizes) > rules.transaction_operations_max:
        raise Refused(
            "TooManyOperations",
            f"the transaction has {max(sizes)} operations, over the limit of {rules.transaction_operations_max} "
            "for compare, success and failure each (nested ones counted): split it",
        )
    return max(sizes)


def _check_operation(operation: Operation, rules: Rules, depth: int) -> int:
    fields = (operation.put, operation.delete_range, operation.range, operation.txn)
    if sum(field is not None for field in fields) != 1:
        raise Refused("InvalidArgument", "an operation must have exactly one of put, delete_range, range and txn")
    if operation.txn is not None:
        return 1 + _check_size(operation.txn, rules, depth + 1)
    if operation.put is not None:
        forms.put(operation.put, rules)
    for request in (operation.delete_range, operation.range):
        if request is not None:
            forms.key(request, rules)
    return 1


def _changes_of(operations: Sequence[Operation]) -> _Changes:
    """Puts and deletes of a branch. The two branches of a nested transaction exclude each other; all else may meet."""
    total = _Changes()
    for operation in operations:
        if operation.delete_range is not None:
            total.deletes.append(bounds(operation.delete_range.key, operation.delete_range.range_end))
    for operation in operations:
        if operation.txn is not None:
            children = _changes_of(operation.txn.success), _changes_of(operation.txn.failure)
            for child in children:
                _refuse_overlap(total, child.puts, child.deletes)
            for child in children:
                total.puts |= child.puts
                total.deletes += child.deletes
    for operation in operations:
        if operation.put is not None:
            _refuse_overlap(total, {operation.put.key}, [])
            total.puts.add(operation.put.key)
    return total


def _refuse_overlap(total: _Changes, puts: set[bytes], deletes: list[Interval]) -> None:
    twice = next(iter(total.puts & puts), None)
    if twice is None:
        twice = _deleted(puts, total.deletes) or _deleted(total.puts, deletes)
    if twice is not None:
        raise Refused("DuplicateKey", f"key {twice!r} is changed twice in one transaction: put it once, and outside of its delete ranges")


def _deleted(puts: set[bytes], deletes: list[Interval]) -> bytes | None:
    if not deletes:
        return None
    return next((key for key in sorted(puts) if any(start <= key and (end is None or key < end) for start, end in deletes)), None)
