"""The searching checker's model of a few keys: values, versions and leases, and no revision, so that a wrong one can hide nothing."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from quorate.wire.commands import Compare, CompareResult, CompareTarget, DeleteRange, LeaseRevoke, Put, Range, SortTarget, Txn
from quorate.wire.commands import Operation as TxnOperation
from quorate.wire.results import DeleteRangeResult, KeyValue, PutResult, RangeResult, Result, TxnResult
from quorate_node.simulator.checkers.model import relates, span, within


class Cell(NamedTuple):
    """One key as it is."""

    value: bytes
    version: int
    lease: int


State = dict[bytes, Cell]
"""In the order of writing, so never compared as a sequence; treated as immutable."""


def frozen(state: State) -> tuple[tuple[bytes, Cell], ...]:
    return tuple(sorted(state.items()))


def judgeable(request: object) -> bool:
    """False for reads that depend on revisions (of the past, filtered or sorted by them), and for what touches no key.

    A transaction counts with such a read in it, too: it writes, and the read may then show anything.
    """
    if isinstance(request, Range):
        filters = request.min_mod_revision or request.max_mod_revision or request.min_create_revision or request.max_create_revision
        sorts = request.sort_target in (SortTarget.CREATE, SortTarget.MODIFY)
        return not (request.revision or filters or sorts)
    return isinstance(request, Put | DeleteRange | Txn | LeaseRevoke)


def after(state: State, request: object, result: Result | None) -> Iterator[State]:
    """Every state that the request may leave, given what it was answered (None: not known). None at all: it cannot have come here."""
    if isinstance(request, Put):
        yield from _put(state, request, result)
    elif isinstance(request, DeleteRange):
        yield from _delete(state, request, result)
    elif isinstance(request, Range):
        if result is None or not judgeable(request) or _shows(state, request, result):
            yield state
    elif isinstance(request, Txn):
        yield from _txn(state, state, request, result)
    elif isinstance(request, LeaseRevoke):
        yield {key: cell for key, cell in state.items() if cell.lease != request.lease}


def _put(state: State, request: Put, result: Result | None) -> Iterator[State]:
    old = state.get(request.key)
    if old is None and (request.ignore_value or request.ignore_lease):
        if result is None:
            yield state
        return
    if isinstance(result, PutResult) and request.previous and not _is(request.key, old, result.previous):
        return
    value = old.value if request.ignore_value and old is not None else request.value
    lease = old.lease if request.ignore_lease and old is not None else request.lease
    yield {**state, request.key: Cell(value, 1 if old is None else old.version + 1, lease)}


def _delete(state: State, request: DeleteRange, result: Result | None) -> Iterator[State]:
    start, end = span(request.key, request.range_end)
    gone = sorted(key for key in state if within(key, start, end))
    if isinstance(result, DeleteRangeResult):
        if result.deleted != len(gone):
            return
        shown = result.previous
        if request.previous and not (len(shown) == len(gone) and all(_is(kv.key, state.get(kv.key), kv) for kv in shown)):
            return
    yield {key: cell for key, cell in state.items() if not within(key, start, end)}


def _is(key: bytes, cell: Cell | None, kv: KeyValue | None) -> bool:
    if cell is None or kv is None:
        return cell is None and kv is None
    return key == kv.key and cell == (kv.value, kv.version, kv.lease)


def _shows(state: State, request: Range, result: Result) -> bool:
    if not isinstance(result, RangeResult):
        return False
    start, end = span(request.key, request.range_end)
    there = sorted(key for key in state if within(key, start, end))
    if result.count != len(there):
        return False
    if request.count_only:
        return not result.kvs
    if request.limit and result.more != (request.limit < len(there)):
        return False
    if not result.more and len(result.kvs) != len(there):
        return False
    return all(_is_shown(request, state.get(kv.key), kv) for kv in result.kvs)


def _is_shown(request: Range, cell: Cell | None, kv: KeyValue) -> bool:
    if cell is None:
        return False
    return (cell.version, cell.lease) == (kv.version, kv.lease) and kv.value == (b"" if request.keys_only else cell.value)


def _txn(before: State, state: State, request: Txn, result: Result | None) -> Iterator[State]:
    """Conditions look at `before`; one that names a revision may go either way, as far as this model knows."""
    told = result if isinstance(result, TxnResult) else None
    held = [_holds(before, compare) for compare in request.compare]
    possible = [False] if False in held else [True] if None not in held else [True, False]
    for succeeded in possible:
        if told is not None and told.succeeded != succeeded:
            continue
        operations = request.success if succeeded else request.failure
        if told is None:
            yield from _run(before, state, operations, (None,) * len(operations))
        elif len(told.results) == len(operations):
            yield from _run(before, state, operations, told.results)


def _run(before: State, state: State, operations: tuple[TxnOperation, ...], results: tuple[Result | None, ...]) -> Iterator[State]:
    if not operations:
        yield state
        return
    first = operations[0]
    if first.txn is not None:
        states = _txn(before, state, first.txn, results[0])
    else:
        states = after(state, first.put or first.delete_range or first.range, results[0])
    for following in states:
        yield from _run(before, following, operations[1:], results[1:])


def _holds(state: State, compare: Compare) -> bool | None:
    """None: this model does not know revisions."""
    if not compare.range_end:
        return _satisfies(compare, state.get(compare.key))
    start, end = span(compare.key, compare.range_end)
    held = [_satisfies(compare, cell) for key, cell in sorted(state.items()) if within(key, start, end)]
    return False if False in held else None if None in held else True


def _satisfies(compare: Compare, cell: Cell | None) -> bool | None:
    if compare.target == CompareTarget.VALUE:
        return cell is not None and relates(compare.result, (cell.value > compare.value) - (cell.value < compare.value))
    if compare.target in (CompareTarget.VERSION, CompareTarget.LEASE):
        found = 0 if cell is None else cell.version if compare.target == CompareTarget.VERSION else cell.lease
        return relates(compare.result, found - compare.number)
    if cell is None:
        return relates(compare.result, -compare.number)
    if compare.number == 0 and compare.result in (CompareResult.EQUAL, CompareResult.NOT_EQUAL):
        return compare.result == CompareResult.NOT_EQUAL
    return None
