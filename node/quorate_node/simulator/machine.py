"""The key-value machine as it is, with somebody looking over its shoulder, and with the sizes that the seed wants."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import msgspec

from quorate.wire.commands import Batch, CommandKind, GroupCommit
from quorate.wire.results import ApplicationResult
from quorate_node.machine.application_port import ApplicationPort
from quorate_node.machine.batch import Results
from quorate_node.machine.kv import KeyValueMachine
from quorate_node.machine.limits import MachineLimits
from quorate_node.machine.rules import Release
from quorate_node.machine.snapshot.limits import SnapshotLimits
from quorate_node.machine.snapshot.source import CanonicalSnapshotSource
from quorate_node.machine.stage import Change
from quorate_node.machine.watch_history import HistoryReader
from quorate_node.machine.watch_hub import WatchHub
from quorate_node.protocol.entry import Entry
from quorate_node.protocol.membership import Configuration, MemberRecord
from quorate_node.simulator.invariants import Invariants
from quorate_node.simulator.options import Options
from quorate_node.store.interface import StateStore

_decode = msgspec.msgpack.Decoder(Batch).decode
_ANSWERED = ApplicationResult(0, b"")


class _ObservedHub(WatchHub):
    """Its observer is told of every change before any watch is."""

    observer: Callable[[Sequence[Change]], None] | None = None

    @property
    def is_watched(self) -> bool:
        return True

    def publish(self, changes: Sequence[Change], revision: int) -> None:
        if self.observer is not None:
            self.observer(changes)
        super().publish(changes, revision)


class ObservedMachine(KeyValueMachine):
    invariants: Invariants
    member: str
    boot: int
    chunk_bytes: int
    application_clients: int

    def observe(self, invariants: Invariants, member: str, boot: int, options: Options) -> None:
        """Before the first `apply`."""
        self.invariants, self.member, self.boot = invariants, member, boot
        self.chunk_bytes = options.snapshot_chunk_bytes
        self.application_clients = options.application.clients
        state = self.state
        hub = _ObservedHub(self.limits, HistoryReader(self._committed.store), state.revision, state.compacted_revision)
        hub.observer = partial(invariants.changed, member)
        self.hub = hub

    def apply(self, entries: Sequence[Entry]) -> list[Results]:
        invariants = self.invariants
        invariants.applies(self.member, entries, self.applied_index)
        results = super().apply(entries)
        invariants.applied(self.member, entries, results if self.application_clients == 0 else without_the_application_s(entries, results))
        if entries:
            invariants.at_version(self.cluster_version)
            invariants.state(self.member, self.boot, self.applied_index, self.state.digest)
        return results

    def apply_membership(
        self,
        entry: Entry,
        configuration: Configuration,
        put: Sequence[MemberRecord],
        removed: Sequence[int],
        group_commit: GroupCommit | None = None,
    ) -> None:
        invariants = self.invariants
        invariants.applies(self.member, [entry], self.applied_index)
        super().apply_membership(entry, configuration, put, removed, group_commit)
        invariants.votes(self.member, configuration, self.members)
        invariants.applied(self.member, [entry], [[]])
        invariants.state(self.member, self.boot, self.applied_index, self.state.digest)

    def open_snapshot(self) -> CanonicalSnapshotSource:
        limits = SnapshotLimits(chunk_bytes=self.chunk_bytes, slice_pairs=16)
        return CanonicalSnapshotSource(self._committed.store.snapshot(), self.snapshot_header(), limits)


def without_the_application_s(entries: Sequence[Entry], results: Sequence[Results]) -> list[Results]:
    """A member's answers to commands of the application are its own machine's, which may not run: they are judged by `ledger_checks`."""
    shown: list[Results] = []
    for entry, answers in zip(entries, results, strict=True):
        commands = _decode(entry.data).commands if answers else []
        kinds = [command.kind for command in commands]
        shown.append([_ANSWERED if kind == CommandKind.APPLICATION else answer for kind, answer in zip(kinds, answers, strict=True)])
    return shown


def open_machine(
    state: StateStore,
    cluster_id: int,
    invariants: Invariants,
    member: str,
    boot: int,
    options: Options,
    release: Release,
    application: ApplicationPort | None,
) -> ObservedMachine:
    limits = MachineLimits(
        range_chunk_keys=options.range_chunk_keys,
        watch_buffer_events_max=options.watch_buffer_events_max,
        watch_message_events_max=max(1, options.watch_buffer_events_max // 2),
        catch_up_chunk_events=options.watch_buffer_events_max,
        purge_chunk_events=options.range_chunk_keys,
        record_cache_bytes_max=options.log_cache_bytes,
    )
    machine = ObservedMachine.open(
        state, limits, digest_interval=options.digest_interval, cluster_id=cluster_id, application=application, release=release
    )
    assert isinstance(machine, ObservedMachine)
    machine.observe(invariants, member, boot, options)
    return machine
