"""The machine's state as of the last successful write. A `Stage` builds the next one; only `KeyValueMachine.apply` swaps it in."""

from __future__ import annotations

from typing import NamedTuple

import msgspec

from quorate_node.crypto.merkle import Frontier
from quorate_node.machine.application_port import ApplicationPort, Pending
from quorate_node.machine.deadlines import Deadlines
from quorate_node.machine.group.state import GROUP_KEY, ReplicatedGroup, decode_group
from quorate_node.machine.metadata import MachineState, read_state
from quorate_node.machine.record_cache import RecordCache
from quorate_node.machine.records import PAIR, SESSION, U64
from quorate_node.machine.rules import THIS_RELEASE, Release
from quorate_node.protocol.membership import MemberRecord
from quorate_node.store.interface import StateStore


class Lease(NamedTuple):
    ttl_ms: int
    deadline_ms: int


class Session(NamedTuple):
    ttl_ms: int
    deadline_ms: int
    acked_below: int
    seq_max: int
    """Highest sequence number seen: one above it is certainly new, without a look into the store."""


decode_member = msgspec.msgpack.Decoder(MemberRecord).decode
encode_member = msgspec.msgpack.Encoder().encode


class Committed:
    """Leases, sessions and members are few and bounded (`rules`), so they are kept as objects; keys never are."""

    def __init__(
        self, store: StateStore, application: ApplicationPort, cache_bytes_max: int, release: Release = THIS_RELEASE
    ) -> None:
        self.application = application
        self.release = release
        self._cache_bytes_max = cache_bytes_max
        self.loads = 0
        """Counts stores taken up: a long read that finds another one must not touch the old one's handles, they may be closed."""
        self.pending: dict[tuple[int, int], Pending] = {}
        """(session, seq) -> the application's reply that is still to come or was not fetched; bounded by the sessions' windows."""
        self.load(store)

    def load(self, store: StateStore) -> None:
        """Read everything that is kept in memory from `store`, on open and when a snapshot has replaced the store."""
        self.store = store
        self.loads += 1
        self.cache = RecordCache(store.getter("current"), self._cache_bytes_max)
        self.get_reply = store.getter("replies")
        self.state: MachineState
        self.frontier: Frontier
        self.state, self.frontier = read_state(store, self.release)
        self.leases = {U64.unpack(key)[0]: Lease(*PAIR.unpack(value)) for key, value in store.items("leases", b"")}
        self.sessions = {U64.unpack(key)[0]: Session(*SESSION.unpack(value)) for key, value in store.items("sessions", b"")}
        self.members = {U64.unpack(key)[0]: decode_member(value) for key, value in store.items("members", b"")}
        group = store.getter("meta")(GROUP_KEY)
        self.group: ReplicatedGroup | None = None if group is None else decode_group(group)
        self.pending.clear()
        self.lease_deadlines = Deadlines((lease.deadline_ms, number) for number, lease in self.leases.items())
        self.session_deadlines = Deadlines((session.deadline_ms, number) for number, session in self.sessions.items())
