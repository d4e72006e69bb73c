"""A small, honest key-value state for the in-test members: revisions, sessions that execute once, leases, history."""

from __future__ import annotations

import msgspec

from quorate.wire.commands import (
    CommandKind,
    Compact,
    Compare,
    CompareResult,
    CompareTarget,
    DeleteRange,
    LeaseGrant,
    LeaseKeepAlive,
    LeaseRevoke,
    Operation,
    Put,
    Range,
    SessionClose,
    SessionCreate,
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
    Result,
    SessionResult,
    TxnResult,
)

SHAPES: dict[int, type[msgspec.Struct]] = {
    CommandKind.PUT: Put,
    CommandKind.DELETE_RANGE: DeleteRange,
    CommandKind.TXN: Txn,
    CommandKind.COMPACT: Compact,
    CommandKind.LEASE_GRANT: LeaseGrant,
    CommandKind.LEASE_REVOKE: LeaseRevoke,
    CommandKind.LEASE_KEEPALIVE: LeaseKeepAlive,
    CommandKind.SESSION_CREATE: SessionCreate,
    CommandKind.SESSION_CLOSE: SessionClose,
    CommandKind.RANGE: Range,
}


class FakeState:
    """What the members of a test share. `executed` lists every command that took effect, in order."""

    def __init__(self) -> None:
        self.revision = 1
        self.compacted = 0
        self.keys: dict[bytes, KeyValue] = {}
        self.history: list[Event] = []
        self.sessions: dict[int, dict[int, Result]] = {}
        self.acked: dict[int, int] = {}
        self.leases: dict[int, int] = {}
        self.next_id = 100
        self.executed: list[msgspec.Struct] = []
        self.applied: list[tuple[int, int, int, int, bytes]] = []

    def submit(self, kind: int, session: int, seq: int, acked_below: int, payload: bytes) -> Result:
        """Carry out one request, once for each (session, seq)."""
        command = msgspec.msgpack.decode(payload, type=SHAPES[kind])
        if not session:
            return self._execute(command)
        if session not in self.sessions:
            return Failure("SessionExpired", f"session {session} is not known; make a new one")
        replies = self.sessions[session]
        if seq < self.acked.get(session, 0):
            return Failure("SessionSequenceForgotten", f"seq {seq} is forgotten")
        self.acked[session] = max(self.acked.get(session, 0), acked_below)
        for old in [each for each in replies if each < acked_below]:
            del replies[old]
        if seq not in replies:
            replies[seq] = self._execute(command)
        return replies[seq]

    def _execute(self, command: msgspec.Struct) -> Result:
        if not isinstance(command, Range | SessionCreate | SessionClose):
            self.executed.append(command)
        if isinstance(command, Put | DeleteRange | Txn):
            before = self.revision
            self.revision += 1
            written = len(self.history)
            result = self._operate(command)
            if len(self.history) == written:
                self.revision = before
            return msgspec.structs.replace(result, revision=self.revision)  # type: ignore[arg-type]
        return self._other(command)

    def _other(self, command: msgspec.Struct) -> Result:
        match command:
            case Range():
                return self.read(command)
            case Compact(revision):
                if revision <= self.compacted:
                    return Failure("Compacted", f"revision {revision} is compacted already")
                self.compacted = revision
                self.history = [event for event in self.history if event.kv.mod_revision > revision]
                return CompactResult(self.revision)
            case LeaseGrant(ttl_ms, lease):
                if lease in self.leases:
                    return Failure("LeaseExists", f"lease {lease} exists")
                lease = lease or self._new_id()
                self.leases[lease] = ttl_ms
                return LeaseResult(self.revision, lease, ttl_ms, ttl_ms)
            case LeaseRevoke(lease):
                if not self.expire(lease):
                    return Failure("LeaseNotFound", f"lease {lease} is not there")
                return DoneResult(self.revision)
            case LeaseKeepAlive(leases):
                return LeaseListResult(self.revision, tuple((lease, self.leases.get(lease, -1)) for lease in leases))
            case SessionCreate():
                session = self._new_id()
                self.sessions[session] = {}
                return SessionResult(session)
            case SessionClose(session):
                self.sessions.pop(session, None)
                return DoneResult(self.revision)
        raise AssertionError(command)

    def expire(self, lease: int) -> bool:
        """End a lease and delete its keys at one revision."""
        if self.leases.pop(lease, None) is None:
            return False
        keys = sorted(kv.key for kv in self.keys.values() if kv.lease == lease)
        if keys:
            self.revision += 1
        for key in keys:
            self._remove(key)
        return True

    def _new_id(self) -> int:
        self.next_id += 1
        return self.next_id

    def _remove(self, key: bytes) -> KeyValue:
        gone = self.keys.pop(key)
        self.history.append(Event(1, KeyValue(key, b"", 0, self.revision, 0, 0), gone))
        return gone

    def _operate(self, command: Put | DeleteRange | Txn) -> Result:
        if isinstance(command, Put):
            before = self.keys.get(command.key)
            if command.lease and command.lease not in self.leases:
                return Failure("LeaseNotFound", f"lease {command.lease} is not there")
            created = before.create_revision if before else self.revision
            after = KeyValue(command.key, command.value, created, self.revision, before.version + 1 if before else 1, command.lease)
            self.keys[command.key] = after
            self.history.append(Event(0, after, before))
            return PutResult(self.revision, before if command.previous else None)
        if isinstance(command, DeleteRange):
            gone = tuple(self._remove(kv.key) for kv in self._within(command.key, command.range_end))
            return DeleteRangeResult(self.revision, len(gone), gone if command.previous else ())
        held = all(self._holds(compare) for compare in command.compare)
        return TxnResult(self.revision, held, tuple(self._one(each) for each in (command.success if held else command.failure)))

    def _one(self, operation: Operation) -> Result:
        if operation.range is not None:
            return self.read(operation.range)
        command = operation.put or operation.delete_range or operation.txn
        assert command is not None
        return self._operate(command)

    def _holds(self, compare: Compare) -> bool:
        kvs = (
            self._within(compare.key, compare.range_end)
            if compare.range_end
            else [self.keys.get(compare.key, KeyValue(compare.key, b"", 0, 0, 0, 0))]
        )
        return all(self._compare(compare, kv) for kv in kvs)

    def _compare(self, compare: Compare, kv: KeyValue) -> bool:
        if compare.target is CompareTarget.VALUE:
            if kv.create_revision == 0:
                return False
            have: object = kv.value
            want: object = compare.value
        else:
            fields = {
                CompareTarget.VERSION: kv.version,
                CompareTarget.CREATE: kv.create_revision,
                CompareTarget.MODIFY: kv.mod_revision,
                CompareTarget.LEASE: kv.lease,
            }
            have, want = fields[compare.target], compare.number
        match compare.result:
            case CompareResult.EQUAL:
                return have == want
            case CompareResult.NOT_EQUAL:
                return have != want
            case CompareResult.GREATER:
                return have > want  # type: ignore[operator,no-any-return]
        return have < want  # type: ignore[operator,no-any-return]

    def _within(self, key: bytes, range_end: bytes) -> list[KeyValue]:
        if not range_end:
            return [self.keys[key]] if key in self.keys else []
        return [self.keys[each] for each in sorted(self.keys) if each >= key and (range_end == b"\x00" or each < range_end)]

    def read(self, request: Range) -> RangeResult:
        kvs = self._within(request.key, request.range_end)
        count = len(kvs)
        if request.max_create_revision:
            kvs = [kv for kv in kvs if kv.create_revision <= request.max_create_revision]
        order = {
            SortTarget.KEY: "key",
            SortTarget.CREATE: "create_revision",
            SortTarget.MODIFY: "mod_revision",
            SortTarget.VERSION: "version",
        }
        if request.sort_order is not SortOrder.NONE:
            name = order[request.sort_target]
            kvs = sorted(kvs, key=lambda kv: getattr(kv, name), reverse=request.sort_order is SortOrder.DESCEND)
        more = 0 < request.limit < len(kvs)
        kvs = kvs[: request.limit] if request.limit else kvs
        if request.count_only:
            kvs, more = [], False
        if request.keys_only:
            kvs = [msgspec.structs.replace(kv, value=b"") for kv in kvs]
        return RangeResult(self.revision, kvs, count, more)

    def since(self, revision: int, key: bytes, range_end: bytes) -> list[Event]:
        """The events of a range from a revision on."""

        def inside(name: bytes) -> bool:
            return name == key if not range_end else name >= key and (range_end == b"\x00" or name < range_end)

        return [event for event in self.history if event.kv.mod_revision >= revision and inside(event.kv.key)]
