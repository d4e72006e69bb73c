"""Damage to true histories, each kind so that what comes out cannot be true: what a checker that finds nothing in it has missed."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from typing import Any

import msgspec

from quorate.wire.commands import LeaseGrant, Put
from quorate.wire.results import DeleteRangeResult, Event, LeaseResult, RangeResult
from quorate_node.simulator.checkers.outcomes import wrote
from quorate_node.simulator.history import Change, Delivery, History, Operation, Outcome
from tests.unit.simulator.checkers.records import ns

replace = msgspec.structs.replace
Damage = Callable[[random.Random, History], History | None]
"""None: this history has nothing to damage in this way."""


def _pick(generator: random.Random, several: list[Any]) -> Any:
    return generator.choice(several) if several else None


def _with(history: History, operation: Operation, **changed: Any) -> History:
    operations = [replace(each, **changed) if each is operation else each for each in history.operations]
    return replace(history, operations=operations)


def _acknowledged(history: History) -> list[Operation]:
    return [each for each in history.operations if wrote(each)]


def _events(history: History) -> list[tuple[int, int, int, int]]:
    """Where each event is: watch, stretch, delivery, place; without the last message of a watch, which might as well not have come yet."""
    return [
        (w, s, d, e)
        for w, record in enumerate(history.watches)
        for s, stretch in enumerate(record.stretches)
        for d, delivery in enumerate(stretch.deliveries)
        if d + 1 < len(stretch.deliveries)
        for e in range(len(delivery.events))
    ]


def _with_events(history: History, place: tuple[int, int, int, int], edit: Callable[[list[Event]], list[Event]]) -> History:
    w, s, d, _ = place
    record = history.watches[w]
    stretch = record.stretches[s]
    delivery = stretch.deliveries[d]
    events = tuple(edit(list(delivery.events)))
    edited = [replace(delivery, events=events)] if events else []
    deliveries = (*stretch.deliveries[:d], *edited, *stretch.deliveries[d + 1 :])
    stretches = (*record.stretches[:s], replace(stretch, deliveries=deliveries), *record.stretches[s + 1 :])
    return replace(history, watches=[*history.watches[:w], replace(record, stretches=stretches), *history.watches[w + 1 :]])


def _event(history: History, place: tuple[int, int, int, int]) -> Event:
    w, s, d, e = place
    return history.watches[w].stretches[s].deliveries[d].events[e]


def _edit_event(generator: random.Random, history: History, edit: Callable[[Event], Event | None]) -> History | None:
    places = [place for place in _events(history) if edit(_event(history, place)) is not None]
    place = _pick(generator, places)
    if place is None:
        return None
    after = edit(_event(history, place))
    return _with_events(history, place, lambda events: [*events[: place[3]], *([after] if after else []), *events[place[3] + 1 :]])


def event_dropped(generator: random.Random, history: History) -> History | None:
    place = _pick(generator, _events(history))
    return place and _with_events(history, place, lambda events: events[: place[3]] + events[place[3] + 1 :])


def event_doubled(generator: random.Random, history: History) -> History | None:
    place = _pick(generator, _events(history))
    return place and _with_events(history, place, lambda events: [*events, events[place[3]]])


def events_swapped(generator: random.Random, history: History) -> History | None:
    def later(place: tuple[int, int, int, int]) -> bool:
        w, s, d, e = place
        events = history.watches[w].stretches[s].deliveries[d].events
        return e + 1 < len(events) and events[e].kv.mod_revision < events[e + 1].kv.mod_revision

    place = _pick(generator, [place for place in _events(history) if later(place)])
    if place is None:
        return None
    at = place[3]
    return _with_events(history, place, lambda events: [*events[:at], events[at + 1], events[at], *events[at + 2 :]])


def event_with_another_value(generator: random.Random, history: History) -> History | None:
    return _edit_event(generator, history, lambda event: replace(event, kv=replace(event.kv, value=b"zz")) if event.kv.version else None)


def event_with_another_version(generator: random.Random, history: History) -> History | None:
    def edit(event: Event) -> Event | None:
        return replace(event, kv=replace(event.kv, version=event.kv.version + 1)) if event.kv.version else None

    return _edit_event(generator, history, edit)


def event_with_another_previous(generator: random.Random, history: History) -> History | None:
    def edit(event: Event) -> Event | None:
        return replace(event, previous=replace(event.previous, value=b"zz")) if event.previous is not None else None

    return _edit_event(generator, history, edit)


def progress_too_far(generator: random.Random, history: History) -> History | None:
    """A notification in place of an event: it says that nothing up to there is to come."""
    place = _pick(generator, _events(history))
    if place is None:
        return None
    w, s, d, _ = place
    delivery = history.watches[w].stretches[s].deliveries[d]
    early = Delivery(delivery.at_ns - 1, delivery.revision)
    record = history.watches[w]
    stretch = record.stretches[s]
    deliveries = (*stretch.deliveries[:d], early, *stretch.deliveries[d:])
    stretches = (*record.stretches[:s], replace(stretch, deliveries=deliveries), *record.stretches[s + 1 :])
    return replace(history, watches=[*history.watches[:w], replace(record, stretches=stretches), *history.watches[w + 1 :]])


def _reads(history: History) -> list[Operation]:
    return [each for each in history.operations if isinstance(each.result, RangeResult)]


def read_with_another_value(generator: random.Random, history: History) -> History | None:
    read = _pick(generator, [each for each in _reads(history) if each.result.kvs])  # type: ignore[union-attr]
    if read is None:
        return None
    kvs = list(read.result.kvs)
    at = generator.randrange(len(kvs))
    kvs[at] = replace(kvs[at], value=b"zz")
    return _with(history, read, result=replace(read.result, kvs=kvs))


def read_that_misses_a_key(generator: random.Random, history: History) -> History | None:
    read = _pick(generator, [each for each in _reads(history) if each.result.kvs])  # type: ignore[union-attr]
    return read and _with(history, read, result=replace(read.result, kvs=read.result.kvs[1:], count=read.result.count - 1))


def read_at_another_revision(generator: random.Random, history: History) -> History | None:
    """It shows an older value than the store had at the revision that it names."""
    changed = {(one.revision, one.key) for one in history.changes}
    reads = [each for each in _reads(history) if (each.revision + 1, getattr(each.request, "key", b"")) in changed]
    read = _pick(generator, reads)
    return read and _with(history, read, revision=read.revision + 1, result=replace(read.result, revision=read.revision + 1))


def write_with_another_revision(generator: random.Random, history: History) -> History | None:
    writes = [each for each in _acknowledged(history) if isinstance(each.request, Put)]
    write = _pick(generator, writes)
    return write and _with(history, write, revision=write.revision + 1, result=replace(write.result, revision=write.revision + 1))


def write_refused(generator: random.Random, history: History) -> History | None:
    """The store has it all the same."""
    write = _pick(generator, [each for each in _acknowledged(history) if isinstance(each.request, Put)])
    return write and _with(history, write, outcome=Outcome.FAILED, result=None, revision=0, error="NotLeader")


def write_that_comes_too_late(generator: random.Random, history: History) -> History | None:
    """It begins when all is over; somebody had seen a later revision."""
    ends = [each for each in history.operations if each.outcome is Outcome.OK]
    highest = max(each.revision for each in ends)
    write = _pick(generator, [each for each in _acknowledged(history) if each.revision < highest])
    over_ns = max(each.completed_ns for each in ends)
    return write and _with(history, write, invoked_ns=over_ns + ns(1), completed_ns=over_ns + ns(2))


def write_with_another_count(generator: random.Random, history: History) -> History | None:
    deletes = [each for each in history.operations if isinstance(each.result, DeleteRangeResult)]
    delete = _pick(generator, deletes)
    return delete and _with(history, delete, result=replace(delete.result, deleted=delete.result.deleted + 1))


def _edit_changes(history: History, edit: Callable[[list[Change]], Iterator[Change]]) -> History:
    return replace(history, changes=list(edit(list(history.changes))))


def change_lost(generator: random.Random, history: History) -> History | None:
    """An acknowledged write is not in the store, and the store's later revisions are one less."""
    write = _pick(generator, _acknowledged(history))
    if write is None:
        return None

    def edit(changes: list[Change]) -> Iterator[Change]:
        for one in changes:
            if one.revision != write.revision:
                yield replace(one, revision=one.revision - (one.revision > write.revision), create_revision=0, version=0)

    return _edit_changes(history, edit)


def change_doubled(generator: random.Random, history: History) -> History | None:
    one = _pick(generator, [each for each in history.changes if each.value is not None])
    again = one and replace(one, revision=history.changes[-1].revision + 1, create_revision=0, version=0)
    return one and replace(history, changes=[*history.changes, again])


def change_with_another_value(generator: random.Random, history: History) -> History | None:
    one = _pick(generator, [each for each in history.changes if each.value is not None])
    return one and _edit_changes(history, lambda changes: (replace(each, value=b"zz") if each is one else each for each in changes))


def lease_that_ends_early(generator: random.Random, history: History) -> History | None:
    """The grant was for an hour; somebody saw a key of it go."""
    gone = {before.lease for one in history.changes if one.value is None and (before := _before(history, one)) and before.lease}
    seen = max(each.revision for each in history.operations)
    ended = {
        before.lease
        for one in history.changes
        if one.value is None and one.revision <= seen and (before := _before(history, one)) and before.lease
        and all(each.revision != one.revision for each in history.operations if wrote(each))
    } & gone  # fmt: skip
    unknown = any(each.outcome is Outcome.UNKNOWN and not isinstance(each.request, Put) for each in history.operations)
    grants = [each for each in history.operations if isinstance(each.result, LeaseResult) and isinstance(each.request, LeaseGrant)]
    grant = _pick(generator, [each for each in grants if each.result.lease in ended])  # type: ignore[union-attr]
    if grant is None or unknown:
        return None
    return _with(history, grant, result=replace(grant.result, ttl_ms=3_600_000, granted_ttl_ms=3_600_000))


def _before(history: History, one: Change) -> Change | None:
    earlier = [each for each in history.changes if each.key == one.key and each.revision < one.revision]
    return earlier[-1] if earlier else None


KINDS: tuple[Damage, ...] = (
    event_dropped, event_doubled, events_swapped, event_with_another_value, event_with_another_version, event_with_another_previous,
    progress_too_far, read_with_another_value, read_that_misses_a_key, read_at_another_revision, write_with_another_revision,
    write_refused, write_that_comes_too_late, write_with_another_count, change_lost, change_doubled, change_with_another_value,
    lease_that_ends_early,
)  # fmt: skip
