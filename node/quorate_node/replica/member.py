"""One member at work: engine, administration, snapshots and housekeeping around an identity that it has. Answers its peers' questions."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from pathlib import Path
from random import Random
from typing import NamedTuple

import msgspec

from quorate_node.machine.interface import Machine, Refused, SnapshotSink
from quorate_node.machine.rules import THIS_RELEASE, Release
from quorate_node.protocol.entry import Entry
from quorate_node.protocol.membership import ChangeKind, Configuration, MembershipChange, SingleChange
from quorate_node.protocol.message import Message, MessageType, SnapshotMetadata
from quorate_node.protocol.raft import ProposalDropped, Raft, RaftConfig
from quorate_node.protocol.ready import Event, EventKind, HardState, Ready, Role, SoftState
from quorate_node.replica.administration import Administration
from quorate_node.replica.administration_call import AdministrationCall
from quorate_node.replica.catch_up import ChunkRequest, SnapshotServer
from quorate_node.replica.engine import Engine, Hooks
from quorate_node.replica.forwarded import answer_forwarded
from quorate_node.replica.housekeeping import Diverged, Housekeeping
from quorate_node.replica.log_sync import DiskLogSync, OpenLogSync
from quorate_node.replica.non_voting import is_non_voting
from quorate_node.replica.repair import LogRepair, answer_log_range
from quorate_node.replica.service import ServiceError
from quorate_node.replica.settings import ReplicaSettings
from quorate_node.replica.snapshot_fetching import SnapshotDownload, SnapshotFetcher
from quorate_node.replica.storage import Storage, applied_point
from quorate_node.replica.versions import Versions
from quorate_node.store.errors import FormatTooNew
from quorate_node.store.interface import LogStore
from quorate_node.telemetry.telemetry import Telemetry
from quorate_node.transport.interface import LostReason, PeerRefused, RequestKind, Transport

logger = logging.getLogger(__name__)

SUSPICION_STEP_TICKS = 3
"""Between followers that see their leader die at the same moment: votes that cross elect nobody, and cost an election timeout."""


class Environment(NamedTuple):
    """What differs between production and the simulator."""

    now_ms: Callable[[], int]
    """Monotonic, and running while the machine is suspended: read leases are measured by it."""
    random: Random
    open_log_sync: OpenLogSync = DiskLogSync
    make_raft: Callable[..., Raft] = Raft
    """A subclass where somebody wants to be told of every step."""
    release: Release = THIS_RELEASE


class RaftLog:
    """The log as the protocol sees it at its start: the configuration is the applied one, which the machine keeps."""

    def __init__(self, log: LogStore, configuration: Configuration) -> None:
        self._configuration = configuration
        self._log = log
        self.first_index = log.first_index
        self.last_index = log.last_index
        self.term = log.term
        self.entries = log.entries
        self.snapshot = log.snapshot

    def initial(self) -> tuple[HardState, Configuration]:
        hard_state, _ = self._log.initial()
        return hard_state, self._configuration


class Member:
    def __init__(
        self,
        settings: ReplicaSettings,
        raft_config: RaftConfig,
        storage: Storage,
        machine: Machine,
        transport: Transport,
        environment: Environment,
        telemetry: Telemetry,
        met: Callable[[int], bool],
        versions: Versions,
        on_peers: Callable[[Configuration], None],
        failed: Callable[[BaseException], None],
    ) -> None:
        self._settings = settings
        self._storage = storage
        self._transport = transport
        self._environment = environment
        self._telemetry = telemetry
        self._on_peers = on_peers
        self._failed = failed
        random = environment.random
        raft = environment.make_raft(
            raft_config,
            RaftLog(storage.log, machine.configuration),
            random_ticks=random.randint,
            applied=machine.applied_index,
            now_ms=environment.now_ms(),
        )
        hooks = Hooks(
            leader_changed=self._on_leader_changed,
            membership_applied=self._on_membership,
            event=self._on_event,
            install=self._on_install,
            send_snapshot=self._on_send_snapshot,
            failed=failed,
        )
        self.engine = Engine(
            settings,
            raft,
            storage.log,
            machine,
            transport,
            hooks,
            environment.now_ms,
            random.getrandbits(63),
            telemetry,
            environment.open_log_sync,
        )
        self.administration = Administration(settings, self.engine, transport, random, met, versions)
        self.server = SnapshotServer(settings, lambda: self.engine.machine, storage.offer_application, transport, self._on_fetcher_gone)
        download = SnapshotDownload(settings, transport, storage.staging, machine.open_sink)
        self.fetcher = SnapshotFetcher(download, self._on_fetched, failed)
        self.repair = LogRepair(settings, storage.log, transport, telemetry)
        self.housekeeping = Housekeeping(
            settings,
            self.engine,
            self.administration,
            transport,
            storage,
            self._repair,
            failed,
        )
        self._installing: tuple[SnapshotMetadata, SnapshotSink] | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._ticker: asyncio.TimerHandle | None = None
        self._last_tick_s = 0.0
        self.leader_changed: Callable[[SoftState], None] | None = None
        self.divergences_told = 0
        """Times that a leader told this member that its state differs."""

    @property
    def machine(self) -> Machine:
        return self.engine.machine

    # --- life --------------------------------------------------------------------------------------------------

    def start(self) -> None:
        loop = asyncio.get_running_loop()
        self._last_tick_s = loop.time()
        self._ticker = loop.call_later(self._settings.tick_ms / 1000, self._on_tick)
        self.housekeeping.start()
        self.engine.raft.set_priorities({record.member_id: record.priority for record in self.machine.members.values()})
        self._on_peers(self.machine.configuration)
        if self.machine.configuration.voters == (self.engine.raft.id,):
            self._lead_alone()
        self.engine.wake()

    def _on_tick(self) -> None:
        loop = asyncio.get_running_loop()
        tick_s = self._settings.tick_ms / 1000
        # Rounded: a timer may fire a fraction of a millisecond early, and must not be set again for that fraction.
        due = round((loop.time() - self._last_tick_s) / tick_s)
        # After a pause only so many: messages that waited meanwhile must be heard before an election timeout passes.
        for _ in range(min(due, self._settings.heartbeat_ms // self._settings.tick_ms)):
            self.engine.tick()
        self._last_tick_s += due * tick_s
        self.server.expire()
        self._ticker = loop.call_later(max(self._last_tick_s + tick_s - loop.time(), tick_s / 2), self._on_tick)

    async def close(self) -> None:
        if self._ticker is not None:
            self._ticker.cancel()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.housekeeping.close()
        await self.fetcher.close()
        self.server.close()
        await self.engine.close()

    def _spawn(self, work: Awaitable[None]) -> None:
        async def guarded() -> None:
            try:
                await work
            except Exception as error:  # noqa: BLE001 - whatever broke stops the member, with its cause
                self._failed(error)

        task = asyncio.get_running_loop().create_task(guarded())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    # --- hooks of the engine -----------------------------------------------------------------------------------

    def _peer_ids(self) -> list[int]:
        witnesses = self.machine.configuration.witnesses
        return [m for m in self.machine.members if m != self.engine.raft.id and m not in witnesses]

    async def _repair(self, ranges: list[tuple[int, int]]) -> bool:
        self.repair.found(ranges)
        return await self.repair.damaged(ranges, self._peer_ids())

    def _on_leader_changed(self, soft: SoftState) -> None:
        logger.info("member %d is %s in term %d, leader %d", self.engine.raft.id, soft.role.name, self.engine.raft.term, soft.leader)
        if self.leader_changed is not None:
            self.leader_changed(soft)

    def _note(self, kind: str, text: str) -> None:
        self._telemetry.timeline.note(asyncio.get_running_loop().time(), kind, text)

    def _on_membership(self, configuration: Configuration) -> None:
        index = self.engine.configuration_index
        voters, learners = ([f"{member}" for member in members] for members in (configuration.voters, configuration.learners))
        logger.info("membership at index %d: voters %s learners %s", index, voters, learners)
        self._note("membership", f"at index {index}: voters {configuration.voters}, learners {configuration.learners}")
        self.engine.raft.set_priorities({record.member_id: record.priority for record in self.machine.members.values()})
        self._on_peers(configuration)
        if configuration.voters == (self.engine.raft.id,) and not self.engine.soft_state.leader:
            asyncio.get_running_loop().call_soon(self._lead_alone)

    def _lead_alone(self) -> None:
        """The only voter has nobody to wait for but its own promises of an earlier life, which it keeps."""
        alone = self.machine.configuration.voters == (self.engine.raft.id,)
        if alone and self.engine.soft_state.role == Role.FOLLOWER:
            self.engine.raft.campaign()
            self.engine.wake()
            asyncio.get_running_loop().call_later(self._settings.heartbeat_ms / 1000, self._lead_alone)

    def _on_event(self, event: Event) -> None:
        if event.kind == EventKind.PROMOTION_DUE and not is_non_voting(self.machine.members, event.member_id):
            self._spawn(self._promote(event.member_id))

    async def _promote(self, member_id: int) -> None:
        try:
            # failpoint: promotion.before_propose, awaited
            self.engine.raft.propose_membership(MembershipChange((SingleChange(ChangeKind.ADD_VOTER, member_id),)))
            self.engine.wake()
        except ProposalDropped as dropped:
            logger.debug("promotion of %d waits: %s", member_id, dropped)

    def _on_send_snapshot(self, message: Message) -> None:
        if message.to in self.machine.configuration.witnesses:
            message.snapshot = applied_point(self.machine)  # All that it takes; where our log begins it may not have been one of us.
            self._transport.send([message])
        else:
            self._telemetry.snapshots_sent.add()
            self.server.offer(message)

    def _on_fetcher_gone(self, member_id: int) -> None:
        self.engine.raft.report_snapshot(member_id, False)
        self.engine.wake()

    async def _on_fetched(self, message: Message, sink: SnapshotSink, application: Path | None) -> None:
        """All chunks are here: fill a new state beside the old one, then let the protocol decide whether it is wanted."""
        assert message.snapshot is not None
        try:
            await self._storage.prepare_state(sink, application)
        except FormatTooNew as error:
            self._failed(error)  # What follows that state this release cannot apply, whoever sends it.
            return
        # failpoint: snapshot.install.prepared, awaited
        self._installing = (message.snapshot, sink)
        self._telemetry.snapshots_installed.add()
        self.engine.step([message])
        if self._installing is not None:
            self._installing = None
            await self._storage.drop_prepared_state()

    def _on_install(self, metadata: SnapshotMetadata, ready: Ready) -> None:
        self._installing = None
        self._note("snapshot", f"restored from a snapshot at index {metadata.index}")
        self._spawn(self._install(metadata, ready))

    async def _install(self, metadata: SnapshotMetadata, ready: Ready) -> None:
        """The state first, then the log: a crash between finds a state beyond the log, and the log starts after it."""
        await self._storage.swap_state(metadata)
        # failpoint: snapshot.install.after_switch_before_log, awaited
        assert self.machine.applied_index == metadata.index, "the snapshot fetched is the one the protocol was offered"
        self.engine.carry_out(ready)
        while not self.engine.writer.is_clean():  # noqa: ASYNC110 - a drain, once in a life
            await asyncio.sleep(self._settings.tick_ms / 1000)
        self.server.close()
        self.engine.resume()
        self._on_membership(self.machine.configuration)
        logger.info("restored from a snapshot at index %d", metadata.index)

    # --- from the transport ------------------------------------------------------------------------------------

    def on_messages(self, messages: list[Message]) -> None:
        for message in messages:
            if message.type == MessageType.SNAPSHOT and self._is_to_be_fetched(message):
                self.fetcher.offered(message)
        self.engine.step([m for m in messages if m.type != MessageType.SNAPSHOT or not self._is_to_be_fetched(m)])

    def _is_to_be_fetched(self, message: Message) -> bool:
        """Else the protocol answers at once: a leader that knew an older log of this member offers what it has had since from another."""
        return not self._storage.witness and message.snapshot is not None and message.snapshot.index > self.engine.raft.commit_index

    def on_lost(self, member_id: int, reason: LostReason) -> None:
        try:
            if reason == LostReason.DIED and member_id == self.engine.soft_state.leader != self.engine.raft.id:
                # failpoint: leader.died.before_suspicion
                self.engine.raft.suspect_leader(self._turn_to_campaign() * SUSPICION_STEP_TICKS + self._environment.random.randint(0, 1))
                self.engine.wake()
            self.on_unreachable(member_id)
        except Exception as error:  # noqa: BLE001 - who told of it would end, and never dial that peer again
            self._failed(error)

    def _turn_to_campaign(self) -> int:
        """This member's place among those who may follow the dead leader: higher priority first, then by id, the same for all of them."""
        machine, leader = self.machine, self.engine.soft_state.leader
        configuration = machine.configuration
        candidates = [voter for voter in configuration.voters if voter != leader and voter not in configuration.witnesses]
        candidates.sort(key=lambda voter: (-machine.members[voter].priority if voter in machine.members else 0, voter))
        return candidates.index(self.engine.raft.id) if self.engine.raft.id in candidates else len(candidates)

    def on_unreachable(self, member_id: int) -> None:
        if self.engine.soft_state.role == Role.LEADER:
            self.engine.raft.report_unreachable(member_id)

    async def on_request(self, member_id: int, kind: int, payload: bytes) -> bytes:
        """Questions that need a member at work. Raises `PeerRefused`."""
        try:
            match kind:
                case RequestKind.FORWARD:
                    return await answer_forwarded(self.engine, self._settings, payload)
                case RequestKind.MEMBERSHIP:
                    call = msgspec.msgpack.decode(payload, type=AdministrationCall)
                    return msgspec.msgpack.encode(await self.administration.carry_out(call))
                case RequestKind.SNAPSHOT_MANIFEST:
                    return await self.server.manifest(payload)
                case RequestKind.SNAPSHOT_CHUNK:
                    return await self.server.chunk(payload)
                case RequestKind.APPLICATION_SNAPSHOT:
                    return await self.server.application_piece(payload)
                case RequestKind.LOG_RANGE:
                    return answer_log_range(self._storage.log, self._settings, payload)
                case RequestKind.DIGESTS:
                    return self._answer_digests(payload)
                case RequestKind.STATUS:
                    return await self._answer_confirmed_end()
                case RequestKind.SNAPSHOT_PIN:
                    return self._answer_pin(member_id, payload)
                case _:
                    raise PeerRefused("InvalidArgument", f"request kind is {kind}; this release does not know it")
        except (ServiceError, Refused) as error:
            raise PeerRefused(error.error, error.message) from error
        except msgspec.MsgspecError as error:
            raise PeerRefused("MalformedBody", f"request of kind {kind}: {error}") from error

    def _answer_digests(self, payload: bytes) -> bytes:
        if payload:
            for index, right in msgspec.msgpack.decode(payload, type=dict[int, bytes]).items():
                own = self.machine.digest(index)
                if own is not None and own != right:
                    text = f"the state at index {index} differs from the majority's: give this member an empty data directory"
                    self.divergences_told += 1
                    self._failed(Diverged(text))
        return msgspec.msgpack.encode(dict(self.machine.digests()))

    async def _answer_confirmed_end(self) -> bytes:
        """For a damaged member: the end of a log that a quorum has just confirmed to lead with; everything it ever acknowledged and
        that counts lies at or below it."""
        loop = asyncio.get_running_loop()
        if self.engine.soft_state.role != Role.LEADER:
            raise PeerRefused("NotLeader", f"the leader is {self.engine.soft_state.leader}")
        confirmed: asyncio.Future[None] = loop.create_future()

        def done(error: ServiceError | None) -> None:
            if confirmed.done():
                return
            if error is None:
                confirmed.set_result(None)
            else:
                confirmed.set_exception(error)

        self.engine.reads.add(done, loop.time() + self._settings.request_timeout_ms / 1000)
        self.engine.wake()
        # failpoint: recovery.serve.before_confirmation, awaited
        await confirmed
        if self.engine.soft_state.role != Role.LEADER:
            raise PeerRefused("NotLeader", "leadership was lost while a quorum was asked")
        return msgspec.msgpack.encode((self.engine.raft.last_index, self.engine.raft.term))

    def _answer_pin(self, member_id: int, payload: bytes) -> bytes:
        """For a damaged member: the state as it is here, which holds nothing but what was committed. The log continues it."""
        index_min = msgspec.msgpack.decode(payload, type=ChunkRequest).index
        applied = self.machine.applied_index
        if self._storage.witness or applied < index_min:
            raise PeerRefused("NotFound", f"there is no state at or beyond {index_min} here: this member has applied {applied}")
        # failpoint: recovery.serve.before_pin
        return msgspec.msgpack.encode(self.server.pin(member_id, max(index_min, self._storage.log.snapshot().index)))

    def entries(self, low: int, high: int) -> list[Entry]:
        return self._storage.log.entries(low, high, self._settings.apply_bytes_max)
