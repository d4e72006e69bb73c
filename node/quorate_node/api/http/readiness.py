"""Is this member ready: a voter that has caught up, by a quorum's word, and lately enough that an election does not matter."""

from __future__ import annotations

import asyncio
import math

from quorate_node.replica.service import Consistency, MemberStatus, ReplicaService, ServiceError

PATIENCE_S = 0.5
"""How long a probe waits for the quorum's word. Below the second that probes are usually given."""
ASK_TIMEOUT_S = 2.0
_VOTERS = frozenset({"leader", "follower", "candidate"})


class Readiness:
    """A member is ready while its last confirmation is no older than `grace_ms`: that a linearizable read could be served here, so that
    it knows a leader with a quorum and has applied all that was committed. Each probe has it confirmed anew, by one round at a time, which
    it does not wait for while the last one is good. A probe after a long silence waits a moment.
    """

    def __init__(self, service: ReplicaService, grace_ms: int, loop: asyncio.AbstractEventLoop) -> None:
        self._service = service
        self._grace_s = grace_ms / 1000
        self._loop = loop
        self._confirmed_s = -math.inf
        self._member_id = 0
        self._asking: asyncio.Task[None] | None = None
        self._refusal = ""

    async def reason(self) -> str:
        """Why not, in words; empty: it is ready."""
        member = self._service.status()
        if member.member_id != self._member_id:
            self._member_id, self._confirmed_s = member.member_id, -math.inf
        if member.role == "witness":
            return self._of_witness(member)
        if member.role not in _VOTERS:
            self._confirmed_s = -math.inf
            return _not_a_voter(member)
        if self._asking is None or self._asking.done():
            self._asking = self._loop.create_task(self._ask(), name="quorate-readiness")
        if not self._is_fresh():
            await asyncio.wait({self._asking}, timeout=PATIENCE_S)
        return "" if self._is_fresh() else self._why_not(self._service.status())

    def close(self) -> None:
        if self._asking is not None:
            self._asking.cancel()

    def _is_fresh(self) -> bool:
        return self._loop.time() - self._confirmed_s <= self._grace_s

    async def _ask(self) -> None:
        try:
            await self._service.read_barrier(Consistency.LINEARIZABLE, timeout_s=ASK_TIMEOUT_S)
        except ServiceError as error:
            self._refusal = error.message
        else:
            self._confirmed_s, self._refusal = self._loop.time(), ""

    def _of_witness(self, member: MemberStatus) -> str:
        """It holds no data that could be behind."""
        if member.leader_id:
            self._confirmed_s = self._loop.time()
        return "" if self._is_fresh() else "no leader is known"

    def _why_not(self, member: MemberStatus) -> str:
        if not member.leader_id:
            return "no leader is known"
        if member.applied_index < member.commit_index:
            return f"it has not caught up: index {member.applied_index} is applied, and {member.commit_index} is committed"
        return f"no quorum has confirmed that it has caught up{': ' + self._refusal if self._refusal else ''}"


def _not_a_voter(member: MemberStatus) -> str:
    if member.role == "non-voting":
        return "the member is non-voting: it serves, and never votes"
    if member.role == "learner":
        return "the member is a learner: it serves, and is no voter yet"
    why = next((f": {error.removeprefix('NotReady: ')}" for error in member.errors if error.startswith("NotReady: ")), "")
    return f"the member is {member.role}{why}"
