"""Commands, entries and a machine under test that remembers its log, so that it can be crashed and given the log again."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from quorate.wire.commands import (
    Batch,
    Command,
    CommandKind,
    Compact,
    DeleteRange,
    LeaseExpire,
    LeaseGrant,
    LeaseKeepAlive,
    LeaseRevoke,
    Put,
    SessionClose,
    SessionCreate,
    SessionExpire,
    Txn,
)
from quorate.wire.results import Event, Failure, Result, TxnResult, WatchEvents
from quorate_node.machine.events import REVISION_KEY_BYTES, events
from quorate_node.machine.kv import KeyValueMachine
from quorate_node.machine.limits import MachineLimits
from quorate_node.machine.records import is_canonical
from quorate_node.machine.watch import KeyWatch
from quorate_node.protocol.entry import Entry
from quorate_node.store.interface import STATE_FAMILIES, StateStore

KIND_OF: dict[type, CommandKind] = {
    Put: CommandKind.PUT,
    DeleteRange: CommandKind.DELETE_RANGE,
    Txn: CommandKind.TXN,
    Compact: CommandKind.COMPACT,
    LeaseGrant: CommandKind.LEASE_GRANT,
    LeaseRevoke: CommandKind.LEASE_REVOKE,
    LeaseKeepAlive: CommandKind.LEASE_KEEPALIVE,
    LeaseExpire: CommandKind.LEASE_EXPIRE,
    SessionCreate: CommandKind.SESSION_CREATE,
    SessionClose: CommandKind.SESSION_CLOSE,
    SessionExpire: CommandKind.SESSION_EXPIRE,
}

ALL = (b"\x00", b"\x00")
"""key and range_end of the whole store."""


def raw(request: Any) -> msgspec.Raw:
    return msgspec.Raw(msgspec.msgpack.encode(request))


def command(request: Any, *, session: int = 0, seq: int = 0, acked_below: int = 1, kind: int | None = None, version: int = 1) -> Command:
    number = KIND_OF[type(request)] if kind is None else kind
    return Command(int(number), version, session, seq, acked_below if session else 0, "", 0, raw(request))


def entry(index: int, commands: Sequence[Command], log_time_ms: int = 0, term: int = 1) -> Entry:
    return Entry(index, term, data=msgspec.msgpack.encode(Batch(1, log_time_ms, list(commands))))


def nameless(result: Any) -> Any:
    """The result with the texts of failures left out: a model does not word them."""
    if isinstance(result, Failure):
        return Failure(result.error, "", result.revision)
    if isinstance(result, TxnResult):
        return TxnResult(result.revision, result.succeeded, tuple(nameless(one) for one in result.results))
    return result


def canonical(store: StateStore, compacted_revision: int) -> dict[str, list[tuple[bytes, bytes]]]:
    """All that members at one index must share, byte for byte."""
    return {
        family: [(key, value) for key, value in content(store, family) if is_canonical(family, key, value, compacted_revision)]
        for family in STATE_FAMILIES
    }


def content(store: StateStore, family: str) -> list[tuple[bytes, bytes]]:
    """The pairs of a family; of `revisions` one an event, however they are packed."""
    if family == "revisions":
        return [(event[:REVISION_KEY_BYTES], event[REVISION_KEY_BYTES:]) for event in events(store, b"")]
    return list(store.items(family, b""))


def drain(watch: KeyWatch) -> tuple[list[Event], WatchEvents | None]:
    """All events that the watch can give now; and its last message when that told of compaction."""
    events: list[Event] = []
    while True:
        if watch.ready:
            message = run_once(watch)
            if message.compact_revision:
                return events, message
            events += message.events
        elif watch.synced:
            return events, None
        else:
            watch.hub.catch_up()


def run_once(watch: KeyWatch) -> WatchEvents:
    """One `next` that has something to give and therefore does not wait."""
    try:
        watch.next().send(None)
    except StopIteration as stopped:
        message: WatchEvents = stopped.value
        return message
    raise AssertionError("a ready watch waited")


class Member:
    """A machine with the log that it applied."""

    def __init__(self, store: StateStore, limits: MachineLimits | None = None, **options: Any) -> None:
        self.store = store
        self.limits = limits or MachineLimits()
        self.options = options
        self.log: list[Entry] = []
        self.machine = KeyValueMachine.open(store, self.limits, **options)

    def do(self, *requests: Any, at_ms: int = 0) -> list[Any]:
        """Apply one entry with these requests or commands; returns their results."""
        commands = [request if isinstance(request, Command) else command(request) for request in requests]
        return self.apply([entry(self.machine.applied_index + 1, commands, at_ms)])[0]

    def one(self, request: Any, at_ms: int = 0) -> Any:
        return self.do(request, at_ms=at_ms)[0]

    def apply(self, entries: Sequence[Entry]) -> list[list[Any]]:
        results = self.machine.apply(entries)
        self.log.extend(entries)
        return results

    def restart(self, store: StateStore, apply_each: int = 1) -> None:
        """Open again on what the disk has, and apply the rest of the log."""
        self.store = store
        self.machine = KeyValueMachine.open(store, self.limits, **self.options)
        rest = self.log[self.machine.applied_index :]
        for start in range(0, len(rest), apply_each):
            self.machine.apply(rest[start : start + apply_each])

    def purge(self) -> None:
        while self.machine.background_step():
            continue

    def canonical(self) -> dict[str, list[tuple[bytes, bytes]]]:
        return canonical(self.store, self.machine.compacted_revision)


def results_of(batches: Iterable[Iterable[Result]]) -> list[Any]:
    return [nameless(result) for batch in batches for result in batch]
