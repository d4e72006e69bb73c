"""The next state in the making: one apply call's writes, and what reads inside it must see of them.

Nothing here touches `Committed` until the store has taken the batch, so a refused write (`Backpressure`) leaves the machine as it
was and the same entries can be applied again.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterator, Sequence
from struct import Struct
from typing import NamedTuple

from quorate_node.machine.application_port import Pending
from quorate_node.machine.committed import Committed, Lease, Session, encode_member
from quorate_node.machine.events import Noted, decode_event, encode_head
from quorate_node.machine.group.events import GroupEvent
from quorate_node.machine.group.state import GROUP_KEY, ReplicatedGroup
from quorate_node.machine.records import (
    DELETE,
    PAIR,
    PUT,
    SESSION,
    U64,
    escape,
    is_indexed,
    lease_of,
    mod_revision,
)
from quorate_node.machine.rules import RULES
from quorate_node.protocol.membership import MemberRecord

Change = tuple[int, bytes, bytes | None, bytes | None]
"""(revision, key, record or None when deleted, the record before or None)."""

_EFFECT = Struct(">BII")
_FAMILY_TAG = {name: number for number, name in enumerate(("leases", "sessions", "replies", "members", "meta"), start=1)}
_DELETED = 0xFFFFFFFF


class Submission(NamedTuple):
    """A command for the application's machine, given to it once the state is written."""

    pending: Pending
    entry_index: int
    position: int
    log_time_ms: int
    payload: bytes


class Registration(NamedTuple):
    entry_index: int
    name: str
    version: int


class Stage:
    """Overlay dictionaries hold what this call wrote or read; None means that it is not there."""

    def __init__(self, committed: Committed, *, is_watched: bool = True) -> None:
        """`is_watched`: somebody wants `changes`; without that none are noted."""
        self.committed = committed
        self.batch = committed.store.batch()
        state = committed.state
        self.revision = state.revision
        self.compacted_revision = state.compacted_revision
        self.log_time_ms = state.log_time_ms
        self.cluster_version = state.cluster_version
        self.key_count = state.key_count
        self.application = state.application
        self.rules = RULES[state.cluster_version]
        self.index = state.applied_index
        self.position = 0
        self.sub = 0
        self.current: dict[bytes, bytes | None] = {}
        self.is_watched = is_watched
        self.changes: list[Change] = []
        self.effects: list[bytes] = []
        self.events: list[bytes] = []
        """In order, each as two parts: its head and the record that it superseded; packed when the call ends."""
        self._changes_noted: dict[tuple[int, bytes], Noted] = {}
        self._noted = 0
        """Parts of `events` that are in there."""
        self.lease_count = len(committed.leases)
        self.session_count = len(committed.sessions)
        self.leases: dict[int, Lease | None] = {}
        self.lease_keys: dict[int, dict[bytes, bool]] = {}
        self.sessions: dict[int, Session | None] = {}
        self.replies: dict[tuple[int, int], bytes | None] = {}
        self.members: dict[int, MemberRecord | None] = {}
        self.pending: dict[tuple[int, int], Pending] = {}
        self.for_application: list[Submission | Registration] = []
        self.group = committed.group
        self.group_events: list[GroupEvent] = []
        """Told to the member's private half of the key group, once the state is written."""
        self._sorted_keys: list[bytes] | None = None

    # Keys.

    def prefetch(self, keys: Sequence[bytes]) -> None:
        """One look into the store for all keys that this call names."""
        assert not self.current, "prefetched records would hide written ones"
        self.current = self.committed.cache.find(keys)

    def record(self, key: bytes) -> bytes | None:
        try:
            return self.current[key]
        except KeyError:
            record = self.committed.cache.get(key)
            self._remember(key, record)
            return record

    def _remember(self, key: bytes, record: bytes | None) -> None:
        if self._sorted_keys is not None and key not in self.current:
            insort(self._sorted_keys, key)
        self.current[key] = record

    @property
    def has_sorted_keys(self) -> bool:
        """Once a range was read, new keys must come through `write_key`, which keeps the order."""
        return self._sorted_keys is not None

    def overlay(self, start: bytes, end: bytes | None) -> Iterator[tuple[bytes, bytes | None]]:
        """What this call knows of the keys of a range, in order; it takes precedence over the store."""
        if self._sorted_keys is None:
            self._sorted_keys = sorted(self.current)
        keys = self._sorted_keys
        low = bisect_left(keys, start)
        high = len(keys) if end is None else bisect_left(keys, end)
        current = self.current
        return ((key, current[key]) for key in keys[low:high])

    def event(self, key: bytes, revision: int) -> Noted:
        """A change of this call. For commands that read an older revision which they, or others of the call, have made: rare."""
        for head, superseded in zip(self.events[self._noted :: 2], self.events[self._noted + 1 :: 2], strict=True):
            noted = decode_event(head + superseded)
            self._changes_noted[noted.revision, noted.key] = noted
        self._noted = len(self.events)
        return self._changes_noted[revision, key]

    def write_key(self, key: bytes, record: bytes | None, revision: int) -> None:
        """The one way a key changes: current value, superseded version, event, lease, count and digest together."""
        old = self.record(key)
        assert record is not None or old is not None, "only a key that is there is deleted"
        writes = self.batch.writes
        previous_mod = 0
        if old is not None:
            previous_mod = mod_revision(old)
            assert previous_mod < revision, "a key changes at most once a revision"
            if is_indexed(old, deleted=record is None):
                writes["history"][escape(key) + U64.pack(previous_mod)] = U64.pack(revision)
            if lease := lease_of(old):
                self.detach(lease, key)
        else:
            self.key_count += 1
        if record is None:
            self.key_count -= 1
            head = encode_head(revision, self.sub, previous_mod, DELETE, key, 0, old or b"")
            self.effects.append(head)
        else:
            head = encode_head(revision, self.sub, previous_mod, PUT, key, len(record), old or b"")
            self.effects += (head, record)
            if lease := lease_of(record):
                self.attach(lease, key)
        writes["current"][key] = record
        self.events += (head, old or b"")
        self._remember(key, record)
        if self.is_watched:
            self.changes.append((revision, key, record, old))
        self.sub += 1

    # Leases. Which keys a lease holds follows from the records, so it is no effect of its own.

    def attach(self, lease: int, key: bytes) -> None:
        self.batch.put(U64.pack(lease) + key, b"", "lease_keys")
        self.lease_keys.setdefault(lease, {})[key] = True

    def detach(self, lease: int, key: bytes) -> None:
        self.batch.delete(U64.pack(lease) + key, "lease_keys")
        self.lease_keys.setdefault(lease, {})[key] = False

    def keys_of_lease(self, lease: int) -> list[bytes]:
        prefix = U64.pack(lease)
        end = U64.pack(lease + 1)
        keys = {raw[8:]: True for raw in self.committed.store.keys("lease_keys", prefix, end)}
        keys.update(self.lease_keys.get(lease, {}))
        return sorted(key for key, attached in keys.items() if attached)

    def lease(self, lease: int) -> Lease | None:
        if lease in self.leases:
            return self.leases[lease]
        return self.committed.leases.get(lease)

    def write_lease(self, number: int, lease: Lease | None) -> None:
        self.lease_count += (lease is not None) - (self.lease(number) is not None)
        self.leases[number] = lease
        self.write("leases", U64.pack(number), None if lease is None else PAIR.pack(*lease))

    # Sessions. A session's record is written once a call (`finish`): its digest effect comes with each command.

    def session(self, number: int) -> Session | None:
        if number in self.sessions:
            return self.sessions[number]
        return self.committed.sessions.get(number)

    def set_session(self, number: int, session: Session | None) -> None:
        self.session_count += (session is not None) - (self.session(number) is not None)
        self.sessions[number] = session
        self.effect("sessions", U64.pack(number), None if session is None else SESSION.pack(*session))

    def reply(self, session: int, seq: int) -> bytes | None:
        if (session, seq) in self.replies:
            return self.replies[session, seq]
        found: bytes | None = self.committed.get_reply(PAIR.pack(session, seq))
        return found

    def write_reply(self, session: int, seq: int, reply: bytes) -> None:
        self.replies[session, seq] = reply
        self.write("replies", PAIR.pack(session, seq), reply)

    def forget_reply(self, session: int, seq: int) -> None:
        """No effect of its own: what is forgotten follows from the session's `acked_below`, or from its end."""
        self.replies[session, seq] = None
        self.batch.delete(PAIR.pack(session, seq), "replies")

    # Members and everything else.

    def member(self, member_id: int) -> MemberRecord | None:
        if member_id in self.members:
            return self.members[member_id]
        return self.committed.members.get(member_id)

    def write_member(self, member_id: int, member: MemberRecord | None) -> None:
        self.members[member_id] = member
        self.write("members", U64.pack(member_id), None if member is None else encode_member(member))

    def member_ids(self) -> frozenset[int]:
        """Of all that the configuration has, whatever their part in it."""
        changed = self.members
        known = {member_id for member_id in self.committed.members if member_id not in changed}
        return frozenset(known.union(member_id for member_id, member in changed.items() if member is not None))

    def write_group(self, group: ReplicatedGroup, record: bytes) -> None:
        """`record`: `group` encoded."""
        self.group = group
        self.write("meta", GROUP_KEY, record)

    def write(self, family: str, key: bytes, value: bytes | None) -> None:
        """A write outside the keys: into the batch and into the digest."""
        self.batch.writes[family][key] = value
        self.effect(family, key, value)

    def effect(self, family: str, key: bytes, value: bytes | None) -> None:
        """Canonical bytes of a change: family, lengths, key, value; they tell any two changes apart."""
        length = _DELETED if value is None else len(value)
        self.effects += (_EFFECT.pack(_FAMILY_TAG[family], len(key), length), key, value or b"")

    def finish_sessions(self) -> None:
        written = self.batch.writes["sessions"]
        for number, session in self.sessions.items():
            written[U64.pack(number)] = None if session is None else SESSION.pack(*session)

    def submit(self) -> None:
        """After the write: give the application, in log order, what this call holds for it. Raises `ApplicationFailed`."""
        port = self.committed.application
        for item in self.for_application:
            if isinstance(item, Registration):
                port.register(*item)
                continue
            result = port.submit(item.entry_index, item.position, item.log_time_ms, item.payload)
            if isinstance(result, Pending):
                result.set_callback(item.pending.resolve)
            else:
                item.pending.resolve(result)
