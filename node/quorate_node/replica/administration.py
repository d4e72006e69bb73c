"""Membership and leadership calls: made anywhere, carried out by the leader, one at a time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial
from random import Random

import msgspec
from msgspec import structs

from quorate_node.protocol.membership import (
    ChangeKind,
    MemberRecord,
    MembershipChange,
    SingleChange,
    Transition,
)
from quorate_node.protocol.raft import DropReason, ProposalDropped
from quorate_node.protocol.ready import Role
from quorate_node.replica.administration_call import AdministrationCall, new_member_id
from quorate_node.replica.engine import Engine
from quorate_node.replica.non_voting import has_moved, is_non_voting, require_no_vote, require_one_role, require_promotable, require_room
from quorate_node.replica.parcel import Parcel
from quorate_node.replica.service import ServiceError
from quorate_node.replica.settings import ReplicaSettings
from quorate_node.replica.successors import best_successor, faster_successor, has_heir
from quorate_node.replica.vacancies import is_only_other_voter, require_empty
from quorate_node.replica.versions import Versions, activate
from quorate_node.transport.interface import PeerFailure, PeerRefused, RequestKind, Transport


class _DecideAnew(Exception):
    """The members changed between the look at them and the proposal."""


class Administration:
    def __init__(
        self,
        settings: ReplicaSettings,
        engine: Engine,
        transport: Transport,
        random: Random,
        met: Callable[[int], bool],
        versions: Versions,
    ) -> None:
        """`met(member_id)`: whether this member ever shook hands with it (an id that somebody has used is never handed out again)."""
        self._settings = settings
        self._engine = engine
        self._versions = versions
        self._transport = transport
        self._random = random
        self._met = met
        self._introduced: dict[str, tuple[int, int]] = {}  # By name: the id that this member gave as leader, and in which term.
        self._one_at_a_time = asyncio.Lock()
        self._verbs: dict[str, Callable[[AdministrationCall], Awaitable[int]]] = {
            "add": self._add,
            "join": self._join,
            "promote": self._promote,
            "remove": self._remove,
            "replace": self._replace,
            "transfer": self._transfer,
            "step-down": self._transfer,
            "activate": self._activate,
        }
        self._decided_on = 0
        """The configuration's index that the call under way has looked at."""

    async def call(self, call: AdministrationCall) -> int:
        """Carry it out here when this member leads, else at the leader. Raises `ServiceError`."""
        until_s = asyncio.get_running_loop().time() + self._settings.request_timeout_ms / 1000
        while True:
            leader = self._engine.soft_state.leader
            if self._engine.soft_state.role == Role.LEADER:
                return await self.carry_out(call)
            if leader:
                return await self._ask_leader(leader, call)
            if asyncio.get_running_loop().time() > until_s:
                raise ServiceError("NoLeader", "no leader is known; the call was not carried out")
            await asyncio.sleep(self._settings.tick_ms / 1000)

    async def _ask_leader(self, leader: int, call: AdministrationCall) -> int:
        timeout_s = self._settings.request_timeout_ms / 1000
        try:
            answer = await self._transport.request(leader, RequestKind.MEMBERSHIP, msgspec.msgpack.encode(call), timeout_s)
            return msgspec.msgpack.decode(answer, type=int)
        except PeerRefused as refused:
            raise ServiceError(refused.error, refused.message) from refused
        except PeerFailure as failure:
            if not failure.sent:
                raise ServiceError("NoLeader", f"the leader could not be reached: {failure}; the call was not carried out") from failure
            text = f"the leader did not answer: {failure}; look at the members before you try again"
            raise ServiceError("LeadershipLost", text) from failure

    async def carry_out(self, call: AdministrationCall) -> int:
        """On the leader. Raises `ServiceError`."""
        handler = self._verbs.get(call.verb)
        if handler is None:
            raise ServiceError("InvalidArgument", f"verb is {call.verb!r}; it must be one of {', '.join(self._verbs)}")
        self._require_leader()
        if call.verb in ("transfer", "step-down"):
            return await handler(call)
        async with self._turn():
            while True:
                await self._settled()
                self._require_expected(call.expected_configuration_index)
                self._decided_on = self._engine.configuration_index
                try:
                    return await handler(call)
                except _DecideAnew:
                    self._require_leader()

    @asynccontextmanager
    async def _turn(self) -> AsyncIterator[None]:
        """One at a time. Who has waited for as long as a call may last is sent away, or they would queue up. Raises `ServiceError`."""
        try:
            async with asyncio.timeout(self._settings.request_timeout_ms / 1000):
                await self._one_at_a_time.acquire()
        except TimeoutError as error:
            raise ServiceError("MembershipChangePending", "other changes of members are under way; try again when they are done") from error
        try:
            yield
        finally:
            self._one_at_a_time.release()

    async def _settled(self) -> None:
        """A joint configuration is left in a moment, and what is decided on it is decided anew then: to wait there for word of a member
        that is about to leave would make the answer later than whoever asks for it waits. Raises `ServiceError`."""
        loop = asyncio.get_running_loop()
        until_s = loop.time() + self._settings.request_timeout_ms / 1000
        while self._engine.machine.configuration.voters_outgoing:
            if loop.time() > until_s:
                raise ServiceError("MembershipChangePending", "another membership change is under way; try again when it is done")
            await asyncio.sleep(self._settings.tick_ms / 1000)
            self._require_leader()

    def _require_expected(self, expected: int | None) -> None:
        if expected is not None and expected != self._engine.configuration_index:
            raise ServiceError(
                "ConfigurationChanged",
                f"expected_configuration_index is {expected}, the configuration's is {self._engine.configuration_index}; "
                "read the members again and decide anew",
            )

    def _require_leader(self) -> None:
        if self._engine.soft_state.role != Role.LEADER:
            raise ServiceError("NotLeader", "this member does not lead any more; the call was not carried out")

    # --- membership --------------------------------------------------------------------------------------------

    async def _add(self, call: AdministrationCall) -> int:
        for record in self._engine.machine.members.values():
            for what, mine, theirs in (("peer_url", call.peer_url, record.peer_url), ("name", call.name, record.name)):
                if mine == theirs:
                    raise ServiceError("MemberExists", f"{what} {mine!r} belongs to member {record.member_id}; use replace for it")
        return await self._introduce(call, leaving=None)

    async def _join(self, call: AdministrationCall) -> int:
        """An empty member asks to be one of us. What it says it is called decides whether it is new, expected, or a replacement."""
        for record in self._engine.machine.members.values():
            if call.peer_url != record.peer_url and call.name != record.name:
                continue
            if call.non_voting_only:
                require_no_vote(record)
            # Who says that it must never vote is not given a place in which it would.
            fits = call.non_voting <= record.non_voting and not self._met(record.member_id)
            if fits and await self._may_be_given_again(record.member_id):
                return record.member_id  # It was added beforehand, or its first answer was lost.
            if has_moved(record, call.name, call.peer_url, non_voting=call.non_voting):
                # An empty directory under its name at another address. Nothing was ever counted on it, so nothing is lost with it.
                if await self._soon(partial(self._is_active, record.member_id)):
                    raise ServiceError("MemberExists", f"member {record.member_id} is alive as {record.name!r} at {record.peer_url!r}")
                return await self._introduce(call, leaving=record.member_id)
            if call.peer_url != record.peer_url or call.name != record.name:
                raise ServiceError(
                    "MemberExists",
                    f"name {call.name!r} and peer_url {call.peer_url!r} belong to different members or another address "
                    f"({record.name!r} at {record.peer_url!r}); remove or replace that member first",
                )
            # Nobody has come with an id that was given a moment ago: the answer was lost. To wait for it would make the next one late too.
            given = self._introduced.get(record.name)
            answer_lost = given == (record.member_id, self._engine.raft.term) and not self._met(record.member_id)
            if not answer_lost and await self._soon(partial(self._is_active, record.member_id)):
                raise ServiceError("MemberExists", f"member {record.member_id} is alive under {call.name!r} at {call.peer_url!r}")
            await require_empty(self._transport, call.peer_url, self._settings.request_peer_timeout_ms / 1000)
            # The same place with an empty directory: the old member lost its volume and can never come back.
            return await self._introduce(call, leaving=record.member_id)
        return await self._introduce(call, leaving=None)

    def unused_place(self, name: str, peer_url: str) -> int:
        """The id that the only other voter was given, when it goes by `name` and `peer_url` and has never come with that id; else 0.

        A witness votes from its first moment. One that dies before its directory knows who it is would leave the member that took it in
        without a quorum, so without a leader who could tell it again: this member may, as no quorum is without it (`vacancies`).
        """
        for record in self._engine.machine.members.values():
            if (record.name, record.peer_url) == (name, peer_url) and not self._met(record.member_id):
                return record.member_id if is_only_other_voter(self._engine, record.member_id) else 0
        return 0

    async def _may_be_given_again(self, member_id: int) -> bool:
        """On the leader, of one that it has never met. Earlier leaders may have: as a voter it may have promised them something.
        Raises `ServiceError`."""
        if is_only_other_voter(self._engine, member_id):
            return True
        machine, raft = self._engine.machine, self._engine.raft
        if not await self._soon(lambda: machine.applied_term == raft.term):
            raise ServiceError("NoLeader", "this leader does not know yet what earlier ones have committed; ask again in a moment")
        return member_id in machine.configuration.learners

    async def _introduce(self, call: AdministrationCall, leaving: int | None) -> int:
        require_one_role(witness=call.witness, non_voting=call.non_voting)
        member_id = new_member_id(self._random, set(self._engine.machine.members))
        record = MemberRecord(member_id, call.name, call.peer_url, call.client_url, call.witness, call.priority, call.non_voting)
        if call.non_voting:
            require_room(self._engine.machine.members, leaving, self._settings.non_voting_members_max)
        changes = [SingleChange(ChangeKind.ADD_WITNESS if call.witness else ChangeKind.ADD_LEARNER, member_id)]
        if leaving is not None:
            await self._require_quorum_without(leaving)
            changes.insert(0, SingleChange(ChangeKind.REMOVE, leaving))
        await self._change(MembershipChange(tuple(changes), Transition.AUTO, msgspec.msgpack.encode([record])))
        names = {each.name for each in self._engine.machine.members.values()}
        self._introduced = {name: given for name, given in self._introduced.items() if name in names}
        self._introduced[call.name] = member_id, self._engine.raft.term
        return member_id

    async def _promote(self, call: AdministrationCall) -> int:
        configuration = self._engine.machine.configuration
        self._require_member(call.member_id)
        require_promotable(self._engine.machine.members, call.member_id)
        if call.member_id not in configuration.learners:
            raise ServiceError("MemberNotLearner", f"member {call.member_id} is no learner: it votes already")
        if not await self._soon(partial(self._has_answered, call.member_id)):
            raise ServiceError("MemberNotReady", f"member {call.member_id} does not answer; start it, and wait until it has caught up")
        progress = self._engine.raft.status().progress.get(call.member_id)
        lag_max = self._settings.promotion_lag_entries
        if progress is None or self._engine.raft.last_index - progress.match > lag_max:
            raise ServiceError(
                "MemberNotReady", f"member {call.member_id} is more than {lag_max} entries behind; wait until it has caught up"
            )
        await self._change(MembershipChange((SingleChange(ChangeKind.ADD_VOTER, call.member_id),)))
        return call.member_id

    async def _remove(self, call: AdministrationCall) -> int:
        self._require_member(call.member_id)
        await self._require_quorum_without(call.member_id)
        if call.member_id == self._engine.raft.id and len(self._engine.machine.configuration.voters) > 1:
            # A leader does not end its own vote: another takes over, and is asked by the caller's retry.
            await self._transfer(AdministrationCall("transfer"))
            return await self._ask_leader(self._engine.soft_state.leader, call)
        await self._change(MembershipChange((SingleChange(ChangeKind.REMOVE, call.member_id),)))
        return call.member_id

    async def _replace(self, call: AdministrationCall) -> int:
        self._require_member(call.member_id)
        if call.member_id == self._engine.raft.id:
            await self._transfer(AdministrationCall("transfer"))
            return await self._ask_leader(self._engine.soft_state.leader, call)
        kept = is_non_voting(self._engine.machine.members, call.member_id)  # Nobody gets a vote by a replacement.
        return await self._introduce(structs.replace(call, non_voting=kept), leaving=call.member_id)

    def _require_member(self, member_id: int) -> None:
        if member_id not in self._engine.machine.members:
            known = ", ".join(f"{known_id}" for known_id in sorted(self._engine.machine.members))
            raise ServiceError("MemberNotFound", f"there is no member {member_id}; the members are {known}")

    def _is_active(self, member_id: int) -> bool:
        progress = self._engine.raft.status().progress.get(member_id)
        return progress is not None and progress.recent_active

    def _has_answered(self, member_id: int) -> bool:
        """It answers, and has stored something: one that is new counts as heard until an election timeout has passed."""
        progress = self._engine.raft.status().progress.get(member_id)
        return progress is not None and progress.recent_active and progress.match > 0

    async def _soon(self, condition: Callable[[], object]) -> bool:
        """Whether it holds, now or within an election timeout: who is heard is counted anew once in that time, and right after that
        nobody was, however well all are. Raises `ServiceError` when leadership is lost meanwhile."""
        loop = asyncio.get_running_loop()
        until_s = loop.time() + self._settings.election_timeout_ms / 1000
        while not condition():
            if loop.time() > until_s:
                return False
            await asyncio.sleep(self._settings.tick_ms / 1000)
            self._require_leader()
        return True

    async def _require_quorum_without(self, leaving: int) -> None:
        """What stays must be able to commit on its own, or the change would never end."""
        voters = [v for v in self._engine.machine.configuration.voters if v != leaving]
        if leaving not in self._engine.machine.configuration.voters:
            return

        def active() -> int:
            return sum(v == self._engine.raft.id or self._is_active(v) for v in voters)

        if not await self._soon(lambda: active() >= len(voters) // 2 + 1):
            raise ServiceError(
                "QuorumWouldBeLost",
                f"without member {leaving} only {active()} of {len(voters)} voters answer; bring others back or add members first",
            )

    async def _change(self, change: MembershipChange) -> None:
        """Propose, and wait until it is applied here. A joint configuration is left by the protocol itself."""
        self._require_leader()
        engine = self._engine
        loop = asyncio.get_running_loop()
        applied: asyncio.Future[None] = loop.create_future()

        def done(result: object) -> None:
            if applied.done():
                return
            if isinstance(result, ServiceError):
                applied.set_exception(result)
            else:
                applied.set_result(None)

        until_s = loop.time() + self._settings.request_timeout_ms / 1000
        # failpoint: membership.before_propose
        index = await self._propose(change, until_s)
        engine.in_flight.truncated(index, engine.raft.term)
        engine.in_flight.add(index, engine.raft.term, [Parcel.without_command(done, until_s)])
        engine.wake()
        # failpoint: membership.before_applied, awaited
        await applied

    async def _propose(self, change: MembershipChange, until_s: float) -> int:
        """One change at a time is in the log: wait for the one before, which may have been decided alike. Raises `_DecideAnew`."""
        while True:
            if self._engine.configuration_index != self._decided_on:
                raise _DecideAnew
            try:
                return self._engine.raft.propose_membership(change)
            except ProposalDropped as dropped:
                if dropped.reason in (DropReason.NO_LEADER, DropReason.NOT_LEADER, DropReason.REMOVED):
                    raise ServiceError("NotLeader", f"this member does not lead any more: {dropped}") from dropped
                if asyncio.get_running_loop().time() > until_s:
                    raise ServiceError("MembershipChangePending", f"another membership change is under way: {dropped}") from dropped
            await asyncio.sleep(self._settings.tick_ms / 1000)
            self._require_leader()

    async def _activate(self, call: AdministrationCall) -> int:
        """A cluster version that is in force already stays so."""
        others = [member_id for member_id in sorted(self._engine.machine.members) if member_id != self._engine.raft.id]
        self._versions.require_all(call.cluster_version, others, self._is_active)
        until_s = asyncio.get_running_loop().time() + self._settings.request_timeout_ms / 1000
        await activate(self._engine, call.cluster_version, until_s)
        return self._engine.machine.cluster_version

    # --- leadership --------------------------------------------------------------------------------------------

    def best_successor(self) -> int:
        return best_successor(self._engine)

    def faster_successor(self) -> int:
        return faster_successor(self._engine)

    async def _transfer(self, call: AdministrationCall) -> int:
        engine = self._engine
        if not call.member_id and not await self._soon(self.best_successor):
            raise ServiceError("TransferFailed", "no other voter answers that could lead; leadership stays")
        target = call.member_id or self.best_successor()
        if target == engine.raft.id:
            return target
        self._require_member(target)
        configuration = engine.machine.configuration
        if target not in configuration.voters or target in configuration.witnesses:
            raise ServiceError("InvalidArgument", f"member {target} cannot lead: it is no voter, or only a witness")
        # failpoint: transfer.before_request
        engine.raft.transfer_leadership(target)
        engine.wake()
        loop = asyncio.get_running_loop()
        until_s = loop.time() + 2 * self._settings.election_timeout_ms / 1000
        while engine.soft_state.leader != target:
            if loop.time() > until_s:
                raise ServiceError("TransferFailed", f"member {target} did not take over in time; see who leads now")
            await asyncio.sleep(self._settings.heartbeat_ms / 1000)
            engine.raft.repeat_transfer()
            engine.wake()
        return target

    def has_heir(self) -> bool:
        return has_heir(self._engine)

    async def hand_over(self) -> None:
        """Give leadership to the best successor. Raises `ServiceError` when nobody took it."""
        await self._transfer(AdministrationCall("transfer"))
