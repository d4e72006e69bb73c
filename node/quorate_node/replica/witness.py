"""What a witness has in place of a machine: how far it is, who the members are, and nothing that a client could read.

A witness stores terms and hashes, so that it can vote and count for a quorum; it never serves, and it has no state to diverge.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from pathlib import Path

import msgspec

from quorate.wire.commands import Command, Range
from quorate.wire.results import KeyValue, LeaseListResult, LeaseResult, RangeResult, Result
from quorate_node.machine.application_port import Pending
from quorate_node.machine.interface import Refused, SnapshotSink, SnapshotSource, Watch, WatchRequest
from quorate_node.protocol.entry import CHAIN_START, Entry, chain_hash
from quorate_node.protocol.membership import Configuration, MemberRecord
from quorate_node.protocol.message import SnapshotMetadata
from quorate_node.store.interface import StateStore

STATE_KEY = b"witness"


class WitnessState(msgspec.Struct, array_like=True, frozen=True):
    applied_index: int = 0
    applied_term: int = 0
    chain: bytes = CHAIN_START
    configuration: Configuration = Configuration()
    members: tuple[MemberRecord, ...] = ()


class WitnessMachine:
    """Implements `machine.interface.Machine`; every read is refused with where to go instead."""

    revision = 0
    compacted_revision = 0
    log_time_ms = 0
    cluster_version = 0

    def __init__(self, store: StateStore) -> None:
        self._store = store
        self._family = store.family("meta")
        raw = store.getter("meta")(STATE_KEY)
        self._load(msgspec.msgpack.decode(raw, type=WitnessState) if raw else WitnessState())
        self._callbacks: list[Callable[[int], None]] = []

    def _load(self, state: WitnessState) -> None:
        self.applied_index = state.applied_index
        self.applied_term = state.applied_term
        self.chain = state.chain
        self.configuration = state.configuration
        self.members = {record.member_id: record for record in state.members}

    def _take(self, state: WitnessState) -> None:
        """Nothing is changed before the store has taken it: what it refuses (`Backpressure`) is applied again from where it was."""
        batch = self._store.batch()
        batch.put(STATE_KEY, msgspec.msgpack.encode(state), self._family)
        # failpoint: witness.before_save
        self._store.write(batch)
        self._load(state)
        for callback in self._callbacks:
            callback(self.applied_index)

    def _after(self, entries: Sequence[Entry], configuration: Configuration, members: Mapping[int, MemberRecord]) -> WitnessState:
        index, term, chain = self.applied_index, self.applied_term, self.chain
        for entry in entries:
            assert entry.index == index + 1, "entries are applied in order, none is skipped"
            index, term, chain = entry.index, entry.term, chain_hash(chain, entry)
        return WitnessState(index, term, chain, configuration, tuple(members[member_id] for member_id in sorted(members)))

    def apply(self, entries: Sequence[Entry]) -> list[list[Result | Pending]]:
        self._take(self._after(entries, self.configuration, self.members))
        return [[] for _ in entries]

    def apply_membership(
        self, entry: Entry, configuration: Configuration, put: Sequence[MemberRecord], removed: Sequence[int]
    ) -> None:
        members = self.members | {record.member_id: record for record in put}
        for member_id in removed:
            members.pop(member_id, None)
        self._take(self._after([entry], configuration, members))

    def jump(self, metadata: SnapshotMetadata) -> None:
        """A snapshot of which a witness takes the metadata only. The members' addresses come with the next changes; known ones stay."""
        self._take(WitnessState(metadata.index, metadata.term, metadata.chain, metadata.configuration, tuple(self.members.values())))

    def check(self, kind: int, payload: bytes) -> None:
        raise self._refused()

    def due(self, log_time_ms: int) -> list[Command]:
        return []

    @staticmethod
    def _refused() -> Refused:
        return Refused("InvalidArgument", "this member is a witness: it keeps no data; send the request to another member")

    def get_many(self, keys: list[bytes]) -> list[KeyValue | None]:
        raise self._refused()

    def range(self, request: Range) -> RangeResult:
        raise self._refused()

    async def range_async(self, request: Range) -> RangeResult:
        raise self._refused()

    def range_stream(self, request: Range) -> AsyncIterator[list[KeyValue]]:
        raise self._refused()

    def lease(self, lease: int, keys: bool) -> LeaseResult:
        raise self._refused()

    def leases(self) -> LeaseListResult:
        raise self._refused()

    def watch(self, request: WatchRequest) -> Watch:
        raise self._refused()

    def digest(self, index: int) -> bytes | None:
        return None

    def digests(self) -> list[tuple[int, bytes]]:
        return []

    def open_snapshot(self) -> SnapshotSource:
        raise self._refused()

    def open_sink(self, directory: Path, manifest: bytes) -> SnapshotSink:
        raise self._refused()

    def on_applied(self, callback: Callable[[int], None]) -> None:
        self._callbacks.append(callback)
