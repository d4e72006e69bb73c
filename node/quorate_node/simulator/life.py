"""One process of a simulated member, from start to death: the node's own replica on this machine's disk, clock and wires."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from quorate_node.machine.kv import KeyValueMachine
from quorate_node.protocol.raft import RaftConfig
from quorate_node.protocol.ready import Persist, Role, SoftState
from quorate_node.replica.log_sync import LogSync, SyncedCallback
from quorate_node.replica.member import Environment
from quorate_node.replica.replica import Replica
from quorate_node.replica.service_face import ServiceFace
from quorate_node.replica.storage import Storage
from quorate_node.simulator.disk import SimulatedLogSync, open_stores
from quorate_node.simulator.file_store import SimulatedExecutor, entries_of
from quorate_node.simulator.history import NEVER_NS
from quorate_node.simulator.ledger_host import LedgerHost
from quorate_node.simulator.machine import open_machine
from quorate_node.simulator.places import on_purpose
from quorate_node.simulator.process import Process
from quorate_node.simulator.streams import stream
from quorate_node.simulator.transport import SimulatedTransport
from quorate_node.store.buffered_state import BufferedStateStore
from quorate_node.store.errors import StoreError
from quorate_node.store.interface import LogStore, StateStore
from quorate_node.store.memory_state import MemoryStateStore

if TYPE_CHECKING:
    from quorate_node.simulator.host import Host

BOOTSTRAP_WORD = "simulated"
LOOK_S = 0.01


class Life:
    """One process of a member, from start to death."""

    def __init__(self, host: Host, process: Process, boot: int) -> None:
        self.host = host
        self._loop = host.loop
        self.process = process
        self.boot = boot
        self.release = host.release
        self.member_since_ns = NEVER_NS
        self._boot_clock = host.clocks.boot
        executor = SimulatedExecutor(host.loop, process, stream(host.options.seed, "segments", process.name))
        self.stores = open_stores(host.disk, host.store_settings, host.options.log_segment_bytes, executor)
        self._ends_at_start = (self.stores.log.first_index(), self.stores.log.last_index())
        if self.stores.log.damaged():
            host.in_doubt = True
        self.ledger: LedgerHost | None = None
        application = None
        if host.options.application.clients and not host.witness:
            self.ledger = LedgerHost(host.loop, process, host.name, host.options.seed, host.options.application, host.invariants.ledger)
            application = self.ledger.open(host.application_directory, lambda: self.stores)
        self.application = application
        storage = Storage(self.stores, self._open_machine, host.witness, host.name, application, self.release)
        random = stream(host.options.seed, "member", process.name)
        self.transport = SimulatedTransport(host.network, process, host.url, lambda: storage.member_id)
        environment = Environment(self._now_ms, random, self._open_log_sync, host.make_raft, self.release)
        self.storage = storage
        self.replica = Replica(
            host.settings,
            self._raft_config,
            storage,
            self.transport,
            environment,
            host.telemetry,
            host.peers,
            BOOTSTRAP_WORD if host.founder else "",
            may_bootstrap=host.founder,
        )
        self.service = ServiceFace(self.replica, host.settings, storage, environment)
        self.open_questions: dict[int, Callable[[], None]] = {}
        """Clients that wait for an answer: told that the connection ended, when it does."""

    def _raft_config(self, member_id: int) -> RaftConfig:
        """Asked for when the log is whole and the protocol begins. What was left in doubt, or made whole, is told as it is now: nobody saw
        it being written."""
        host, log = self.host, self.stores.log
        if host.in_doubt or self._ends_at_start != (log.first_index(), log.last_index()):
            host.in_doubt = False
            floor = log.first_index() - 1
            host.invariants.found(host.name, member_id, floor, log.term(floor), entries_of(log))
        return host.raft_config(member_id)

    def _open_machine(self, state: StateStore, cluster_id: int) -> KeyValueMachine:
        host = self.host
        return open_machine(state, cluster_id, host.invariants, host.name, self.boot, host.options, self.release, self.application)

    def database(self) -> MemoryStateStore:
        """Under the state in use."""
        state = self.stores.state
        database = state.database if isinstance(state, BufferedStateStore) else state
        assert isinstance(database, MemoryStateStore)
        return database

    def _now_ms(self) -> int:
        return self._boot_clock.local(self._loop.now_ns + self.process.ahead_ns) // 1_000_000

    def _open_log_sync(self, log: LogStore, synced: SyncedCallback) -> LogSync:
        host = self.host
        random = stream(host.options.seed, "disk", self.process.name)
        return SimulatedLogSync(host.loop, self.process, host.disk, host.options.disk, random, self._stored, log, synced)

    def _stored(self, batches: Sequence[Persist], durable: bool) -> None:
        host, member_id = self.host, self.storage.member_id
        host.trace.event("durable" if durable else "disk", host.name, len(batches), self.stores.log.last_index())
        if durable:
            host.invariants.promised(host.name, member_id, batches)
        else:
            host.invariants.stored(host.name, member_id, batches)

    async def run(self) -> None:
        await self.replica.start()
        while self.replica.member is None and not self.replica.stopped.is_set():  # noqa: ASYNC110 - until it has joined, or repaired its log
            await asyncio.sleep(LOOK_S)
        self.member_since_ns = self.host.loop.now_ns
        self._watch_leadership()
        await self.replica.stopped.wait()
        await self.stop()

    async def stop(self) -> None:
        """As `main` does, by request or because the member has stopped itself."""
        reason = self.replica.stopped_because
        try:
            await self.replica.stop()
        except Exception as error:
            if not isinstance(error, StoreError) and not on_purpose(error):
                raise
            reason = reason or error
        self.host.process_ended(self, self.replica.stopped_because or reason)

    def _watch_leadership(self) -> None:
        member = self.replica.member
        if member is not None:
            member.leader_changed = self._on_leader_changed
            self._on_leader_changed(member.engine.soft_state)

    def _on_leader_changed(self, soft: SoftState) -> None:
        member = self.replica.member
        assert member is not None
        raft = member.engine.raft
        self.host.trace.event("role", self.host.name, soft.role.name, raft.term)
        if soft.role == Role.LEADER:
            log = raft.core.log
            self.host.invariants.led(self.host.name, raft.id, raft.term, log.term_or_zero, log.first_index(), raft.last_index)
