"""Transactions: all conditions first, then the chosen operations in order, at one revision (etcd's rules).

As in etcd the conditions of nested transactions, too, look at the state before the first write, while ranges see the writes
before them. Whatever may be refused is refused before the first write, so that there is nothing to take back.
"""

from __future__ import annotations

from quorate.wire.commands import Operation, Put, Range, Txn
from quorate.wire.results import Failure, Result, TxnResult
from quorate_node.machine.compare import holds
from quorate_node.machine.interface import Refused
from quorate_node.machine.mutations import check_put, delete_range, put_key
from quorate_node.machine.ranges import checked_revision, range_steps
from quorate_node.machine.scan import StageSource
from quorate_node.machine.stage import Stage

Path = dict[int, bool]
"""Identity of each transaction of the tree that may run -> whether its conditions hold."""
_NO_CHUNKS = 2**62


def execute(stage: Stage, txn: Txn) -> TxnResult:
    """Run at the stage's next revision. Raises `Refused`; nothing was written then. Form was checked (`txn_form`)."""
    path: Path = {}
    _choose(stage, txn, path)
    _check(stage, txn, path)
    before, revision = stage.revision, stage.revision + 1
    stage.sub = 0
    result = _run(stage, txn, path, revision, before)
    stage.revision = revision if stage.sub else before
    return result


def _choose(stage: Stage, txn: Txn, path: Path) -> None:
    chosen = all(holds(stage, compare) for compare in txn.compare)
    path[id(txn)] = chosen
    for operation in txn.success if chosen else txn.failure:
        if operation.txn is not None:
            _choose(stage, operation.txn, path)


def _check(stage: Stage, txn: Txn, path: Path) -> None:
    source = StageSource(stage)
    for operation in txn.success if path[id(txn)] else txn.failure:
        if operation.put is not None:
            check_put(stage, operation.put)
        elif operation.range is not None:
            checked_revision(operation.range.revision, source)
        elif operation.txn is not None:
            _check(stage, operation.txn, path)


def _run(stage: Stage, txn: Txn, path: Path, revision: int, before: int) -> TxnResult:
    succeeded = path[id(txn)]
    results: list[Result] = [
        _operate(stage, operation, path, revision, before) for operation in (txn.success if succeeded else txn.failure)
    ]
    return TxnResult(revision if stage.sub else before, succeeded, tuple(results))


def _operate(stage: Stage, operation: Operation, path: Path, revision: int, before: int) -> Result:
    if isinstance(operation.put, Put):
        return put_key(stage, operation.put, revision)
    if isinstance(operation.range, Range):
        return _range(stage, operation.range, revision if stage.sub else before)
    if operation.delete_range is not None:
        return delete_range(stage, operation.delete_range, revision, revision if stage.sub else before)
    assert operation.txn is not None, "an operation has exactly one field set (txn_form)"
    return _run(stage, operation.txn, path, revision, before)


def _range(stage: Stage, request: Range, revision: int) -> Result:
    """A range among the writes. One too large to sort is a `Failure` among the results: the writes before it stand."""
    source = StageSource(stage)
    source.revision = revision
    steps = range_steps(source, request, stage.rules.transaction_range_bytes_max, _NO_CHUNKS)
    try:
        next(steps)
    except StopIteration as stopped:
        result: Result = stopped.value
        return result
    except Refused as refused:
        return Failure(refused.error, refused.message, revision)
    raise AssertionError("a range without chunks ends in one step")
