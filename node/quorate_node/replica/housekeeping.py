"""What an engine needs done now and then: time-outs, expiry by log time, disk space and stalls, compaction, checking digests."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Protocol

import msgspec

from quorate.wire.commands import Command
from quorate.wire.results import Failure
from quorate_node.machine.kv import KeyValueMachine
from quorate_node.protocol.ready import Role
from quorate_node.replica.administration import Administration
from quorate_node.replica.application_part import RETRY_S, ApplicationPart, PartOfStorage
from quorate_node.replica.engine import Engine
from quorate_node.replica.non_voting import is_non_voting
from quorate_node.replica.parcel import Parcel
from quorate_node.replica.service import ServiceError
from quorate_node.replica.settings import ReplicaSettings
from quorate_node.replica.stalls import Stalls
from quorate_node.store.errors import Backpressure, Compacted
from quorate_node.transport.interface import PeerFailure, PeerRefused, RequestKind, Transport

logger = logging.getLogger(__name__)

INTERVAL_S = 0.1
BACKGROUND_SLICE_S = 0.003


class Diverged(Exception):
    """This member's state differs from the majority's at the same index: it must stop, and be given an empty directory."""


class StorageCare(PartOfStorage, Protocol):
    """What housekeeping asks of the member's storage (`replica.storage`)."""

    def space_error(self) -> str | None:
        """In words, that disk space fell below the reserve."""
        ...

    async def flush_state(self) -> None: ...
    def compaction_floor(self, applied_index: int) -> int | None:
        """The index up to which the application's own snapshot lets the log go; None: no application."""
        ...

    def compacted(self, index: int) -> None: ...
    def application_command(self) -> Command | None:
        """What the application's registration needs proposed."""
        ...


class Housekeeping:
    def __init__(
        self,
        settings: ReplicaSettings,
        engine: Engine,
        administration: Administration,
        transport: Transport,
        storage: StorageCare,
        repair: Callable[[list[tuple[int, int]]], Awaitable[bool]],
        failed: Callable[[BaseException], None],
    ) -> None:
        self._settings = settings
        self._engine = engine
        self._administration = administration
        self._transport = transport
        self._storage = storage
        self._repair = repair
        self._application_part = ApplicationPart(settings, engine, storage, transport)
        self._scrubbed = 0
        self._failed = failed
        self._tasks: list[asyncio.Task[None]] = []
        self._expiring = False
        self._handing_over = False
        self._stalls = Stalls(settings.disk_stall_ms / 1000)
        self.alarms: dict[str, str] = {}
        self.divergences = 0
        """Times that the comparison of state hashes found a difference."""

    def start(self) -> None:
        create = asyncio.get_running_loop().create_task
        settings = self._settings
        for interval_ms, work in (
            (INTERVAL_S * 1000, self._each_moment),
            (settings.expiry_interval_ms, self._expire_by_log_time),
            (settings.space_check_ms, self._check_space),
            (settings.compact_check_ms, self._compact),
            (settings.digest_interval_ms, self._compare_digests),
            (settings.scrub_interval_ms, self._scrub),
            (RETRY_S * 1000, self._application_part.fetch_if_missing),
        ):
            self._tasks.append(create(self._repeat(interval_ms / 1000, work)))

    async def _repeat(self, interval_s: float, work: Callable[[], Awaitable[None]]) -> None:
        while True:
            await asyncio.sleep(interval_s)
            try:
                await work()
            except Exception as error:  # noqa: BLE001 - a broken invariant here is as serious as in a turn of the engine
                self._failed(error)
                return

    async def _each_moment(self) -> None:
        engine = self._engine
        now_s = asyncio.get_running_loop().time()
        for parcel in engine.pending.expire(now_s):
            if engine.soft_state.leader:
                parcel.fail(
                    ServiceError("Timeout", "the leader did not take the command within the request's time: it was not carried out")
                )
            else:
                parcel.fail(ServiceError("NoLeader", "no leader was elected within the request's time: the command was not carried out"))
        engine.in_flight.expire(now_s)
        engine.reads.expire(now_s)
        engine.reads.retry_lost()
        engine.wake()
        self._work_in_background(now_s + BACKGROUND_SLICE_S)
        await self._check_stall(now_s)

    async def _check_stall(self, now_s: float) -> None:
        """A leader whose disk stalls answers nobody: it hands over, if that makes it better (`replica.stalls`)."""
        engine, stalls = self._engine, self._stalls
        stalls.leads(now_s, engine.soft_state.leader)
        if engine.soft_state.role == Role.LEADER:
            progress = engine.raft.status().progress
            stalls.observe(now_s, engine.raft.last_index, {member: known.match for member, known in progress.items()})
        stalled_s = engine.writer.stalled_s()
        if stalled_s * 1000 <= self._settings.disk_stall_ms:
            self.alarms.pop("DiskStalled", None)
            return
        self.alarms["DiskStalled"] = f"a log write has been under way for {stalled_s:.1f} s"
        successor = self._administration.faster_successor()
        if successor and stalls.is_sound(now_s, successor) and not stalls.is_resting(now_s):
            stalls.tried(now_s)
            await self._hand_over("the disk stalls")

    def _work_in_background(self, until_s: float) -> None:
        """Compacted history goes piece by piece, in a share of the loop's time that nobody notices."""
        machine = self._engine.machine
        while isinstance(machine, KeyValueMachine) and asyncio.get_running_loop().time() < until_s:
            try:
                if not machine.background_step():
                    return
            except Backpressure:
                return

    async def _hand_over(self, reason: str) -> None:
        if self._engine.soft_state.role != Role.LEADER or self._handing_over:
            return
        self._handing_over = True
        logger.warning("handing leadership over: %s", reason)
        try:
            # failpoint: stall.before_hand_over, awaited
            await self._administration.hand_over()
        except ServiceError as error:
            logger.warning("leadership was not handed over: %s", error.message)
        finally:
            self._handing_over = False

    async def _expire_by_log_time(self) -> None:
        engine = self._engine
        if engine.soft_state.role != Role.LEADER or self._expiring:
            return
        commands = engine.machine.due(engine.clock.read())
        registration = self._storage.application_command()
        if registration is not None:
            commands.append(registration)
        if not commands:
            return
        # failpoint: expiry.before_propose, or return
        self._expiring = True
        deadline_s = asyncio.get_running_loop().time() + self._settings.request_timeout_ms / 1000
        remaining = len(commands)

        def done(result: object) -> None:
            nonlocal remaining
            remaining -= 1
            if remaining == 0:
                self._expiring = False
            if isinstance(result, (ServiceError, Failure)):
                logger.info("expiry is tried again: %s", result.message)

        for command in commands:
            if not engine.pending.add(Parcel.single(command, done, deadline_s)):
                done(ServiceError("TooManyRequests", "the queue is full"))
        engine.wake()

    async def _check_space(self) -> None:
        reason = self._storage.space_error()
        if reason is None and self._engine.writer.no_space:
            reason = "the disk is full"
        if reason is None:
            self.alarms.pop("NoSpace", None)
            self._engine.proposing.refusal = None
            return
        if "NoSpace" not in self.alarms:
            logger.error("writes are refused: %s", reason)
        self.alarms["NoSpace"] = reason
        self._engine.proposing.refusal = ServiceError("NoSpace", f"{reason}; reads are served, free space on the member's volume")

    async def _compact(self) -> None:
        """Let the log go below what the *flushed* state holds, less what members slightly behind need (DESIGN decision 7)."""
        engine, settings = self._engine, self._settings
        log = engine.log
        if engine.halted:
            return  # While a snapshot is installed the state, and its members, are ahead of the log, which begins after it in a moment.
        applied = min(engine.machine.applied_index, log.last_index())
        if applied - log.first_index() < settings.compact_every_entries and log.size_bytes() < settings.compact_every_bytes:
            return
        configuration = engine.machine.configuration
        floor = self._storage.compaction_floor(applied)
        target = min(applied - settings.log_keep_entries, applied if floor is None else floor)
        if target <= log.first_index():
            target = min(applied - 1, applied if floor is None else floor)  # few but large entries: bytes, not counts, made it due
        if target <= log.first_index():
            return
        # failpoint: compaction.before, awaited, or return
        try:
            await self._storage.flush_state()
        except Backpressure:
            return  # What is applied is not all in the state yet: nothing of the log may go. At the next check.
        # failpoint: compaction.after_flush, awaited
        try:
            await asyncio.get_running_loop().run_in_executor(None, log.compact, target, configuration)
        except Compacted:
            return  # A snapshot was installed while the state was flushed: the log begins later already.
        # failpoint: compaction.after_log, awaited
        self._storage.compacted(target)
        logger.info("log compacted up to index %d", target)

    async def _compare_digests(self) -> None:
        """The leader asks everybody for the state hashes at recent checkpoint indexes; whoever differs from a majority stops."""
        engine = self._engine
        if engine.soft_state.role != Role.LEADER:
            return
        # failpoint: digests.before_compare, or return
        mine = dict(engine.machine.digests())
        configuration = engine.machine.configuration
        others = [m for m in (*configuration.voters, *configuration.learners) if m != engine.raft.id and m not in configuration.witnesses]
        answers = await asyncio.gather(*(self._digests_of(member_id) for member_id in others))
        heard = [mine, *(answer for answer in answers if answer is not None)]
        # Who never votes is compared and not counted: there may be many of them, and no number of them says what is right.
        voices = zip(others, answers, strict=True)
        members = engine.machine.members
        votes = [mine, *(answer for other, answer in voices if answer is not None and not is_non_voting(members, other))]
        await self._judge_digests(heard, votes, others, answers, mine)

    async def _judge_digests(
        self,
        heard: list[dict[int, bytes]],
        votes: list[dict[int, bytes]],
        others: list[int],
        answers: list[dict[int, bytes] | None],
        mine: dict[int, bytes],
    ) -> None:
        for index in sorted(set().union(*votes), reverse=True):
            if len({told[index] for told in heard if index in told}) <= 1:
                continue
            seen = [vote[index] for vote in votes if index in vote]
            self.divergences += 1
            right = max(sorted(set(seen)), key=seen.count)
            if seen.count(right) * 2 <= len(seen):
                self.alarms["Diverged"] = f"members hold different states at index {index} and no majority says which is right"
                logger.error("%s", self.alarms["Diverged"])
                return
            for member_id, answer in zip(others, answers, strict=True):
                if answer is not None and answer.get(index, right) != right:
                    self.alarms["Diverged"] = f"member {member_id} holds another state at index {index}: it is told to stop"
                    logger.error("%s", self.alarms["Diverged"])
                    await self._tell_diverged(member_id, index, right)
            if mine.get(index, right) != right:
                raise Diverged(f"the state at index {index} differs from the majority's: give this member an empty data directory")
            return

    async def _tell_diverged(self, member_id: int, index: int, right: bytes) -> None:
        payload = msgspec.msgpack.encode({index: right})
        try:
            await self._transport.request(member_id, RequestKind.DIGESTS, payload, self._settings.request_peer_timeout_ms / 1000)
        except (PeerFailure, PeerRefused) as error:
            logger.warning("member %d could not be told of its divergence: %s", member_id, error)

    async def _digests_of(self, member_id: int) -> dict[int, bytes] | None:
        try:
            timeout_s = self._settings.request_peer_timeout_ms / 1000
            answer = await self._transport.request(member_id, RequestKind.DIGESTS, b"", timeout_s)
            return msgspec.msgpack.decode(answer, type=dict[int, bytes])
        except (PeerFailure, PeerRefused, msgspec.MsgspecError):
            return None  # It is asked again; a member that is away is not a member that differs.

    async def _scrub(self) -> None:
        """Read a stretch of the log back from disk and check it; what is damaged is repaired from peers by the replica."""
        engine = self._engine
        low = max(engine.log.first_index(), self._scrubbed)
        high = min(low + self._settings.scrub_entries, engine.raft.applied_index + 1)
        if low >= high:
            self._scrubbed = 0
            return
        # failpoint: scrub.before, awaited
        damaged = await asyncio.get_running_loop().run_in_executor(None, engine.log.scrub, low, high)
        self._scrubbed = high
        if damaged:
            self.alarms["Damaged"] = f"log indexes {damaged} are damaged on disk; repairing from peers"
            logger.error("%s", self.alarms["Damaged"])
            if await self._repair(damaged):
                self.alarms.pop("Damaged", None)

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

