"""Short ways to write histories down. Times are in seconds; the first write of an empty store makes revision 2."""

from __future__ import annotations

from typing import Any

from quorate.wire.commands import Compare, CompareTarget, DeleteRange, Put, Range, Txn
from quorate.wire.commands import Operation as TxnOperation
from quorate.wire.results import DeleteRangeResult, Event, EventType, KeyValue, PutResult, RangeResult, Result, TxnResult
from quorate_node.simulator.history import (
    NEVER_NS,
    Change,
    Consistency,
    Delivery,
    History,
    Operation,
    Outcome,
    WatchRecord,
    WatchStretch,
)

K = b"k"


def ns(at_s: float) -> int:
    return round(at_s * 1e9)


def operation(request: Any, begin_s: float, end_s: float | None, result: Result | None, revision: int = 0, **more: Any) -> Operation:
    """`end_s` None: the outcome is unknown."""
    more.setdefault("outcome", Outcome.UNKNOWN if end_s is None else Outcome.OK)
    more.setdefault("number", round(begin_s * 1000))
    more.setdefault("client", more["number"])
    more.setdefault("member", "n1")
    end_ns = NEVER_NS if end_s is None else ns(end_s)
    return Operation(request=request, invoked_ns=ns(begin_s), completed_ns=end_ns, result=result, revision=revision, **more)


def put(value: bytes, begin_s: float, end_s: float, revision: int, key: bytes = K, lease: int = 0, **more: Any) -> Operation:
    return operation(Put(key, value, lease), begin_s, end_s, PutResult(revision), revision, **more)


def lost(value: bytes, begin_s: float, key: bytes = K, lease: int = 0, **more: Any) -> Operation:
    """A put that nobody was answered."""
    return operation(Put(key, value, lease), begin_s, None, None, **more)


def refused(value: bytes, begin_s: float, end_s: float, key: bytes = K, **more: Any) -> Operation:
    return operation(Put(key, value), begin_s, end_s, None, outcome=Outcome.FAILED, error="NotLeader", **more)


def delete(begin_s: float, end_s: float | None, revision: int, deleted: int = 1, key: bytes = K, range_end: bytes = b"") -> Operation:
    result = None if end_s is None else DeleteRangeResult(revision, deleted)
    return operation(DeleteRange(key, range_end), begin_s, end_s, result, revision if end_s is not None else 0)


def kv(value: bytes, mod: int, create: int = 0, version: int = 1, key: bytes = K, lease: int = 0) -> KeyValue:
    return KeyValue(key, value, create or mod, mod, version, lease)


def read(pair: KeyValue | None, begin_s: float, end_s: float, revision: int, key: bytes = K, **more: Any) -> Operation:
    """A read of one key at the store's `revision`."""
    found = [] if pair is None else [pair]
    return operation(Range(key), begin_s, end_s, RangeResult(revision, found, len(found)), revision, **more)


def stale(pair: KeyValue | None, begin_s: float, end_s: float, revision: int, key: bytes = K, **more: Any) -> Operation:
    return read(pair, begin_s, end_s, revision, key, consistency=Consistency.STALE, **more)


def scan(pairs: list[KeyValue], begin_s: float, end_s: float, revision: int, start: bytes = b"\x00", end: bytes = b"\x00") -> Operation:
    return operation(Range(start, end), begin_s, end_s, RangeResult(revision, pairs, len(pairs)), revision)


def swap_request(expected: bytes | None, value: bytes, key: bytes = K) -> Txn:
    if expected is None:
        condition = Compare(key, number=0)
    else:
        condition = Compare(key, target=CompareTarget.VALUE, value=expected)
    return Txn((condition,), (TxnOperation(put=Put(key, value)),), (TxnOperation(range=Range(key)),))


def swap(expected: bytes | None, value: bytes, begin_s: float, end_s: float, revision: int) -> Operation:
    """One that succeeded."""
    result = TxnResult(revision, True, (PutResult(revision),))
    return operation(swap_request(expected, value), begin_s, end_s, result, revision)


def both(value: bytes, begin_s: float, end_s: float, revision: int, first: bytes = b"x", second: bytes = b"y") -> Operation:
    """A transaction that puts two keys."""
    request = Txn((), (TxnOperation(put=Put(first, value + b"1")), TxnOperation(put=Put(second, value + b"2"))))
    return operation(request, begin_s, end_s, TxnResult(revision, True, (PutResult(revision), PutResult(revision))), revision)


def change(revision: int, value: bytes | None, key: bytes = K, lease: int = 0) -> Change:
    return Change(revision, key, value, lease)


def history(*operations: Operation, changes: list[Change] | None = None, **more: Any) -> History:
    return History(sorted(operations, key=lambda each: each.invoked_ns), changes=changes or [], **more)


def put_event(value: bytes, mod: int, create: int = 0, version: int = 1, key: bytes = K, previous: KeyValue | None = None) -> Event:
    return Event(EventType.PUT, kv(value, mod, create, version, key), previous)


def delete_event(mod: int, key: bytes = K, previous: KeyValue | None = None) -> Event:
    return Event(EventType.DELETE, KeyValue(key, b"", 0, mod, 0), previous)


def message(at_s: float, *events: Event) -> Delivery:
    return Delivery(ns(at_s), events[-1].kv.mod_revision, events)


def progress(at_s: float, revision: int) -> Delivery:
    return Delivery(ns(at_s), revision)


def stretch(start: int, *deliveries: Delivery, first: int = 0, ended: str = "") -> WatchStretch:
    closed_ns, told = ns(100) if ended else NEVER_NS, first or start
    return WatchStretch(
        member="n1",
        opened_ns=0,
        start_revision=start,
        first_revision=told,
        closed_ns=closed_ns,
        ended=ended,
        deliveries=deliveries,
    )


def watch(*stretches: WatchStretch, key: bytes = b"\x00", range_end: bytes = b"\x00", **more: Any) -> WatchRecord:
    return WatchRecord(watch=1, client=1, key=key, range_end=range_end, stretches=stretches, **more)
