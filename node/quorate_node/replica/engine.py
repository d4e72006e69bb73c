"""The heart: one turn of the loop takes what is pending, moves the protocol, and hands on what came of it.

Order inside a turn: proposals and reads in, `Ready` out; messages leave, the batch goes to the writer's thread, what is committed is
applied, those who wait are answered. Nothing here is done once a command that can be done once a batch.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from typing import NamedTuple

from quorate_node.machine.interface import Machine
from quorate_node.protocol.membership import Configuration
from quorate_node.protocol.message import Message, MessageType, SnapshotMetadata
from quorate_node.protocol.raft import Raft, ReadDropped
from quorate_node.protocol.ready import Event, EventKind, Persist, Ready, Role, SoftState
from quorate_node.replica.applying import Applying
from quorate_node.replica.forward import Forwarder
from quorate_node.replica.log_clock import LogClock
from quorate_node.replica.log_sync import DiskLogSync, OpenLogSync
from quorate_node.replica.parcel import Parcel
from quorate_node.replica.proposing import Proposing
from quorate_node.replica.reads import ReadQueue
from quorate_node.replica.service import ServiceError
from quorate_node.replica.settings import ReplicaSettings
from quorate_node.replica.writer import LogWriter
from quorate_node.store.interface import LogStore
from quorate_node.telemetry.telemetry import Telemetry
from quorate_node.transport.interface import Transport

logger = logging.getLogger(__name__)


class Hooks(NamedTuple):
    """What happens around the engine; each is called on the loop's thread, inside a turn."""

    leader_changed: Callable[[SoftState], None]
    membership_applied: Callable[[Configuration], None]
    event: Callable[[Event], None]
    install: Callable[[SnapshotMetadata, Ready], None]
    """A snapshot is to be installed: the engine is paused until `resume`."""
    send_snapshot: Callable[[Message], None]
    failed: Callable[[BaseException], None]
    """The member must stop: disk failed, divergence, an entry it does not know."""


class Engine:
    def __init__(
        self,
        settings: ReplicaSettings,
        raft: Raft,
        log: LogStore,
        machine: Machine,
        transport: Transport,
        hooks: Hooks,
        now_ms: Callable[[], int],
        instance: int,
        telemetry: Telemetry,
        open_log_sync: OpenLogSync = DiskLogSync,
    ) -> None:
        self._settings = settings
        self.raft = raft
        self.log = log
        self.machine = machine
        self._transport = transport
        self._hooks = hooks
        self._now_ms = now_ms
        self._telemetry = telemetry
        self._loop = asyncio.get_running_loop()
        self.clock = LogClock(now_ms)
        self.reads = ReadQueue(settings, instance, self._ask_read, self._loop.time, self._wake_after, telemetry.read_barrier_seconds)
        self.forwarder = Forwarder(transport, settings.forward_batches_max, self._requeue)
        self.proposing = Proposing(settings, raft, self.clock, self.forwarder, telemetry, self._wake_after)
        self.pending = self.proposing.pending
        self.in_flight = self.proposing.in_flight
        self.writer = LogWriter(log, self._on_written, self.failed, self._loop.time, telemetry, open_log_sync)
        self.applying = Applying(settings, raft, machine, self.clock, self.proposing, telemetry, self)
        self._scheduled = False
        self._paused = False
        self._stopped = False
        self._announcing = False
        self._linger_timer: asyncio.TimerHandle | None = None
        self.soft_state = SoftState(0, Role.FOLLOWER)
        self.configuration_index = 0

    # --- turns -------------------------------------------------------------------------------------------------

    def wake(self) -> None:
        """Have a turn at the end of this round of the loop; cheap to call any number of times."""
        if not self._scheduled:
            self._scheduled = True
            self._loop.call_soon(self._turn)

    def _turn(self) -> None:
        self._scheduled = False
        if self._paused or self._stopped:
            return
        try:
            if self.pending:
                self.proposing.run(self.soft_state, self.machine.applied_index)
            self.reads.start()
            while self.raft.has_ready() and not self._paused:
                self._handle(self.raft.ready())
        except Exception as error:  # noqa: BLE001 - an invariant broke: a member that goes on could lie to its peers
            self.failed(error)

    def tick(self) -> None:
        if self._paused or self._stopped:
            return
        try:
            self.raft.tick(self._now_ms())
        except Exception as error:  # noqa: BLE001 - a damaged entry, or worse: without its ticks a member would be a dead weight
            self.failed(error)
            return
        if self.raft.has_ready():
            self.wake()

    def step(self, messages: Sequence[Message]) -> None:
        """Messages of peers, a frame at a time: one turn for all."""
        if self._paused or self._stopped:
            return
        now_ms = self._now_ms()
        # failpoint: messages.receive, or return
        raft_step = self.raft.step
        try:
            for message in messages:
                raft_step(message, now_ms)
            while self.raft.has_ready() and not self._paused:
                self._handle(self.raft.ready())
        except Exception as error:  # noqa: BLE001 - whatever broke stops the member, with its cause
            self.failed(error)

    def _handle(self, ready: Ready) -> None:
        if ready.soft_state is not None:
            self._on_soft_state(ready.soft_state)
        if ready.install is not None:
            self._paused = True
            # failpoint: engine.before_install
            self._hooks.install(ready.install, ready)
            return
        self.carry_out(ready)

    def carry_out(self, ready: Ready) -> None:
        """Send, persist, apply, answer. After an installation the replica calls this for the Ready that asked for it."""
        if ready.send_now:
            self._send(ready.send_now)
        durable = False
        persist = ready.persist
        if persist is not None or ready.send_after_persist:
            durable = self.writer.is_clean() and (persist is None or not persist.must_sync)
            if not durable:
                # Behind a write under way even what needs none keeps its place in the order.
                self.writer.submit(persist or _NOTHING, ready.send_after_persist)
        if ready.committed:
            # Nobody waits for a follower's apply, but the leader does for its acknowledgement: what is being written comes first.
            self.applying.take(ready.committed, at_once=self.leads or self.writer.is_clean())
        if ready.reads:
            self.reads.confirmed(ready.reads, self.machine.applied_index)
        for event in ready.events:
            if event.kind == EventKind.READS_DROPPED:
                self.reads.retry_rounds()
            self._hooks.event(event)
        if durable:
            if persist is not None:
                self.writer.remember(persist)
                self.raft.persisted(persist, self._now_ms())
            self._deliver(ready.send_after_persist)

    def resume(self) -> None:
        """After an installation: go on with the machine as it is now."""
        self.applying.clear()
        self._paused = False
        self.in_flight.fail_all(
            ServiceError("LeadershipLost", "this member was restored from a snapshot; the command may have taken effect")
        )
        self.wake()

    def _send(self, messages: list[Message]) -> None:
        for message in messages:
            if message.type == MessageType.SNAPSHOT:
                self._hooks.send_snapshot(message)
        # failpoint: messages.send, or return
        self._transport.send([m for m in messages if m.type != MessageType.SNAPSHOT])

    def _on_written(self, job: Sequence[tuple[Persist, list[Message]]]) -> None:
        now_ms = self._now_ms()
        try:
            after_all: list[Message] = []
            for persist, after in job:
                if persist is not _NOTHING:
                    self.raft.persisted(persist, now_ms)
                after_all.extend(after)
            self._deliver(after_all)
        except Exception as error:  # noqa: BLE001 - whatever broke stops the member, with its cause
            self.failed(error)
            return
        self.applying.run_deferred()
        self._turn()

    def _deliver(self, messages: list[Message]) -> None:
        """Messages whose state is durable: to the peers, and to this member itself."""
        me = self.raft.id
        now_ms = self._now_ms()
        outgoing = [message for message in messages if message.to != me]
        # failpoint: engine.after_persist_before_send
        if outgoing:
            self._send(outgoing)
        if len(outgoing) != len(messages):
            for message in messages:
                if message.to == me:
                    self.raft.step(message, now_ms)

    def failed(self, error: BaseException) -> None:
        if not self._stopped:
            self._stopped = True
            self._hooks.failed(error)

    def _on_soft_state(self, soft: SoftState) -> None:
        before, self.soft_state = self.soft_state, soft
        if soft.role == Role.CANDIDATE:
            self._telemetry.elections.add()
        if soft.leader and soft.leader != before.leader:
            self._telemetry.leader_changes.add()
            self._telemetry.timeline.note(self._loop.time(), "leader", f"member {soft.leader} leads in term {self.raft.term}")
        if soft.role == Role.LEADER and before.role != Role.LEADER:
            self.clock.restart_from(self.machine.log_time_ms)
            self.proposing.lead_from = self.raft.last_index
        if soft.leader != before.leader:
            self.reads.retry_rounds()
        self._hooks.leader_changed(soft)

    # --- proposals and reads -----------------------------------------------------------------------------------

    def _wake_after(self, seconds: float) -> None:
        if self._linger_timer is None:
            self._linger_timer = self._loop.call_later(seconds, self._on_linger_over)

    def _on_linger_over(self) -> None:
        self._linger_timer = None
        self.wake()

    def _requeue(self, parcels: list[Parcel]) -> None:
        self.pending.put_back(parcels)
        self.wake()

    def _ask_read(self, context: bytes) -> bool:
        if not self.soft_state.leader:
            return False
        try:
            self.raft.read_index(context)
        except ReadDropped:
            return False
        return True

    # --- what applying needs to know ---------------------------------------------------------------------------

    @property
    def halted(self) -> bool:
        return self._paused or self._stopped

    @property
    def leads(self) -> bool:
        return self.soft_state.role == Role.LEADER

    def applied(self, index: int) -> None:
        """Everything up to `index` is in the machine, and whoever waited for it was answered."""
        self.raft.applied(index)
        if self.leads and not self._announcing:
            self._announcing = True
            self._loop.call_later(self._settings.announce_commit_ms / 1000, self._announce_commit)
        self.reads.applied(index)
        if self.pending or self.raft.has_ready():
            self.wake()

    def membership_applied(self, index: int, configuration: Configuration) -> None:
        self.configuration_index = index
        self._hooks.membership_applied(configuration)

    def _announce_commit(self) -> None:
        self._announcing = False
        if not self.halted:
            try:
                self.raft.announce_commit()
            except Exception as error:  # noqa: BLE001 - whatever broke stops the member, with its cause
                self.failed(error)
                return
            self.wake()

    async def close(self) -> None:
        self._stopped = True
        await self.forwarder.close()
        await self.writer.close()


_NOTHING = Persist(hard_state=None, entries=[], snapshot=None, must_sync=False)
