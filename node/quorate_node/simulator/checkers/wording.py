"""Records of a history in a line each, for counterexamples: who, what, when, and at which revision."""

from __future__ import annotations

from quorate.wire.commands import DeleteRange, LeaseGrant, LeaseKeepAlive, LeaseRevoke, Put, Range, Txn
from quorate.wire.commands import Operation as TxnOperation
from quorate.wire.results import DeleteRangeResult, Event, EventType, Failure, KeyValue, LeaseResult, RangeResult, TxnResult
from quorate_node.simulator.history import NEVER_NS, Change, Consistency, Delivery, LeaseLookup, Operation

SHOWN_MAX = 8
"""More than so many of a kind in one line are counted, not named."""


def seconds(at_ns: int) -> str:
    return "never" if at_ns == NEVER_NS else f"{at_ns / 1e9:.6f}s"


def text(raw: bytes) -> str:
    """Keys and values of tests are short text; what is not stays bytes."""
    shown = raw.decode() if raw.isascii() and raw.decode().isprintable() else repr(raw)
    return shown if len(shown) <= 60 else f"{shown[:57]}..."


def _several(parts: list[str]) -> str:
    rest = len(parts) - SHOWN_MAX
    return ", ".join(parts[:SHOWN_MAX]) + (f" and {rest} more" if rest > 0 else "")


def interval(key: bytes, range_end: bytes) -> str:
    return text(key) if not range_end else f"[{text(key)}, {'end' if range_end == bytes(1) else text(range_end)})"


def pair(kv: KeyValue | None) -> str:
    if kv is None:
        return "nothing"
    lease = f" lease {kv.lease}" if kv.lease else ""
    return f"{text(kv.key)}={text(kv.value)} (revision {kv.mod_revision}, created {kv.create_revision}, version {kv.version}{lease})"


def change(one: Change) -> str:
    what = f"delete {text(one.key)}" if one.value is None else f"put {text(one.key)}={text(one.value)}"
    return f"revision {one.revision}: {what}" + (f" lease {one.lease}" if one.lease else "")


def changes(several: list[Change]) -> str:
    return _several([change(one) for one in several]) or "no change"


def event(one: Event) -> str:
    what = f"put {pair(one.kv)}" if one.type == EventType.PUT else f"delete {text(one.kv.key)} (revision {one.kv.mod_revision})"
    return what + (f" before: {pair(one.previous)}" if one.previous is not None else "")


def delivery(one: Delivery) -> str:
    what = _several([event(each) for each in one.events]) or ("compacted" if one.compact_revision else "progress")
    return f"at {seconds(one.at_ns)} up to revision {one.revision}: {what}"


def request(asked: object) -> str:
    if isinstance(asked, Put):
        lease = f" lease {asked.lease}" if asked.lease else ""
        return f"put {text(asked.key)}={'(as it is)' if asked.ignore_value else text(asked.value)}{lease}"
    if isinstance(asked, DeleteRange):
        return f"delete {interval(asked.key, asked.range_end)}"
    if isinstance(asked, Range):
        return f"read {interval(asked.key, asked.range_end)}" + (f" at revision {asked.revision}" if asked.revision else "")
    if isinstance(asked, Txn):
        return _txn(asked)
    if isinstance(asked, LeaseGrant):
        return f"grant lease {asked.lease or '(any)'} for {asked.ttl_ms} ms"
    if isinstance(asked, LeaseRevoke):
        return f"revoke lease {asked.lease}"
    if isinstance(asked, LeaseKeepAlive):
        return f"keep alive {_several([str(lease) for lease in asked.leases])}"
    if isinstance(asked, LeaseLookup):
        return f"look up lease {asked.lease}"
    return type(asked).__name__


def _txn(asked: Txn) -> str:
    conditions = _several(
        [
            f"{each.target.name.lower()}({interval(each.key, each.range_end)}) {each.result.name.lower()} {each.number or text(each.value)}"
            for each in asked.compare
        ]
    )
    return f"txn if [{conditions}] then [{_operations(asked.success)}] else [{_operations(asked.failure)}]"


def _operations(several: tuple[TxnOperation, ...]) -> str:
    return _several([request(each.put or each.delete_range or each.range or each.txn) for each in several])


def result(told: object) -> str:
    """What the answer says beside its revision."""
    if isinstance(told, RangeResult):
        return _several([pair(kv) for kv in told.kvs]) or ("nothing" if not told.count else f"count {told.count}")
    if isinstance(told, DeleteRangeResult):
        return f"{told.deleted} deleted"
    if isinstance(told, TxnResult):
        inner = _several([each for each in (result(one) for one in told.results) if each])
        return ("succeeded" if told.succeeded else "not succeeded") + (f": {inner}" if inner else "")
    if isinstance(told, LeaseResult):
        return f"lease {told.lease} ttl {told.ttl_ms} ms"
    if isinstance(told, Failure):
        return f"refused: {told.error}"
    return ""


def operation(one: Operation) -> str:
    """`#7 client 2 at n1, 1.000000s to 1.200000s: put k=v -> ok, revision 5`."""
    how = "" if one.consistency is Consistency.LINEARIZABLE else f" ({one.consistency.value})"
    session = f" [session {one.session} seq {one.seq}, {one.attempts} attempts]" if one.session else ""
    told = result(one.result)
    outcome = one.outcome.value + (f" {one.error}" if one.error else "")
    outcome += (f", revision {one.revision}" if one.revision else "") + (f": {told}" if told else "")
    times = f"{seconds(one.invoked_ns)} to {seconds(one.completed_ns)}"
    return f"#{one.number} client {one.client} at {one.member}, {times}: {request(one.request)}{how}{session} -> {outcome}"


def lines(headline: str, *records: str) -> str:
    return "\n".join([headline, *(f"  {record}" for record in records)])
