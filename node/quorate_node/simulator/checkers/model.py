"""The reference: what a request must do and answer on a given state. Written from docs/api.md, not from the machine.

One command is one step from a state at revision r: it changes nothing and answers, or makes revision r + 1.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple, Protocol

from quorate.wire.commands import (
    Compare,
    CompareResult,
    CompareTarget,
    DeleteRange,
    LeaseRevoke,
    Operation,
    Put,
    Range,
    SortOrder,
    SortTarget,
    Txn,
)
from quorate.wire.results import DeleteRangeResult, KeyValue, PutResult, RangeResult, Result, TxnResult

Effects = dict[bytes, KeyValue | None]
"""Key -> what it is afterwards, None when it was deleted; in the order in which it was done."""


class View(Protocol):
    """The whole store at one revision."""

    @property
    def revision(self) -> int: ...
    def get(self, key: bytes) -> KeyValue | None: ...
    def items(self, start: bytes, end: bytes | None) -> list[KeyValue]: ...
    def leased(self, lease: int) -> list[KeyValue]: ...
    def at(self, revision: int) -> View: ...


class Refusal(Exception):
    """The command is refused in this state; the text is the error's name."""


class Step(NamedTuple):
    effects: Effects
    result: Result | None
    """None: the model does not say what the answer is (leases, sessions, membership)."""


def span(key: bytes, range_end: bytes) -> tuple[bytes, bytes | None]:
    """[start, end) of a request; end None is the end of the store."""
    if not range_end:
        return key, key + b"\x00"
    return key, (None if range_end == b"\x00" else range_end)


def within(key: bytes, start: bytes, end: bytes | None) -> bool:
    return start <= key and (end is None or key < end)


def looked_at(request: object) -> Iterator[tuple[bytes, bytes]]:
    """(key, range_end) of everything that decides what a request does and answers."""
    if isinstance(request, Put | Range | DeleteRange):
        yield request.key, b"" if isinstance(request, Put) else request.range_end
    elif isinstance(request, Compare):
        yield request.key, request.range_end
    elif isinstance(request, Operation):
        yield from looked_at(request.put or request.delete_range or request.range or request.txn)
    elif isinstance(request, Txn):
        for part in (*request.compare, *request.success, *request.failure):
            yield from looked_at(part)


def evaluate(request: object, view: View) -> Step:
    """Raises `Refusal`."""
    doing = _Doing(view)
    result: Result | None = None
    if isinstance(request, Put):
        result = doing.put(request)
    elif isinstance(request, Range):
        result = read(request, view)
    elif isinstance(request, DeleteRange):
        result = doing.delete(request)
    elif isinstance(request, Txn):
        result = doing.txn(request)
    elif isinstance(request, LeaseRevoke):
        for kv in view.leased(request.lease):
            doing.effects[kv.key] = None
    return Step(doing.effects, result)


class _Doing:
    """A command under way: the state before it, under what it has done so far."""

    def __init__(self, before: View) -> None:
        self._before = before
        self.effects: Effects = {}

    @property
    def revision(self) -> int:
        return self._before.revision + 1 if self.effects else self._before.revision

    def get(self, key: bytes) -> KeyValue | None:
        return self.effects[key] if key in self.effects else self._before.get(key)

    def items(self, start: bytes, end: bytes | None) -> list[KeyValue]:
        found = {kv.key: kv for kv in self._before.items(start, end)}
        for key, kv in self.effects.items():
            if within(key, start, end):
                found.pop(key, None)
                if kv is not None:
                    found[key] = kv
        return [found[key] for key in sorted(found)]

    def at(self, revision: int) -> View:
        return self._before.at(revision)

    def leased(self, lease: int) -> list[KeyValue]:
        return self._before.leased(lease)

    def put(self, request: Put) -> PutResult:
        old = self.get(request.key)
        if old is None and (request.ignore_value or request.ignore_lease):
            raise Refusal("KeyNotFound")
        revision = self._before.revision + 1
        value = old.value if request.ignore_value and old is not None else request.value
        lease = old.lease if request.ignore_lease and old is not None else request.lease
        create, version = (revision, 1) if old is None else (old.create_revision, old.version + 1)
        self.effects[request.key] = KeyValue(request.key, value, create, revision, version, lease)
        return PutResult(revision, old if request.previous else None)

    def delete(self, request: DeleteRange) -> DeleteRangeResult:
        found = self.items(*span(request.key, request.range_end))
        for kv in found:
            self.effects[kv.key] = None
        return DeleteRangeResult(self.revision, len(found), tuple(found) if request.previous else ())

    def txn(self, request: Txn) -> TxnResult:
        """Conditions, nested ones too, look at the state before the first write; reads see the writes before them."""
        succeeded = all(holds(compare, self._before) for compare in request.compare)
        results = tuple([self._one(operation) for operation in (request.success if succeeded else request.failure)])
        return TxnResult(self.revision, succeeded, results)

    def _one(self, operation: Operation) -> Result:
        if operation.put is not None:
            return self.put(operation.put)
        if operation.delete_range is not None:
            return self.delete(operation.delete_range)
        if operation.range is not None:
            return read(operation.range, self)
        assert operation.txn is not None, "an operation has exactly one field set"
        return self.txn(operation.txn)


def holds(compare: Compare, view: View) -> bool:
    """An empty range satisfies every condition; a missing single key counts as zeros, and satisfies none on its value."""
    if compare.range_end:
        return all(_satisfies(compare, kv) for kv in view.items(*span(compare.key, compare.range_end)))
    return _satisfies(compare, view.get(compare.key))


def _satisfies(compare: Compare, kv: KeyValue | None) -> bool:
    if compare.target == CompareTarget.VALUE:
        return kv is not None and relates(compare.result, (kv.value > compare.value) - (kv.value < compare.value))
    found = 0
    if kv is not None:
        found = (kv.version, kv.create_revision, kv.mod_revision, 0, kv.lease)[compare.target]
    return relates(compare.result, found - compare.number)


def relates(result: CompareResult, difference: int) -> bool:
    """Whether `difference` (of what is there and what was given) is what the condition asks for."""
    if result == CompareResult.EQUAL:
        return difference == 0
    if result == CompareResult.NOT_EQUAL:
        return difference != 0
    return difference > 0 if result == CompareResult.GREATER else difference < 0


def read(request: Range, view: View) -> RangeResult:
    """`count` is that of the whole range, whatever filters and limit leave out."""
    at = view.at(request.revision) if request.revision else view
    if not request.range_end:
        single = at.get(request.key)
        found = [] if single is None else [single]
    else:
        found = at.items(*span(request.key, request.range_end))
    count = len(found)
    if request.count_only:
        return RangeResult(view.revision, [], count)
    kept = [kv for kv in found if _passes(request, kv)]
    if request.sort_target != SortTarget.KEY or request.sort_order == SortOrder.DESCEND:
        kept.sort(key=lambda kv: _sort_key(request.sort_target, kv), reverse=request.sort_order == SortOrder.DESCEND)
    more = 0 < request.limit < len(kept)
    if more:
        kept = kept[: request.limit]
    if request.keys_only:
        kept = [KeyValue(kv.key, b"", kv.create_revision, kv.mod_revision, kv.version, kv.lease) for kv in kept]
    return RangeResult(view.revision, kept, count, more)


def _passes(request: Range, kv: KeyValue) -> bool:
    low = kv.mod_revision >= request.min_mod_revision and kv.create_revision >= request.min_create_revision
    high = not request.max_mod_revision or kv.mod_revision <= request.max_mod_revision
    return low and high and (not request.max_create_revision or kv.create_revision <= request.max_create_revision)


def _sort_key(target: SortTarget, kv: KeyValue) -> tuple[int, bytes]:
    if target in (SortTarget.KEY, SortTarget.VALUE):
        return 0, kv.key if target == SortTarget.KEY else kv.value
    return (kv.version if target == SortTarget.VERSION else kv.create_revision if target == SortTarget.CREATE else kv.mod_revision), b""
