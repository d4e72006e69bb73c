"""The replica: what the API and the transport see of this member, before, while and after it belongs to a cluster."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence

import msgspec

from quorate.wire.commands import Command
from quorate.wire.results import Result
from quorate_node.machine.interface import Machine
from quorate_node.protocol.entry import Entry
from quorate_node.protocol.membership import Configuration
from quorate_node.protocol.message import Message
from quorate_node.protocol.raft import RaftConfig
from quorate_node.protocol.ready import Role, SoftState
from quorate_node.replica.administration import AdministrationCall, new_member_id
from quorate_node.replica.admission import Admission
from quorate_node.replica.founding import found_cluster, restore_cluster
from quorate_node.replica.joining import JoinAnswer, Joiner, JoinRequest, ProbeAnswer, token_hash
from quorate_node.replica.member import Environment, Member
from quorate_node.replica.ordered_log import OrderedLog
from quorate_node.replica.recovery import recover_log
from quorate_node.replica.service import Consistency, Done, MemberInfo, MemberStatus, PeerProgress, ReadDone, ServiceError
from quorate_node.replica.settings import ReplicaSettings
from quorate_node.replica.storage import Storage
from quorate_node.transport.interface import Identity, LostReason, PeerRefused, RequestKind, Transport

logger = logging.getLogger(__name__)

PROTOCOL_VERSION_LOW = 1
PROTOCOL_VERSION_HIGH = 1
RELEASE = "0.1.0"


class Replica:
    """Implements `ReplicaService` for the API and `Receiver` for the transport."""

    def __init__(
        self,
        settings: ReplicaSettings,
        raft_config: Callable[[int], RaftConfig],
        storage: Storage,
        transport: Transport,
        environment: Environment,
        peers: Callable[[], Awaitable[Sequence[str]]],
        token: str = "",
        may_bootstrap: bool = False,
    ) -> None:
        """`raft_config(member_id)` gives the protocol's settings; `peers()` the listed peers' URLs (discovery)."""
        self._settings = settings
        self._raft_config = raft_config
        self._storage = storage
        self._transport = transport
        self._environment = environment
        self._token = token
        self._token_hash = token_hash(token)
        self._joiner = Joiner(settings, transport, peers, token, may_bootstrap)
        self._instance = environment.random.getrandbits(63)
        self._admission = Admission(storage.load("admission"), lambda data: storage.save("admission", data), lambda: self.member_id)
        self._member: Member | None = None
        self._repairing = False
        self._stopping = False
        self._founding = asyncio.Lock()
        self._life: asyncio.Task[None] | None = None
        self.stopped_because: BaseException | None = None
        self.stopped = asyncio.Event()
        self.ordered_log = OrderedLog(self._require)

    # --- life --------------------------------------------------------------------------------------------------

    async def start(self) -> None:
        """Serve peers, and belong to a cluster as soon as that can be: by identity, by joining, by bootstrap."""
        self._admission.cluster_id = self._storage.cluster_id
        await self._transport.start(self)
        self._life = asyncio.get_running_loop().create_task(self._live())

    async def _live(self) -> None:
        try:
            if not self._storage.member_id:
                answer = await self._joiner.run()
                async with self._founding:
                    if not self._storage.member_id:
                        await self._become(answer)
            await self._work()
        except asyncio.CancelledError:
            raise
        except Exception as error:
            self._fail(error)

    async def _become(self, answer: JoinAnswer | None) -> None:
        if answer is None:
            await found_cluster(self._storage, self._settings, self._environment.random, self._token_hash)
        else:
            await self._storage.adopt(answer.cluster_id, answer.member_id)
            self._remember_token(answer.token_hash)
            self._transport.set_peers({member_id: url for member_id, url in answer.peers.items() if member_id != answer.member_id})
        self._admission.cluster_id = self._storage.cluster_id
        logger.info("member %x of cluster %x", self._storage.member_id, self._storage.cluster_id)

    async def _work(self) -> None:
        if self._member is not None:
            return
        machine = await self._storage.open_machine()
        if machine.members:
            self._set_peers(machine, machine.configuration)
        if self._storage.log.damaged():
            self._repairing = True
            await recover_log(self._settings, self._storage, machine, self._transport, self.member_id)
            self._repairing = False
        member = Member(
            self._settings,
            self._raft_config(self.member_id),
            self._storage,
            machine,
            self._transport,
            self._environment,
            self._admission.has_met,
            lambda configuration: self._set_peers(member.machine, configuration),
            self._fail,
        )
        self._member = member
        member.start()
        if machine.members:
            self._set_peers(machine, machine.configuration)
        self.ordered_log.follow(member)

    def _set_peers(self, machine: Machine, configuration: Configuration) -> None:
        """Speak to whoever is a member; an empty learner keeps the addresses that it was given with its identity."""
        if not machine.members:
            return
        present = {record.member_id: record.peer_url for record in machine.members.values() if record.member_id != self.member_id}
        self._transport.set_peers(present)
        self._admission.forget_absent({*present, self.member_id})
        if self.member_id not in machine.members and configuration.voters:
            logger.warning("this member was removed from the cluster; stop it, or give it an empty data directory to join again")

    def _fail(self, error: BaseException) -> None:
        """The member stops: what is wrong with it would spread if it went on."""
        if self.stopped_because is None:
            self.stopped_because = error
            logger.critical("this member stops: %s", error, exc_info=error)
            self.stopped.set()

    async def stop(self) -> None:
        """Hand leadership over, finish what was accepted, flush, close; never longer than the drain time."""
        if self._stopping:
            return
        self._stopping = True
        member = self._member
        if member is not None and self.stopped_because is None:
            try:
                async with asyncio.timeout(self._settings.shutdown_drain_ms / 1000):
                    await self._drain(member)
            except TimeoutError:
                logger.warning("not drained within %d ms; what is still open is answered as unknown", self._settings.shutdown_drain_ms)
        if self._life is not None:
            self._life.cancel()
            await asyncio.gather(self._life, return_exceptions=True)
        await self._transport.close()
        if member is not None:
            error = ServiceError("ShuttingDown", "this member stopped; the command may still take effect")
            member.engine.in_flight.fail_all(error)
            member.engine.reads.fail_all(error)
            await member.close()
        await self._storage.close(flush=self.stopped_because is None)
        self.stopped.set()

    async def _drain(self, member: Member) -> None:
        engine = member.engine
        if engine.soft_state.role == Role.LEADER and member.administration.best_successor():
            try:
                await member.administration.step_down()
            except ServiceError as error:
                logger.warning("leadership was not handed over before stopping: %s", error.message)
        while len(engine.in_flight) or len(engine.pending) or len(engine.reads):
            await asyncio.sleep(self._settings.tick_ms / 1000)

    # --- Receiver ----------------------------------------------------------------------------------------------

    def identity(self) -> Identity:
        storage = self._storage
        hard_state, _ = storage.log.initial()
        return Identity(
            storage.cluster_id,
            storage.member_id,
            storage.boot_counter,
            hard_state.term,
            hard_state.commit,
            PROTOCOL_VERSION_LOW,
            PROTOCOL_VERSION_HIGH,
            self._instance,
        )

    def admit(self, peer: Identity) -> str | None:
        return self._admission.judge(peer)

    def on_messages(self, messages: Sequence[Message]) -> None:
        if self._member is not None:
            self._member.on_messages(list(messages))

    def on_lost(self, member_id: int, reason: LostReason) -> None:
        if self._member is not None:
            self._member.on_lost(member_id, reason)

    def on_connected(self, member_id: int) -> None:
        logger.debug("connected to member %x", member_id)

    def on_unreachable(self, member_id: int) -> None:
        if self._member is not None:
            self._member.on_unreachable(member_id)

    async def on_request(self, member_id: int, kind: int, payload: bytes) -> bytes:
        if kind == RequestKind.PROBE:
            return msgspec.msgpack.encode(ProbeAnswer(self.cluster_id, self.member_id, tuple(self._tokens())))
        if self._member is None:
            raise PeerRefused("NotReady", "this member belongs to no cluster yet, or repairs its log")
        if kind == RequestKind.JOIN:
            return await self._answer_join(self._member, payload)
        if member_id == 0:
            raise PeerRefused("PermissionDenied", "an empty member may only probe and join")
        return await self._member.on_request(member_id, kind, payload)

    async def _answer_join(self, member: Member, payload: bytes) -> bytes:
        try:
            request = msgspec.msgpack.decode(payload, type=JoinRequest)
        except msgspec.MsgspecError as error:
            raise PeerRefused("MalformedBody", f"join request: {error}") from error
        tokens = self._tokens()
        if tokens and request.token_hash not in tokens:
            raise PeerRefused("Unauthenticated", "bootstrap.token is not this cluster's; give the joining member the same token")
        call = AdministrationCall(
            "join",
            peer_url=request.peer_url,
            name=request.name,
            witness=request.witness,
            priority=request.priority,
            client_url=request.client_url,
        )
        try:
            member_id = await member.administration.call(call)
        except ServiceError as error:
            raise PeerRefused(error.error, error.message) from error
        peers = {record.member_id: record.peer_url for record in member.machine.members.values()}
        peers[member_id] = request.peer_url
        return msgspec.msgpack.encode(JoinAnswer(self.cluster_id, member_id, tokens[0] if tokens else b"", peers))

    def _tokens(self) -> list[bytes]:
        stored = self._storage.load("tokens")
        return msgspec.msgpack.decode(stored, type=list[bytes]) if stored else []

    def _remember_token(self, token: bytes) -> None:
        tokens = self._tokens()
        if token and token not in tokens:
            self._storage.save("tokens", msgspec.msgpack.encode([*tokens, token]))

    # --- ReplicaService ----------------------------------------------------------------------------------------

    @property
    def member_id(self) -> int:
        return self._storage.member_id

    @property
    def cluster_id(self) -> int:
        return self._storage.cluster_id

    @property
    def machine(self) -> Machine:
        return self._require().machine

    def _require(self) -> Member:
        if self._member is None:
            raise ServiceError("NotReady", self._not_ready_reason())
        return self._member

    def _not_ready_reason(self) -> str:
        if self._repairing:
            return "this member repairs its log from its peers before it takes part"
        waiting = self._joiner.waiting_for
        return f"this member belongs to no cluster yet{': ' + waiting if waiting else ''}"

    def is_leader(self) -> bool:
        return self._member is not None and self._member.engine.soft_state.role == Role.LEADER

    def leader(self) -> tuple[int, str]:
        if self._member is None:
            return 0, ""
        leader_id = self._member.engine.soft_state.leader
        record = self._member.machine.members.get(leader_id)
        return (leader_id, record.client_url) if record is not None else (leader_id, "")

    def _refusal(self) -> ServiceError | None:
        if self._stopping or self.stopped_because is not None:
            return ServiceError("ShuttingDown", "this member is stopping; ask another")
        if self._member is None:
            return ServiceError("NotReady", self._not_ready_reason())
        return None

    def submit(self, command: Command, done: Done, *, forward: bool = True, deadline_s: float | None = None) -> None:
        member = self._member
        loop = asyncio.get_running_loop()
        if member is None or self._stopping or self.stopped_because is not None:
            refusal = self._refusal()
            assert refusal is not None
            loop.call_soon(done, refusal)
            return
        engine = member.engine
        soft = engine.soft_state
        if not forward and soft.role != Role.LEADER:
            error = "NotLeader" if soft.leader else "NoLeader"
            loop.call_soon(done, ServiceError(error, "this member does not lead and was asked not to forward"))
            return
        if deadline_s is None:
            deadline_s = loop.time() + self._settings.request_timeout_ms / 1000
        if not engine.pending.add(command, (done, deadline_s)):
            loop.call_soon(done, ServiceError("TooManyRequests", "the queue of proposals is full; try again in a moment"))
            return
        engine.wake()

    async def execute(self, command: Command, *, forward: bool = True, timeout_s: float | None = None) -> Result:
        loop = asyncio.get_running_loop()
        outcome: asyncio.Future[Result] = loop.create_future()

        def done(result: Result | ServiceError) -> None:
            if outcome.done():
                return
            if isinstance(result, ServiceError):
                outcome.set_exception(result)
            else:
                outcome.set_result(result)

        self.submit(command, done, forward=forward, deadline_s=None if timeout_s is None else loop.time() + timeout_s)
        return await outcome

    def read(self, consistency: int, done: ReadDone, *, staleness_ms_max: int = 0, deadline_s: float | None = None) -> None:
        member = self._member
        loop = asyncio.get_running_loop()
        if member is None or self._stopping or self.stopped_because is not None:
            loop.call_soon(done, self._refusal())
            return
        engine = member.engine
        if consistency == Consistency.STALE:
            loop.call_soon(done, self._stale_error(member, staleness_ms_max))
            return
        if consistency == Consistency.LEASE and self.lease_holds() and engine.raft.lease_read_index() <= engine.machine.applied_index:
            loop.call_soon(done, None)
            return
        if deadline_s is None:
            deadline_s = loop.time() + self._settings.request_timeout_ms / 1000
        if not engine.reads.add(done, deadline_s):
            loop.call_soon(done, ServiceError("TooManyRequests", "the queue of reads is full; try again in a moment"))
            return
        engine.wake()

    def lease_holds(self) -> bool:
        """Asked again *after* a lease read has read its value: a pause in between may have outlived the lease (DESIGN decision 14)."""
        member = self._member
        return member is not None and member.engine.raft.lease_valid(self._environment.now_ms())

    def _stale_error(self, member: Member, staleness_ms_max: int) -> ServiceError | None:
        if not staleness_ms_max or member.engine.soft_state.role == Role.LEADER:
            return None
        age_ms = member.engine.leader_contact_age_ms()
        if age_ms <= staleness_ms_max:
            return None
        return ServiceError(
            "TooStale", f"max_staleness_ms is {staleness_ms_max}, the last word from a leader is {age_ms} ms old; ask another member"
        )

    async def read_barrier(self, consistency: int, *, staleness_ms_max: int = 0, timeout_s: float | None = None) -> None:
        loop = asyncio.get_running_loop()
        ready: asyncio.Future[None] = loop.create_future()

        def done(error: ServiceError | None) -> None:
            if ready.done():
                return
            if error is None:
                ready.set_result(None)
            else:
                ready.set_exception(error)

        deadline_s = None if timeout_s is None else loop.time() + timeout_s
        self.read(consistency, done, staleness_ms_max=staleness_ms_max, deadline_s=deadline_s)
        await ready

    # --- administration ----------------------------------------------------------------------------------------

    async def _call(self, call: AdministrationCall) -> int:
        refusal = self._refusal()
        if refusal is not None:
            raise refusal
        return await self._require().administration.call(call)

    async def add_member(
        self, peer_url: str, name: str, *, witness: bool, priority: int, expected_configuration_index: int | None
    ) -> int:
        return await self._call(
            AdministrationCall(
                "add",
                peer_url=peer_url,
                name=name,
                witness=witness,
                priority=priority,
                expected_configuration_index=expected_configuration_index,
            )
        )

    async def promote_member(self, member_id: int, *, expected_configuration_index: int | None) -> None:
        await self._call(AdministrationCall("promote", member_id, expected_configuration_index=expected_configuration_index))

    async def remove_member(self, member_id: int, *, expected_configuration_index: int | None) -> None:
        await self._call(AdministrationCall("remove", member_id, expected_configuration_index=expected_configuration_index))

    async def replace_member(self, member_id: int, peer_url: str, name: str, *, expected_configuration_index: int | None) -> int:
        return await self._call(
            AdministrationCall("replace", member_id, peer_url, name, expected_configuration_index=expected_configuration_index)
        )

    async def transfer_leadership(self, to: int) -> int:
        return await self._call(AdministrationCall("transfer", to))

    async def step_down(self) -> None:
        await self._call(AdministrationCall("step-down"))

    async def bootstrap(self, token: str, snapshot: AsyncIterator[bytes] | None = None) -> int:
        """Make this empty member a cluster of one. Idempotent by token: `AlreadyBootstrapped` says what is there."""
        async with self._founding:
            wanted = token_hash(token)
            if self._storage.member_id:
                raise ServiceError("AlreadyBootstrapped", f"this member belongs to cluster {self.cluster_id:x} already")
            refusal = Joiner.refusal_to_bootstrap(await self._joiner.probe(), wanted)
            if refusal is not None:
                raise ServiceError("AlreadyBootstrapped", refusal)
            if snapshot is None:
                await found_cluster(self._storage, self._settings, self._environment.random, wanted)
            else:
                await restore_cluster(self._storage, self._settings, self._environment.random, wanted, snapshot)
            self._token_hash = wanted
            self._admission.cluster_id = self._storage.cluster_id
        if self._life is not None:
            self._life.cancel()
            await asyncio.gather(self._life, return_exceptions=True)
        self._life = asyncio.get_running_loop().create_task(self._live())
        return self.cluster_id

    def snapshot_stream(self) -> AsyncIterator[bytes]:
        return self._storage.snapshot_file(self.machine)

    def committed_entries(self, from_index: int) -> AsyncIterator[Sequence[Entry]]:
        return self.ordered_log.entries(from_index)

    # --- status ------------------------------------------------------------------------------------------------

    def members(self) -> tuple[int, list[MemberInfo]]:
        member = self._require()
        configuration = member.machine.configuration
        progress = member.engine.raft.progress() if self.is_leader() else {}
        last_index = member.engine.raft.last_index
        infos = []
        for record in sorted(member.machine.members.values(), key=lambda record: record.name):
            witness = record.member_id in configuration.witnesses
            role = "witness" if witness else "voter" if record.member_id in configuration.voters else "learner"
            seen = progress.get(record.member_id)
            peer = None
            if seen is not None:
                active = seen.recent_active or record.member_id == self.member_id
                peer = PeerProgress(record.member_id, seen.state.name.lower(), seen.match, active, last_index - seen.match)
            infos.append(MemberInfo(record.member_id, record.name, role, record.peer_url, record.client_url, record.priority, peer))
        return member.engine.configuration_index, infos

    def _role(self, soft: SoftState, configuration: Configuration) -> str:
        if self.stopped_because is not None:
            return "stopped"
        if self.member_id in configuration.witnesses:
            return "witness"
        if self.member_id in configuration.learners or not configuration.voters:
            return "learner"
        return {Role.LEADER: "leader", Role.FOLLOWER: "follower"}.get(soft.role, "candidate")

    def status(self) -> MemberStatus:
        settings, storage, member = self._settings, self._storage, self._member
        alarms = list(storage.alarms())
        if self.stopped_because is not None:
            alarms.append(f"Stopped: {self.stopped_because}")
        common = {
            "member_id": self.member_id,
            "name": settings.name,
            "peer_url": settings.peer_url,
            "client_url": settings.client_url,
            "first_index": storage.log.first_index(),
            "last_index": storage.log.last_index(),
            "log_size_bytes": storage.log.size_bytes(),
            "version": RELEASE,
            "boot_counter": storage.boot_counter,
        }
        if member is None:
            role = "repairing" if self._repairing else "joining" if self.member_id else "uninitialised"
            return MemberStatus(
                role=role,
                leader_id=0,
                term=0,
                commit_index=0,
                applied_index=0,
                revision=0,
                compacted_revision=0,
                state_size_bytes=0,
                cluster_version=0,
                errors=(*alarms, f"NotReady: {self._not_ready_reason()}"),
                **common,
            )
        engine, machine = member.engine, member.machine
        alarms.extend(f"{name}: {text}" for name, text in member.housekeeping.alarms.items())
        return MemberStatus(
            role=self._role(engine.soft_state, machine.configuration),
            leader_id=engine.soft_state.leader,
            term=engine.raft.term,
            commit_index=engine.raft.commit_index,
            applied_index=machine.applied_index,
            revision=machine.revision,
            compacted_revision=machine.compacted_revision,
            state_size_bytes=storage.state_size_bytes(),
            cluster_version=machine.cluster_version,
            errors=tuple(alarms),
            **common,
        )


__all__ = ["Replica", "new_member_id"]
