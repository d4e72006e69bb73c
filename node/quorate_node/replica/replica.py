"""The replica: what the API and the transport see of this member, before, while and after it belongs to a cluster."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence

import msgspec

from quorate_node.machine.interface import Machine
from quorate_node.protocol.membership import Configuration
from quorate_node.protocol.message import Message
from quorate_node.protocol.raft import RaftConfig
from quorate_node.protocol.ready import Role
from quorate_node.replica.addresses import PeerAddresses
from quorate_node.replica.admission import Admission, removal_of
from quorate_node.replica.announced import AnnouncedIndex
from quorate_node.replica.founding import found_cluster, restore_cluster
from quorate_node.replica.joining import JoinAnswer, Joiner, ProbeAnswer, token_hash
from quorate_node.replica.lone_damage import FLAG, recover_alone, refuse_with_peers
from quorate_node.replica.member import Environment, Member
from quorate_node.replica.recovery import recover_log
from quorate_node.replica.repair import answer_log_range
from quorate_node.replica.service import ServiceError
from quorate_node.replica.settings import ReplicaSettings
from quorate_node.replica.storage import Storage, applied_point
from quorate_node.replica.versions import Versions
from quorate_node.replica.welcoming import Welcoming
from quorate_node.telemetry.telemetry import Telemetry
from quorate_node.transport.interface import Identity, LostReason, PeerRefused, RequestKind, Transport

logger = logging.getLogger(__name__)

RELEASE = "0.1.0"


def _nobody_listens(*_: object) -> None:
    """Before anybody asked."""


class Replica:
    """Implements `Receiver` for the transport; `service_face.ServiceFace` is its face to the API."""

    def __init__(
        self,
        settings: ReplicaSettings,
        raft_config: Callable[[int], RaftConfig],
        storage: Storage,
        transport: Transport,
        environment: Environment,
        telemetry: Telemetry,
        peers: Callable[[], Awaitable[Sequence[str]]],
        token: str = "",
        may_bootstrap: bool = False,
        discard_damaged_from: int | None = None,
    ) -> None:
        """`raft_config(member_id)` gives the protocol's settings; `peers()` the listed peers' URLs (discovery)."""
        self._settings = settings
        self._raft_config = raft_config
        self._storage = storage
        self._transport = transport
        self._environment = environment
        self._telemetry = telemetry
        self._token = token
        self._token_hash = token_hash(token)
        self._addresses = PeerAddresses(storage, transport, settings.request_peer_timeout_ms)
        self._joiner = Joiner(settings, transport, peers, token, may_bootstrap, environment.release)
        self._instance = environment.random.getrandbits(63)
        self._admission = Admission(storage, lambda: self.member_id)
        self._versions = Versions(environment.release, lambda: self._member.machine.cluster_version if self._member is not None else 0)
        self._welcoming = Welcoming(settings, storage, transport, self._versions, lambda: self.cluster_id)
        self._member: Member | None = None
        self._repairing = False
        self._discard_damaged_from = discard_damaged_from
        self.damage = ""
        """What is damaged, in words, while an operator must decide what becomes of it."""
        self.removed = ""
        """That this member is none of the cluster any more, in words; empty as far as it knows."""
        self._announced = AnnouncedIndex(storage)
        self._spoken_to: set[int] = set()
        """The other members of the configuration that was applied last."""
        self._committed_at_start = 0
        self._is_outcast = False
        """A peer said that it was removed."""
        self._was_member = False
        """Its own addition was applied in this life: only then does its absence mean that it was removed."""
        self._stopping = False
        self._closed = False
        self._founding = asyncio.Lock()
        self._life: asyncio.Task[None] | None = None
        self.stopped_because: BaseException | None = None
        self.stopped = asyncio.Event()
        self.applied: Callable[[int], None] = _nobody_listens
        """Told of every applied index, of whatever machine is in use."""
        self.leader_changed: Callable[[], None] = _nobody_listens
        """Told when this member's role or leader is another, inside a turn of the engine."""

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
        except Exception as error:  # noqa: BLE001 - whatever broke stops the member, with its cause
            self._fail(error)

    async def _become(self, answer: JoinAnswer | None) -> None:
        if answer is None:
            await found_cluster(self._storage, self._settings, self._environment.random, self._token_hash)
        else:
            await self._storage.clear_state()
            self._welcoming.remember_token(answer.token_hash)
            others = {member_id: url for member_id, url in answer.peers.items() if member_id != answer.member_id}
            self._addresses.keep(others)
            # Last, as commit: a member that knew who it is and nobody's address could never answer its leader.
            await self._storage.adopt(answer.cluster_id, answer.member_id)
            # failpoint: join.after_identity, awaited
            self._addresses.use(others)
        self._admission.cluster_id = self._storage.cluster_id
        logger.info("member %d of cluster %d", self._storage.member_id, self._storage.cluster_id)

    async def _work(self) -> None:
        if self._member is not None:
            return
        # failpoint: member.start.before_machine, awaited
        machine = await self._storage.open_machine()
        # failpoint: member.start.after_machine, awaited
        self._committed_at_start = self._storage.log.initial()[0].commit
        known = self._addresses.known
        if known:
            self._addresses.use(known)
        if self._storage.log.damaged():
            # failpoint: recovery.before, awaited
            await self._make_whole(sorted(known), machine)
        elif self._discard_damaged_from is not None:
            logger.warning("nothing is damaged: %s is not needed, leave it out", FLAG)
        member = Member(
            self._settings,
            self._raft_config(self.member_id),
            self._storage,
            machine,
            self._transport,
            self._environment,
            self._telemetry,
            self._admission.has_met,
            self._versions,
            lambda configuration: self._set_peers(member.machine, configuration),
            self._fail,
        )
        self._member = member
        member.leader_changed = lambda _: self.leader_changed()
        member.start()
        machine.on_applied(self._on_applied)

    async def _make_whole(self, peers: list[int], machine: Machine) -> None:
        if peers:
            refuse_with_peers(self._discard_damaged_from)
            self._repairing = True
            await recover_log(self._settings, self._storage, machine, self._transport, peers, self._telemetry)
            self._repairing = False
            return
        self.damage = await recover_alone(self._storage, applied_point(machine), self._discard_damaged_from, self._telemetry) or ""
        if self.damage:
            logger.critical("%s", self.damage)
            await asyncio.Event().wait()  # Until this process is stopped: the decision comes with a new start.

    def _on_applied(self, index: int) -> None:
        self.applied(index)

    def _set_peers(self, machine: Machine, configuration: Configuration) -> None:
        """Speak to whoever is a member; an empty learner keeps the addresses that it was given with its identity."""
        if not machine.members or self._stopping or self._is_outcast:
            return
        self._was_member = self._was_member or self.member_id in machine.members
        present = {record.member_id: record.peer_url for record in machine.members.values() if record.member_id != self.member_id}
        # Who was never in an applied configuration may be newer than it: only who was, and is not any more, is given up.
        kept = {member_id: url for member_id, url in self._addresses.known.items() if member_id not in self._spoken_to - present.keys()}
        self._admission.note_removed(self._spoken_to - present.keys())
        self._spoken_to = set(present)
        if machine.applied_index <= self._committed_at_start:
            self._addresses.use({**present, **kept})  # Applied again after a restart: what is known is newer.
            return
        self._addresses.use({**kept, **present})
        self._admission.forget_absent({*kept, *present, self.member_id})
        if self.member_id not in machine.members and self._was_member:
            self._note_own_removal(removal_of(self.member_id))

    def _note_own_removal(self, text: str) -> None:
        if not self.removed:
            self.removed = text
            self._telemetry.timeline.note(asyncio.get_running_loop().time(), "removed", text)
            logger.warning("%s", text)

    def _fail(self, error: BaseException) -> None:
        """The member stops: what is wrong with it would spread if it went on."""
        if self.stopped_because is None:
            self.stopped_because = error
            self._telemetry.timeline.note(asyncio.get_running_loop().time(), "stopped", str(error))
            logger.critical("this member stops: %s", error, exc_info=error)
            self.stopped.set()

    async def stop(self) -> None:
        """Hand leadership over, finish what was accepted, flush, close; never longer than the drain time."""
        await self.drain()
        if self._closed:
            return
        self._closed = True
        member = self._member
        if self._life is not None:
            self._life.cancel()
            await asyncio.gather(self._life, return_exceptions=True)
        # failpoint: shutdown.before_close, awaited
        await self._addresses.close()
        await self._transport.close()
        if member is not None:
            error = ServiceError("LeadershipLost", "this member stopped; the command may still take effect")
            member.engine.in_flight.fail_all(error)
            member.engine.reads.fail_all(error)
            await member.close()
        await self._storage.close(flush=self.stopped_because is None)
        self.stopped.set()

    async def drain(self) -> None:
        """Take nothing more, hand leadership over, and finish what was accepted, within the drain time. `stop` does it too."""
        if self._stopping:
            return
        self._stopping = True
        member = self._member
        if member is None or self.stopped_because is not None:
            return
        try:
            async with asyncio.timeout(self._settings.shutdown_drain_ms / 1000):
                await self._drain(member)
        except TimeoutError:
            logger.warning("not drained within %d ms; what is still open is answered as unknown", self._settings.shutdown_drain_ms)

    async def _drain(self, member: Member) -> None:
        engine = member.engine
        if engine.soft_state.role == Role.LEADER and member.administration.has_heir():
            try:
                # failpoint: shutdown.before_transfer, awaited
                await member.administration.hand_over()
            except ServiceError as error:
                logger.warning("leadership was not handed over before stopping: %s", error.message)
        # failpoint: shutdown.after_transfer, awaited
        while len(engine.in_flight) or len(engine.pending) or len(engine.reads):  # noqa: ASYNC110 - a drain, once in a life
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
            self._announced.at_least(hard_state.commit),
            *self._environment.release,
            self._instance,
        )

    def admit(self, peer: Identity) -> str | None:
        return self._versions.judge(peer) or self._admission.judge(peer)

    def has_removed(self, member_id: int) -> bool:
        return member_id in self._admission.removed

    def may_vote(self, member_id: int) -> bool:
        record = self._member.machine.members.get(member_id) if self._member is not None else None
        return record is not None and not record.non_voting

    def on_removed(self, text: str) -> None:
        """Nobody of the cluster listens to this member any more: it stops asking, and serves what it has until it is stopped."""
        self._note_own_removal(text)
        self._is_outcast = True
        self._transport.set_peers({})

    def on_messages(self, messages: Sequence[Message]) -> None:
        if self._member is not None and messages:
            self._addresses.heard(messages[0].sender)
            self._member.on_messages(list(messages))

    def on_lost(self, member_id: int, reason: LostReason) -> None:
        if self._member is not None:
            self._member.on_lost(member_id, reason)

    def on_connected(self, member_id: int) -> None:
        logger.debug("connected to member %d", member_id)

    def on_unreachable(self, member_id: int) -> None:
        if self._member is not None:
            self._member.on_unreachable(member_id)

    async def on_request(self, member_id: int, kind: int, payload: bytes, *, non_voting: bool = False) -> bytes:
        if kind == RequestKind.PROBE:
            tokens = tuple(self._welcoming.tokens())
            return msgspec.msgpack.encode(ProbeAnswer(self.cluster_id, self.member_id, tokens, dict(self._addresses.known)))
        if self._repairing and member_id and kind == RequestKind.LOG_RANGE:
            # What is whole here is so by the chain, and judged again by whoever asks: members with other damage each can help one another.
            return answer_log_range(self._storage.log, self._settings, payload)
        if self._member is None:
            raise PeerRefused("NotReady", "this member belongs to no cluster yet, or repairs its log")
        if kind == RequestKind.JOIN:
            return await self._welcoming.answer(self._member, payload, non_voting_only=non_voting)
        if member_id == 0:
            raise PeerRefused("PermissionDenied", "an empty member may only probe and join")
        return await self._member.on_request(member_id, kind, payload)

    # --- what the service asks ---------------------------------------------------------------------------------

    @property
    def member_id(self) -> int:
        return self._storage.member_id

    @property
    def cluster_id(self) -> int:
        return self._storage.cluster_id

    @property
    def member(self) -> Member | None:
        """The member at work; None before it belongs to a cluster and while its log is repaired."""
        return self._member

    @property
    def stopping(self) -> bool:
        return self._stopping or self.stopped_because is not None

    @property
    def repairing(self) -> bool:
        return self._repairing

    def not_ready_reason(self) -> str:
        if self.damage:
            return self.damage
        if self._repairing:
            return "this member repairs its log from its peers before it takes part"
        waiting = self._joiner.waiting_for
        return f"this member belongs to no cluster yet{': ' + waiting if waiting else ''}"

    async def bootstrap(self, token: str, snapshot: AsyncIterator[bytes] | None = None) -> int:
        """Make this empty member a cluster of one. Idempotent by token: `AlreadyBootstrapped` says what is there."""
        async with self._founding:
            wanted = token_hash(token)
            if self._storage.member_id:
                raise ServiceError("AlreadyBootstrapped", f"this member belongs to cluster {self.cluster_id} already")
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
