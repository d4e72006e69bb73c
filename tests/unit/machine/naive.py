"""The machine as one would write it on a blackboard: whole copies of everything at every revision, loops in place of indexes.

Written from etcd's documented behaviour and `quorate.wire`, sharing no code with the machine.
"""

from __future__ import annotations

from typing import Any

from quorate.wire.commands import (
    Command,
    Compact,
    Compare,
    CompareResult,
    CompareTarget,
    DeleteRange,
    LeaseExpire,
    LeaseGrant,
    LeaseKeepAlive,
    LeaseRevoke,
    Operation,
    Put,
    Range,
    SessionClose,
    SessionCreate,
    SessionExpire,
    SortOrder,
    SortTarget,
    Txn,
)
from quorate.wire.results import (
    CompactResult,
    DeleteRangeResult,
    DoneResult,
    Event,
    Failure,
    KeyValue,
    LeaseListResult,
    LeaseResult,
    PutResult,
    RangeResult,
    SessionResult,
    TxnResult,
)

Keys = dict[bytes, KeyValue]


class NaiveRefused(Exception):
    pass


def within(key: bytes, start: bytes, range_end: bytes) -> bool:
    if range_end == b"":
        return key == start
    return key >= start and (range_end == b"\x00" or key < range_end)


class Naive:
    def __init__(self) -> None:
        self.revision, self.compacted, self.now_ms = 1, 0, 0
        self.past: dict[int, Keys] = {1: {}}
        self.events: dict[int, list[Event]] = {}
        self.leases: dict[int, tuple[int, int]] = {}
        self.sessions: dict[int, dict[str, Any]] = {}

    @property
    def keys(self) -> Keys:
        return self.past[self.revision]

    # A transaction works on `draft`, which becomes the next revision when it changed anything.

    def begin(self) -> None:
        self.draft, self.changes = dict(self.keys), list[Event]()

    def now(self) -> int:
        return self.revision + bool(self.changes)

    def commit(self) -> None:
        if self.changes:
            self.revision += 1
            self.past[self.revision], self.events[self.revision] = self.draft, self.changes

    def put(self, request: Put) -> PutResult:
        old = self.draft.get(request.key)
        value = old.value if request.ignore_value and old else request.value
        lease = old.lease if request.ignore_lease and old else request.lease
        create, version = (old.create_revision, old.version + 1) if old else (self.revision + 1, 1)
        new = KeyValue(request.key, value, create, self.revision + 1, version, lease)
        self.draft[request.key] = new
        self.changes.append(Event(0, new, old))
        return PutResult(self.revision + 1, old if request.previous else None)

    def delete(self, key: bytes, range_end: bytes, previous: bool) -> DeleteRangeResult:
        gone = [self.draft.pop(name) for name in sorted(self.draft) if within(name, key, range_end)]
        self.changes += [Event(1, KeyValue(old.key, b"", 0, self.revision + 1, 0), old) for old in gone]
        return DeleteRangeResult(self.now(), len(gone), tuple(gone) if previous else ())

    def range(self, request: Range, draft: Keys, revision: int) -> RangeResult:
        keys = draft
        if request.revision > 0 and request.revision != revision:
            keys = self.past[request.revision]
        found = [keys[name] for name in sorted(keys) if within(name, request.key, request.range_end)]
        count, more = len(found), False
        if request.count_only:
            return RangeResult(revision, [], count)
        found = [
            one
            for one in found
            if (not request.min_mod_revision or one.mod_revision >= request.min_mod_revision)
            and (not request.max_mod_revision or one.mod_revision <= request.max_mod_revision)
            and (not request.min_create_revision or one.create_revision >= request.min_create_revision)
            and (not request.max_create_revision or one.create_revision <= request.max_create_revision)
        ]
        field = ("key", "version", "create_revision", "mod_revision", "value")[SortTarget(request.sort_target)]
        found.sort(key=lambda one: getattr(one, field), reverse=request.sort_order == SortOrder.DESCEND)
        if request.limit > 0 and len(found) > request.limit:
            found, more = found[: request.limit], True
        if request.keys_only:
            found = [KeyValue(one.key, b"", one.create_revision, one.mod_revision, one.version, one.lease) for one in found]
        return RangeResult(revision, found, count, more)

    def may_read(self, revision: int) -> None:
        if revision > self.revision:
            raise NaiveRefused("FutureRevision")
        if 0 < revision < self.compacted:
            raise NaiveRefused("Compacted")

    def may_put(self, request: Put) -> None:
        if (request.ignore_value or request.ignore_lease) and request.key not in self.keys:
            raise NaiveRefused("KeyNotFound")
        if request.lease and request.lease not in self.leases:
            raise NaiveRefused("LeaseNotFound")

    def holds(self, compare: Compare) -> bool:
        names = [name for name in self.keys if within(name, compare.key, compare.range_end)]
        found: list[KeyValue | None] = [self.keys[name] for name in names]
        if not compare.range_end:
            found = found or [None]
        for one in found:
            field = ("version", "create_revision", "mod_revision", "value", "lease")[CompareTarget(compare.target)]
            if one is None and field == "value":
                return False
            left = getattr(one, field) if one else 0
            right = compare.value if field == "value" else compare.number
            order = {CompareResult.EQUAL: left == right, CompareResult.NOT_EQUAL: left != right}
            order |= {CompareResult.GREATER: left > right, CompareResult.LESS: left < right}
            if not order[CompareResult(compare.result)]:
                return False
        return True

    def plan(self, txn: Txn) -> tuple[bool, list[Any]]:
        """Which branches are taken, decided before anything is written; and whether each step is allowed."""
        chosen = all(self.holds(compare) for compare in txn.compare)
        steps = [self.plan(one.txn) if one.txn else one for one in (txn.success if chosen else txn.failure)]
        return chosen, steps

    def allowed(self, steps: list[Any]) -> None:
        for step in steps:
            if isinstance(step, tuple):
                self.allowed(step[1])
            elif step.put:
                self.may_put(step.put)
            elif step.range:
                self.may_read(step.range.revision)

    def run(self, plan: tuple[bool, list[Any]]) -> TxnResult:
        results = tuple(self.run(step) if isinstance(step, tuple) else self.step(step) for step in plan[1])
        return TxnResult(self.now(), plan[0], results)

    def step(self, step: Operation) -> Any:
        if step.put:
            return self.put(step.put)
        if step.delete_range:
            return self.delete(step.delete_range.key, step.delete_range.range_end, step.delete_range.previous)
        assert step.range
        return self.range(step.range, self.draft, self.now())

    def end_lease(self, lease: int) -> None:
        self.begin()
        for name in sorted(name for name, one in self.keys.items() if one.lease == lease):
            self.delete(name, b"", False)
        self.commit()
        del self.leases[lease]

    def execute(self, request: Any, chosen_id: int) -> Any:
        self.begin()
        match request:
            case Put():
                self.may_put(request)
                result: Any = self.put(request)
            case DeleteRange():
                result = self.delete(request.key, request.range_end, request.previous)
            case Txn():
                plan = self.plan(request)
                self.allowed(plan[1])
                result = self.run(plan)
            case Compact():
                if request.revision <= self.compacted or request.revision > self.revision:
                    raise NaiveRefused("Compacted" if request.revision <= self.compacted else "FutureRevision")
                self.compacted = request.revision
                return CompactResult(self.revision)
            case _:
                return self.execute_other(request, chosen_id)
        self.commit()
        return result

    def execute_other(self, request: Any, chosen_id: int) -> Any:
        match request:
            case LeaseGrant():
                lease, ttl_ms = request.lease or chosen_id, max(1_000, request.ttl_ms)
                if lease in self.leases:
                    raise NaiveRefused("LeaseExists")
                self.leases[lease] = (ttl_ms, self.now_ms + ttl_ms)
                return LeaseResult(self.revision, lease, ttl_ms, ttl_ms)
            case LeaseRevoke():
                if request.lease not in self.leases:
                    raise NaiveRefused("LeaseNotFound")
                self.end_lease(request.lease)
                return LeaseResult(self.revision, request.lease, -1)
            case LeaseKeepAlive():
                for lease in set(request.leases) & set(self.leases):
                    self.leases[lease] = (self.leases[lease][0], self.now_ms + self.leases[lease][0])
                return LeaseListResult(self.revision, tuple((one, self.leases.get(one, (-1,))[0]) for one in request.leases))
            case LeaseExpire():
                answer = []
                for lease in request.leases:
                    if lease in self.leases and self.leases[lease][1] <= self.now_ms:
                        self.end_lease(lease)
                    answer.append((lease, self.leases[lease][1] - self.now_ms if lease in self.leases else -1))
                return LeaseListResult(self.revision, tuple(answer))
            case SessionCreate():
                self.sessions[chosen_id] = {"ttl": request.ttl_ms, "deadline": self.now_ms + request.ttl_ms, "acked": 1, "replies": {}}
                return SessionResult(chosen_id)
            case SessionClose():
                self.sessions.pop(request.session, None)
            case SessionExpire():
                for session in request.sessions:
                    if session in self.sessions and self.sessions[session]["deadline"] <= self.now_ms:
                        del self.sessions[session]
        return DoneResult(self.revision)

    def apply(self, index: int, log_time_ms: int, commands: list[tuple[Command, Any]]) -> list[Any]:
        self.now_ms = max(self.now_ms, log_time_ms)
        return [self.answer(command, request, (index << 16) + at + 1) for at, (command, request) in enumerate(commands)]

    def answer(self, command: Command, request: Any, chosen_id: int) -> Any:
        session = self.sessions.get(command.session)
        try:
            if command.session:
                if session is None:
                    raise NaiveRefused("SessionExpired")
                session["acked"] = max(session["acked"], command.acked_below)
                session["deadline"] = self.now_ms + session["ttl"]
                if command.seq < session["acked"]:
                    raise NaiveRefused("SessionSequenceForgotten")
                if command.seq in session["replies"]:
                    return session["replies"][command.seq]
        except NaiveRefused as refused:
            return Failure(str(refused), "", self.revision)
        try:
            result = self.execute(request, chosen_id)
        except NaiveRefused as refused:
            result = Failure(str(refused), "", self.revision)
        if session is not None:
            session["replies"][command.seq] = result
        return result
