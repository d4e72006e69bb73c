"""`KeyValueMachine`: the replicated key-value machine over a state store. Each part is in a file of its own; this one joins them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path

from msgspec import Raw

from quorate.wire.commands import Command, GroupCommit, Range
from quorate.wire.results import KeyValue, LeaseListResult, LeaseResult, RangeResult
from quorate_node.machine import commit
from quorate_node.machine.application_port import ApplicationPort, NoApplication
from quorate_node.machine.batch import Results, apply_entry, tally
from quorate_node.machine.committed import Committed
from quorate_node.machine.digest import DigestRing, Seal
from quorate_node.machine.expiry import expiry_commands
from quorate_node.machine.group import apply as group
from quorate_node.machine.group.events import GroupEvent
from quorate_node.machine.group.refusal import GroupRefused
from quorate_node.machine.group.state import ReplicatedGroup
from quorate_node.machine.interface import WatchRequest
from quorate_node.machine.limits import MachineLimits
from quorate_node.machine.metadata import MachineState, encode_state
from quorate_node.machine.prepare import prepare
from quorate_node.machine.purge import Purge
from quorate_node.machine.reads import Reads
from quorate_node.machine.rules import THIS_RELEASE, Release
from quorate_node.machine.snapshot.manifest import SnapshotHeader
from quorate_node.machine.snapshot.sink import DirectorySnapshotSink
from quorate_node.machine.snapshot.source import CanonicalSnapshotSource
from quorate_node.machine.stage import Stage
from quorate_node.machine.validation import Validation
from quorate_node.machine.watch import KeyWatch
from quorate_node.machine.watch_history import HistoryReader
from quorate_node.machine.watch_hub import WatchHub
from quorate_node.protocol.entry import Entry
from quorate_node.protocol.membership import Configuration, MemberRecord
from quorate_node.store.interface import StateStore

DIGEST_INTERVAL = 1_000


class KeyValueMachine:
    """Implements `interface.Machine`. Make one with `open`; everything runs on the event loop's thread."""

    def __init__(
        self,
        committed: Committed,
        limits: MachineLimits,
        digest_interval: int,
        wake: Callable[[], None] | None,
        cluster_id: int,
    ) -> None:
        self.limits = limits
        self.cluster_id = cluster_id
        self._committed = committed
        self._digest_interval = digest_interval
        self._wake = wake
        self._validation = Validation(limits)
        self._reads = Reads(committed, limits)
        self._ring = DigestRing(limits.digests_kept)
        self._callbacks: list[Callable[[int], None]] = []
        self._group_callbacks: list[Callable[[GroupEvent], None]] = []
        self._quiet_since = -1
        self.hub = WatchHub(limits, HistoryReader(committed.store), committed.state.revision, committed.state.compacted_revision)
        self.purge = Purge(committed.store, limits.purge_chunk_events)
        self.commands_applied: dict[int, int] = {}
        """Commands applied since the start, by kind."""
        self.members = committed.members
        self._show(committed.state)

    @classmethod
    def open(
        cls,
        store: StateStore,
        limits: MachineLimits | None = None,
        *,
        digest_interval: int = DIGEST_INTERVAL,
        wake: Callable[[], None] | None = None,
        application: ApplicationPort | None = None,
        cluster_id: int = 0,
        release: Release = THIS_RELEASE,
    ) -> KeyValueMachine:
        """Open at whatever index the store stands. `wake` is called when `background_step` has work (compacted history to remove).

        `cluster_id` goes into snapshots. Raises `FormatTooNew`, `MalformedFrontier`, `msgspec.DecodeError` (a damaged state).
        """
        if digest_interval <= 0:
            raise ValueError(f"digest_interval is {digest_interval}: give a positive number of entries")
        limits = limits or MachineLimits()
        committed = Committed(store, application or NoApplication(), limits.record_cache_bytes_max, release)
        return cls(committed, limits, digest_interval, wake, cluster_id)

    def _show(self, state: MachineState) -> None:
        self.applied_index = state.applied_index
        self.applied_term = state.applied_term
        self.revision = state.revision
        self.compacted_revision = state.compacted_revision
        self.log_time_ms = state.log_time_ms
        self.cluster_version = state.cluster_version
        self.configuration = state.configuration
        self.chain = state.chain

    @property
    def state(self) -> MachineState:
        """The whole record of how far the machine is: counts, digest, frontier, application."""
        return self._committed.state

    @property
    def group(self) -> ReplicatedGroup | None:
        """The members' key group at `applied_index`; None before the first was created."""
        return self._committed.group

    @property
    def leases_alive(self) -> int:
        return len(self._committed.leases)

    @property
    def sessions_alive(self) -> int:
        return len(self._committed.sessions)

    def set_application(self, application: ApplicationPort) -> None:
        """Put the application's host behind the machine; before the first `apply`."""
        self._committed.application = application

    # Writes.

    def apply(self, entries: Sequence[Entry]) -> list[Results]:
        """Apply NORMAL entries in order in one atomic write; results by entry and command, `Pending` where the application's comes later.

        Raises `UnknownCommand`; lets `Backpressure`, `NoSpace` and `StoreFailed` through, with nothing changed. `ApplicationFailed`
        comes through after the write.
        """
        if not entries:
            return []
        committed = self._committed
        prepared, keys = prepare(entries, self.applied_index)
        stage = Stage(committed, is_watched=self.hub.is_watched)
        stage.prefetch(keys)
        seal = self._new_seal()
        results = []
        for one in prepared:
            results.append(apply_entry(stage, one))
            seal.add(one.entry, stage.log_time_ms, stage.revision, stage.effects)
        self._commit(stage, seal, commit.finish(stage, seal, entries[-1], self.configuration), sum([len(entry.data) for entry in entries]))
        tally(self.commands_applied, prepared)
        return results

    def apply_membership(
        self,
        entry: Entry,
        configuration: Configuration,
        put: Sequence[MemberRecord],
        removed: Sequence[int],
        group_commit: GroupCommit | None = None,
    ) -> None:
        """Apply a membership entry: the configuration is the protocol's, the members' records are kept here.

        `group_commit`: of the key group, in the same entry; `group_refusal` must have nothing against it.
        """
        assert entry.index == self.applied_index + 1, f"entry {entry.index} was given where {self.applied_index + 1} is next"
        stage = self._membership_stage(put, removed)
        seal = self._new_seal()
        if group_commit is not None:
            group.commit(stage, group_commit)
        stage.effect("meta", b"configuration", encode_state(configuration))
        seal.add(entry, stage.log_time_ms, stage.revision, stage.effects)
        self._commit(stage, seal, commit.finish(stage, seal, entry, configuration), 0)

    def group_refusal(self, put: Sequence[MemberRecord], removed: Sequence[int], group_commit: GroupCommit) -> GroupRefused | None:
        """Why the next entry, a change of members that carries `group_commit`, must change nothing at all; None when it may be applied.

        Leaves and configuration change together or not at all: a refused one is applied with the configuration as it is, and nobody put or
        removed.
        """
        return group.refusal_of_commit(self._membership_stage(put, removed), group_commit)

    def _membership_stage(self, put: Sequence[MemberRecord], removed: Sequence[int]) -> Stage:
        stage = Stage(self._committed)
        stage.index = self.applied_index + 1
        for member in put:
            stage.write_member(member.member_id, member)
        for member_id in removed:
            stage.write_member(member_id, None)
        return stage

    def _new_seal(self) -> Seal:
        state = self._committed.state
        return Seal(state.chain, self._committed.frontier, state.digest, self._digest_interval)

    def _commit(self, stage: Stage, seal: Seal, state: MachineState, size_bytes: int) -> None:
        committed = self._committed
        committed.store.write(stage.batch)
        compacted = state.compacted_revision > committed.state.compacted_revision
        commit.absorb(committed, stage, seal, state, size_bytes)
        for index, digest in seal.checkpoints:
            self._ring.add(index, digest)
        self._show(state)
        self.hub.publish(stage.changes, state.revision)
        if compacted:
            self.hub.compacted(state.compacted_revision)
            if self._wake is not None:
                self._wake()
        for event in stage.group_events:
            for told in self._group_callbacks:
                told(event)
        stage.submit()
        for callback in self._callbacks:
            callback(state.applied_index)

    def check(self, kind: int, payload: bytes | Raw) -> None:
        self._validation.check(kind, payload, self.cluster_version)

    def due(self, log_time_ms: int) -> list[Command]:
        """For the leader. What it names is named again only after `limits.expire_retry_ms` of log time."""
        return expiry_commands(self._committed, log_time_ms, self.limits)

    def background_step(self) -> bool:
        """One bounded piece of work off the hot path; True while there is more, to be called until False after `wake` and on start.

        With nothing left to purge, and nothing applied since the call before, what the store holds back in memory is written out.
        Raises `NoSpace`, `StoreFailed`, and `Backpressure`: then there is more to do later.
        """
        if self.purge.step(self.compacted_revision):
            return True
        if self._quiet_since == self.applied_index:
            return self._committed.store.write_out_some()
        self._quiet_since = self.applied_index
        return False

    # Reads.

    def get_many(self, keys: list[bytes]) -> list[KeyValue | None]:
        return self._reads.get_many(keys)

    def range(self, request: Range) -> RangeResult:
        return self._reads.range(request)

    async def range_async(self, request: Range) -> RangeResult:
        return await self._reads.range_async(request)

    def range_stream(self, request: Range) -> AsyncIterator[list[KeyValue]]:
        return self._reads.range_stream(request)

    def lease(self, lease: int, keys: bool) -> LeaseResult:
        return self._reads.lease(lease, keys)

    def leases(self) -> LeaseListResult:
        return self._reads.leases()

    def watch(self, request: WatchRequest) -> KeyWatch:
        return self.hub.create(request)

    def digest(self, index: int) -> bytes | None:
        return self._ring.get(index)

    def digests(self) -> list[tuple[int, bytes]]:
        return self._ring.all()

    def on_applied(self, callback: Callable[[int], None]) -> None:
        self._callbacks.append(callback)

    def on_group(self, callback: Callable[[GroupEvent], None]) -> None:
        """Call back with each applied entry of the key group, in log order, once the state that it led to is written.

        A group that came with a snapshot is told to nobody: look at `group` after `replace_store`.
        """
        self._group_callbacks.append(callback)

    # Snapshots, and the store below.

    def snapshot_header(self) -> SnapshotHeader:
        state = self._committed.state
        name, version = state.application or ("", 0)
        return SnapshotHeader(
            self.cluster_id,
            state.applied_index,
            state.applied_term,
            state.chain,
            state.configuration,
            state.revision,
            state.compacted_revision,
            state.log_time_ms,
            state.cluster_version,
            name,
            version,
        )

    def open_snapshot(self) -> CanonicalSnapshotSource:
        return CanonicalSnapshotSource(self._committed.store.snapshot(), self.snapshot_header())

    def open_sink(self, directory: Path, manifest: bytes) -> DirectorySnapshotSink:
        return DirectorySnapshotSink(directory, manifest)

    def replace_store(self, store: StateStore) -> None:
        """Go on with `store`: another one that a snapshot filled, or the same one after `reopen` (its handles are new then).

        Watches live on through the new store's history; one whose next revision is compacted there is told so.
        """
        committed = self._committed
        committed.load(store)
        self.members = committed.members
        self.purge = Purge(store, self.limits.purge_chunk_events)
        self._ring.clear()
        self._show(committed.state)
        self.hub.replaced(HistoryReader(store), self.revision, self.compacted_revision)
        for callback in self._callbacks:
            callback(self.applied_index)
