"""`ReplicaService` over a `Replica`: the calls of the API, refused with an exact reason before there is a cluster."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence

from quorate.wire.commands import Command, CommandKind
from quorate.wire.results import Result
from quorate_node.machine.interface import Machine
from quorate_node.protocol.entry import Entry
from quorate_node.protocol.ready import Role
from quorate_node.replica.administration_call import AdministrationCall
from quorate_node.replica.member import Environment, Member
from quorate_node.replica.ordered_log import OrderedLog
from quorate_node.replica.parcel import Parcel, Single
from quorate_node.replica.replica import Replica
from quorate_node.replica.service import Asker, Consistency, Done, MemberInfo, MemberStatus, ReadDone, ServiceError
from quorate_node.replica.settings import ReplicaSettings
from quorate_node.replica.status import member_infos, member_status
from quorate_node.replica.storage import Storage


class ServiceFace:
    """Implements `replica.service.ReplicaService`."""

    def __init__(self, replica: Replica, settings: ReplicaSettings, storage: Storage, environment: Environment) -> None:
        self._replica = replica
        self._settings = settings
        self._storage = storage
        self._environment = environment
        self._ordered_log = OrderedLog(self._require)
        self._fresh_ms = -(1 << 62)
        """What this member holds is what a quorum had at this time of its own clock, or newer."""
        self.reads_asked = [0, 0, 0]
        """Calls of `read`, by consistency; the metrics take them over."""
        replica.applied = self._ordered_log.wake

    @property
    def cluster_id(self) -> int:
        return self._replica.cluster_id

    @property
    def machine(self) -> Machine:
        """Raises `ServiceError` (NotReady) before there is one."""
        return self._require().machine

    def _require(self) -> Member:
        member = self._replica.member
        if member is None:
            raise ServiceError("NotReady", self._replica.not_ready_reason())
        return member

    def is_leader(self) -> bool:
        member = self._replica.member
        return member is not None and member.engine.soft_state.role == Role.LEADER

    def leader(self) -> tuple[int, str]:
        member = self._replica.member
        if member is None:
            return 0, ""
        leader_id = member.engine.soft_state.leader
        record = member.machine.members.get(leader_id)
        return (leader_id, record.client_url) if record is not None else (leader_id, "")

    def _refusal(self) -> ServiceError | None:
        if self._replica.stopping:
            return ServiceError("ShuttingDown", "this member is stopping; ask another")
        if self._replica.member is None:
            return ServiceError("NotReady", self._replica.not_ready_reason())
        return None

    def submit(self, command: Command, done: Done, *, forward: bool = True, deadline_s: float | None = None) -> None:
        self.submit_many([command], Single(done), forward=forward, deadline_s=deadline_s)

    def submit_many(self, commands: list[Command], asker: Asker, *, forward: bool = True, deadline_s: float | None = None) -> None:
        member = self._replica.member
        refusal = self._refusal() if member is None or self._replica.stopping else self._not_now(member, commands, forward)
        if member is not None and refusal is None:
            if deadline_s is None:
                deadline_s = asyncio.get_running_loop().time() + self._settings.request_timeout_ms / 1000
            if member.engine.pending.add(Parcel.of(commands, asker, deadline_s)):
                member.engine.wake()
                return
            refusal = ServiceError("TooManyRequests", "the queue of proposals is full; try again in a moment")
        assert refusal is not None
        asyncio.get_running_loop().call_soon(asker.failed, 0, len(commands), refusal)

    def _not_now(self, member: Member, commands: list[Command], forward: bool) -> ServiceError | None:
        if self._storage.application_waits() and any(command.kind == CommandKind.APPLICATION for command in commands):
            text = "the application's machine is not registered yet: its first command would pass it by; try again in a moment"
            return ServiceError("NotReady", text)
        soft = member.engine.soft_state
        if not forward and soft.role != Role.LEADER:
            error = "NotLeader" if soft.leader else "NoLeader"
            return ServiceError(error, "this member does not lead and was asked not to forward")
        return None

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
        self.reads_asked[consistency] += 1
        member = self._replica.member
        loop = asyncio.get_running_loop()
        if member is None or self._replica.stopping:
            loop.call_soon(done, self._refusal())
            return
        engine = member.engine
        if consistency == Consistency.STALE:
            if self._is_fresh(staleness_ms_max):
                loop.call_soon(done, None)
                return
            if not engine.soft_state.leader:
                loop.call_soon(done, _too_stale(staleness_ms_max, "no leader is known"))
                return
            done = self._when_fresh(done, staleness_ms_max)
        if consistency == Consistency.LEASE and self.lease_holds() and engine.raft.lease_read_index() <= engine.machine.applied_index:
            # failpoint: lease.after_check
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
        member = self._replica.member
        return member is not None and member.engine.raft.lease_valid(self._environment.now_ms())

    def _is_fresh(self, staleness_ms_max: int) -> bool:
        """Only what a quorum said shows how old the state is: a leader's messages arrive late, and before what they speak of."""
        return not staleness_ms_max or self._environment.now_ms() - self._fresh_ms <= staleness_ms_max

    def _when_fresh(self, done: ReadDone, staleness_ms_max: int) -> ReadDone:
        """One round by quorum, shared by all who read meanwhile, is good for as long as their bounds say."""
        asked_ms = self._environment.now_ms()

        def confirmed(error: ServiceError | None) -> None:
            if error is None:
                self._fresh_ms = max(self._fresh_ms, asked_ms)
            elif error.error == "Timeout":
                error = _too_stale(staleness_ms_max, "no quorum answered within the request's time")
            done(error)

        return confirmed

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
        self,
        peer_url: str,
        name: str,
        *,
        witness: bool,
        priority: int,
        expected_configuration_index: int | None,
        non_voting: bool = False,
    ) -> int:
        return await self._call(
            AdministrationCall(
                "add",
                peer_url=peer_url,
                name=name,
                witness=witness,
                priority=priority,
                non_voting=non_voting,
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

    async def hand_over(self) -> str:
        """Before this process is stopped: move the leadership, if it is here and somebody else may have it. What was done, in words."""
        member = self._replica.member
        if member is None or not self.is_leader():
            return "this member does not lead"
        if not member.administration.has_heir():
            return "this member leads, and there is no other voter that could"
        try:
            await member.administration.hand_over()
        except ServiceError as error:
            return f"error: {error.message}"
        return f"member {member.engine.soft_state.leader} leads now"

    async def step_down(self) -> None:
        await self._call(AdministrationCall("step-down"))

    async def activate_cluster_version(self, version: int) -> int:
        """From now on everything that came with `version` may be used, and no member can go back to a release that does not know it.

        Returns the version in force. Raises `ServiceError` when a member's release does not know it, or a member does not answer.
        """
        return await self._call(AdministrationCall("activate", cluster_version=version))

    async def bootstrap(self, token: str, snapshot: AsyncIterator[bytes] | None = None) -> int:
        return await self._replica.bootstrap(token, snapshot)

    async def stop(self) -> None:
        await self._replica.stop()

    def snapshot_stream(self) -> AsyncIterator[bytes]:
        return self._storage.snapshot_file(self.machine)

    def committed_entries(self, from_index: int) -> AsyncIterator[Sequence[Entry]]:
        return self._ordered_log.entries(from_index)

    def members(self) -> tuple[int, list[MemberInfo]]:
        return member_infos(self._require())

    def status(self) -> MemberStatus:
        return member_status(self._replica, self._settings, self._storage)


def _too_stale(staleness_ms_max: int, reason: str) -> ServiceError:
    return ServiceError("TooStale", f"max_staleness_ms is {staleness_ms_max}, and {reason}: ask another member, or bear older data")
