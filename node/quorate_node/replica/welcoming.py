"""What a member answers to an empty directory that asks to be let in, and the bootstrap tokens that it tells such a one of."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
from msgspec import structs

from quorate_node.machine.rules import Release
from quorate_node.protocol.ready import Role
from quorate_node.replica.administration_call import AdministrationCall
from quorate_node.replica.joining import JoinAnswer, JoinRequest
from quorate_node.replica.member import Member
from quorate_node.replica.service import ServiceError
from quorate_node.replica.settings import ReplicaSettings
from quorate_node.replica.storage import Storage
from quorate_node.replica.versions import Versions
from quorate_node.transport.interface import PeerFailure, PeerRefused, RequestKind, Transport
from quorate_node.transport.restricted import FOR_NON_VOTING


class Welcoming:
    def __init__(
        self, settings: ReplicaSettings, storage: Storage, transport: Transport, versions: Versions, cluster_id: Callable[[], int]
    ) -> None:
        self._settings = settings
        self._storage = storage
        self._transport = transport
        self._versions = versions
        self._cluster_id = cluster_id

    async def answer(self, member: Member, payload: bytes, *, non_voting_only: bool = False) -> bytes:
        """A `JoinAnswer`. `non_voting_only`: who asks has a certificate for members that never vote. Raises `PeerRefused`."""
        try:
            request = msgspec.msgpack.decode(payload, type=JoinRequest)
        except msgspec.MsgspecError as error:
            raise PeerRefused("MalformedBody", f"join request: {error}") from error
        only = request.non_voting_only or non_voting_only
        if only and (request.witness or not request.non_voting):
            raise PeerRefused("PermissionDenied", f"{request.name!r} asks to join as a member that votes, and {FOR_NON_VOTING}")
        refusal = self._versions.refusal(Release(request.version_low, request.version_high), request.name)
        if refusal is not None:
            raise PeerRefused("InvalidArgument", refusal)
        leads, leader = member.engine.soft_state.role == Role.LEADER, member.engine.soft_state.leader
        # At once, also where it leads: behind changes that wait for that very vote it would never have its turn.
        place = member.administration.unused_place(request.name, request.peer_url) if (leads or not leader) and not only else 0
        if place:
            return self._welcome(member, place, request.peer_url)
        if not leads:
            # The leader sees our certificate, not that of who asks.
            passed_on = msgspec.msgpack.encode(structs.replace(request, non_voting_only=True)) if only else payload
            return await self._ask_leader(member, passed_on)
        call = AdministrationCall(
            "join",
            0,
            request.peer_url,
            request.name,
            request.witness,
            request.priority,
            client_url=request.client_url,
            non_voting=request.non_voting,
            non_voting_only=only,
        )
        try:
            member_id = await member.administration.call(call)
        except ServiceError as error:
            raise PeerRefused(error.error, error.message) from error
        # failpoint: join.serve.after_change, awaited
        return self._welcome(member, member_id, request.peer_url)

    def _welcome(self, member: Member, member_id: int, peer_url: str) -> bytes:
        tokens = self.tokens()
        peers = {record.member_id: record.peer_url for record in member.machine.members.values()}
        peers[member_id] = peer_url
        return msgspec.msgpack.encode(JoinAnswer(self._cluster_id(), member_id, tokens[0] if tokens else b"", peers))

    async def _ask_leader(self, member: Member, payload: bytes) -> bytes:
        """The leader's own answer, because only its addresses are sure to be complete: who is told of too few could answer nobody."""
        leader = member.engine.soft_state.leader
        if not leader:
            raise PeerRefused("NoLeader", "no leader is known; ask again in a moment")
        try:
            return await self._transport.request(leader, RequestKind.JOIN, payload, self._settings.request_peer_timeout_ms / 1000)
        except PeerFailure as failure:
            raise PeerRefused("NoLeader", f"the leader could not be asked: {failure}") from failure

    def tokens(self) -> list[bytes]:
        """Hashes of the bootstrap tokens that this member has ever seen used."""
        stored = self._storage.load("tokens")
        return msgspec.msgpack.decode(stored, type=list[bytes]) if stored else []

    def remember_token(self, token: bytes) -> None:
        tokens = self.tokens()
        if token and token not in tokens:
            self._storage.save("tokens", msgspec.msgpack.encode([*tokens, token]))
