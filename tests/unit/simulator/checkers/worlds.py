"""True histories from a seed: one copy of the data, each operation at one moment between its beginning and its end; leases, watches."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import msgspec

from quorate.wire.commands import DeleteRange, LeaseGrant, LeaseKeepAlive, Put, Range
from quorate.wire.results import (
    DeleteRangeResult,
    Event,
    EventType,
    KeyValue,
    LeaseListResult,
    LeaseResult,
    PutResult,
    RangeResult,
    TxnResult,
)
from quorate_node.simulator.history import (
    NEVER_NS,
    Change,
    Consistency,
    Delivery,
    History,
    LeaseLookup,
    Operation,
    Outcome,
    WatchRecord,
    WatchStretch,
)
from tests.unit.simulator.checkers.records import both, ns, swap_request

KEYS = (b"a/1", b"a/2", b"b/1")
MEMBERS = ("n1", "n2", "n3")
LEASE_TTL_MS = 2_000


@dataclass
class Made:
    """A revision: when it was made, what it changed (with what was there before), and the whole store after it."""

    at_s: float
    revision: int
    changes: list[tuple[bytes, KeyValue | None, KeyValue | None]]
    state: dict[bytes, KeyValue]


@dataclass
class Store:
    made: list[Made] = field(default_factory=lambda: [Made(0.0, 1, [], {})])
    deadlines_s: dict[int, float] = field(default_factory=dict)

    @property
    def revision(self) -> int:
        return self.made[-1].revision

    @property
    def state(self) -> dict[bytes, KeyValue]:
        return self.made[-1].state

    def write(self, at_s: float, *, puts: dict[bytes, tuple[bytes, int]] | None = None, deletes: list[bytes] | None = None) -> int:
        state, revision, changes = dict(self.state), self.revision + 1, []
        for key in sorted(deletes or ()):
            changes.append((key, None, state.pop(key)))
        for key, (value, lease) in (puts or {}).items():
            old = state.get(key)
            create, version = (revision, 1) if old is None else (old.create_revision, old.version + 1)
            state[key] = KeyValue(key, value, create, revision, version, lease)
            changes.append((key, state[key], old))
        self.made.append(Made(at_s, revision, changes, state))
        return revision

    def expire(self, now_s: float) -> None:
        for lease, deadline_s in sorted(self.deadlines_s.items(), key=lambda each: (each[1], each[0])):
            if deadline_s < now_s:
                del self.deadlines_s[lease]
                keys = [kv.key for kv in self.state.values() if kv.lease == lease]
                if keys:
                    self.write(deadline_s, deletes=keys)

    def at(self, at_s: float) -> Made:
        return next(made for made in reversed(self.made) if made.at_s <= at_s)


class Asked:
    """One operation at the moment of its effect."""

    def __init__(self, generator: random.Random, store: Store, number: int, client: int, begin_s: float, effect_s: float) -> None:
        self.generator = generator
        self.store = store
        self.number = number
        self.client = client
        self.begin_s = begin_s
        self.at_s = effect_s
        self.key = generator.choice(KEYS)
        self.value = b"v%d" % number
        self.more: dict[str, Any] = {}

    def put(self) -> tuple[Any, Any, int]:
        alive = sorted(self.store.deadlines_s)
        lease = self.generator.choice(alive) if alive and self.generator.random() < 0.5 else 0
        revision = self.store.write(self.at_s, puts={self.key: (self.value, lease)})
        return Put(self.key, self.value, lease), PutResult(revision), revision

    def delete(self) -> tuple[Any, Any, int]:
        end = b"a0" if self.generator.random() < 0.3 else b""
        key = b"a/" if end else self.key
        there = [each for each in self.store.state if (key <= each < end if end else each == key)]
        revision = self.store.write(self.at_s, deletes=there) if there else self.store.revision
        return DeleteRange(key, end), DeleteRangeResult(revision, len(there)), revision

    def swap(self) -> tuple[Any, Any, int]:
        current = self.store.state.get(self.key)
        expected = self.generator.choice((None if current is None else current.value, b"other"))
        request = swap_request(expected, self.value, self.key)
        if expected == (None if current is None else current.value):
            revision = self.store.write(self.at_s, puts={self.key: (self.value, 0)})
            return request, TxnResult(revision, True, (PutResult(revision),)), revision
        revision = self.store.revision
        found = [] if current is None else [current]
        return request, TxnResult(revision, False, (RangeResult(revision, found, len(found)),)), revision

    def both(self) -> tuple[Any, Any, int]:
        revision = self.store.write(self.at_s, puts={KEYS[0]: (self.value + b"1", 0), KEYS[2]: (self.value + b"2", 0)})
        return both(self.value, 0, 1, 0, KEYS[0], KEYS[2]).request, TxnResult(revision, True, (PutResult(revision),) * 2), revision

    def read(self) -> tuple[Any, Any, int]:
        if self.generator.random() < 0.3:
            self.more["consistency"] = Consistency.LEASE
        return self._read(self.store.made[-1])

    def stale(self) -> tuple[Any, Any, int]:
        """No older than 3 s; never older than what this client has seen: it may ask the same member again."""
        made = self.store.at(max(0.0, self.begin_s - self.generator.uniform(0, 2.5), self.floors_s[self.client]))
        self.floors_s[self.client] = max(self.floors_s[self.client], made.at_s)
        self.more |= {"consistency": Consistency.STALE, "staleness_ms_max": self.generator.choice((0, 3_000))}
        return self._read(made)

    floors_s: dict[int, float]

    def _read(self, made: Made) -> tuple[Any, Any, int]:
        whole = self.generator.random() < 0.3
        found = [made.state[key] for key in sorted(made.state)] if whole else [made.state[self.key]] if self.key in made.state else []
        request = Range(b"\x00", b"\x00") if whole else Range(self.key)
        return request, RangeResult(made.revision, found, len(found)), made.revision

    def grant(self) -> tuple[Any, Any, int]:
        lease = 1_000 + self.number
        self.store.deadlines_s[lease] = self.at_s + LEASE_TTL_MS / 1000
        return LeaseGrant(LEASE_TTL_MS), LeaseResult(self.store.revision, lease, LEASE_TTL_MS, LEASE_TTL_MS), self.store.revision

    def keep_alive(self) -> tuple[Any, Any, int]:
        lease = self._some_lease()
        alive = lease in self.store.deadlines_s
        if alive:
            self.store.deadlines_s[lease] = self.at_s + LEASE_TTL_MS / 1000
        result = LeaseListResult(self.store.revision, ((lease, LEASE_TTL_MS if alive else -1),))
        return LeaseKeepAlive((lease,)), result, self.store.revision

    def look_up(self) -> tuple[Any, Any, int]:
        lease = self._some_lease()
        deadline_s = self.store.deadlines_s.get(lease)
        left_ms = -1 if deadline_s is None else int((deadline_s - self.at_s) * 1000)
        return LeaseLookup(lease), LeaseResult(self.store.revision, lease, left_ms), self.store.revision

    def _some_lease(self) -> int:
        return self.generator.choice([1_000 + number for number in range(max(1, self.number))])


Action = Callable[[Asked], tuple[Any, Any, int]]
ACTIONS: tuple[tuple[Action, int], ...] = (
    (Asked.put, 6), (Asked.delete, 2), (Asked.swap, 3), (Asked.both, 1), (Asked.read, 6),
    (Asked.stale, 3), (Asked.grant, 2), (Asked.keep_alive, 2), (Asked.look_up, 1),
)  # fmt: skip


def world(generator: random.Random, operations: int = 60, clients: int = 5, watches: int = 3) -> History:
    """`changes` is whole, one operation in ten is of unknown outcome; some of those never took effect."""
    free_s = [0.0] * clients
    planned = []
    for number in range(operations):
        client = generator.randrange(clients)
        begin_s = free_s[client] + generator.random()
        effect_s = begin_s + generator.random()
        free_s[client] = effect_s + generator.random() + 0.001
        planned.append((effect_s, begin_s, free_s[client] - 0.001, client, number))
    store = Store()
    found: list[Operation] = []
    floors_s = dict.fromkeys(range(clients), 0.0)
    for effect_s, begin_s, end_s, client, number in sorted(planned):
        store.expire(effect_s)
        asked = Asked(generator, store, number, client, begin_s, effect_s)
        asked.floors_s = floors_s
        unknown = generator.random() < 0.1
        if unknown and generator.random() < 0.5:
            request, result, revision = Put(asked.key, asked.value), None, 0
        else:
            action = generator.choices([each for each, _ in ACTIONS], [weight for _, weight in ACTIONS])[0]
            request, result, revision = action(asked)
        common: dict[str, Any] = {"number": number, "client": client, "member": MEMBERS[client % 3], "invoked_ns": ns(begin_s)} | asked.more
        if unknown:
            found.append(Operation(request=request, completed_ns=NEVER_NS, outcome=Outcome.UNKNOWN, **common))
        else:
            done = {"completed_ns": ns(end_s), "outcome": Outcome.OK, "result": result, "revision": revision}
            found.append(Operation(request=request, **done, **common))
    changes = [
        Change(made.revision, key, None if kv is None else kv.value, *((kv.lease, kv.create_revision, kv.version) if kv else ()))
        for made in store.made
        for key, kv, _ in made.changes
    ]
    records = [_watch(generator, store, number) for number in range(watches)]
    return History(sorted(found, key=lambda each: each.completed_ns), watches=records, changes=changes)


def _watch(generator: random.Random, store: Store, number: int) -> WatchRecord:
    key, range_end = generator.choice(((b"\x00", b"\x00"), (b"a/", b"a0"), (KEYS[0], b"")))
    record = WatchRecord(
        watch=number, client=100 + number, key=key, range_end=range_end, previous=generator.random() < 0.5,
        no_put=generator.random() < 0.1, no_delete=generator.random() < 0.2,
    )  # fmt: skip
    reached, stretches, at_s = 1, [], generator.random()
    while len(stretches) < 3:
        deliveries, start, until_s = [], reached + 1, at_s + generator.uniform(1.0, 10.0)
        opened_s = at_s
        while (at_s := at_s + generator.random() * 2) < until_s:
            due = [made for made in store.made if reached < made.revision and made.at_s < at_s]
            due = due[: generator.randrange(1, 5)]
            events = tuple(event for made in due for event in _events(record, made))
            if not due or (events and generator.random() < 0.1):
                continue
            last = max((event.kv.mod_revision for event in events), default=0)
            if events:
                deliveries.append(Delivery(ns(at_s), last, events))
                reached = last
            elif generator.random() < 0.5:
                reached = due[-1].revision
                deliveries.append(Delivery(ns(at_s), reached))
        stretches.append(
            WatchStretch(
                member=generator.choice(MEMBERS), opened_ns=ns(opened_s), start_revision=start, first_revision=start,
                closed_ns=ns(until_s), ended="lost", deliveries=tuple(deliveries),
            )
        )  # fmt: skip
    return msgspec.structs.replace(record, stretches=tuple(stretches))


def _events(record: WatchRecord, made: Made) -> list[Event]:
    found = []
    for key, kv, before in made.changes:
        wanted = record.key <= key and (record.range_end == b"\x00" or key < (record.range_end or record.key + b"\x00"))
        if wanted and not (record.no_delete if kv is None else record.no_put):
            previous = before if record.previous else None
            if kv is None:
                found.append(Event(EventType.DELETE, KeyValue(key, b"", 0, made.revision, 0), previous))
            else:
                found.append(Event(EventType.PUT, kv, previous))
    return found
