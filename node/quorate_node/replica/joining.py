"""An empty data directory's way into a cluster: ask who is there, join them; bootstrap only if nobody can be (DESIGN decision 2)."""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import NamedTuple

import msgspec

from quorate_node.machine.rules import CLUSTER_VERSION_FIRST, THIS_RELEASE, Release
from quorate_node.replica.settings import ReplicaSettings
from quorate_node.transport.interface import PeerFailure, PeerRefused, RequestKind, Transport

logger = logging.getLogger(__name__)


class ProbeAnswer(msgspec.Struct, array_like=True, frozen=True):
    """`token_hashes`: bootstrap tokens that this member has ever seen used. `peers`: the other members' URLs, as it knows them."""

    cluster_id: int
    member_id: int
    token_hashes: tuple[bytes, ...]
    peers: dict[int, str] = {}


class JoinRequest(msgspec.Struct, array_like=True, frozen=True):
    name: str
    peer_url: str
    client_url: str
    witness: bool
    priority: int
    version_low: int = CLUSTER_VERSION_FIRST
    version_high: int = CLUSTER_VERSION_FIRST
    """Which cluster versions its release can apply."""
    non_voting: bool = False
    non_voting_only: bool = False
    """Set by the member that is asked, where the certificate of who asks is for members that never vote."""


class JoinAnswer(msgspec.Struct, array_like=True, frozen=True):
    cluster_id: int
    member_id: int
    token_hash: bytes
    peers: dict[int, str]


class Peer(NamedTuple):
    url: str
    answer: ProbeAnswer | None
    failure: str = ""


def token_hash(token: str) -> bytes:
    """Tokens are compared and kept as hashes: no file and no answer shows one. An empty token is no token."""
    return hashlib.sha256(b"quorate bootstrap token\x00" + token.encode()).digest() if token else b""


class Joiner:
    """Runs until this member belongs to a cluster. `waiting_for` says what for, in words, for status and log."""

    def __init__(
        self,
        settings: ReplicaSettings,
        transport: Transport,
        peers: Callable[[], Awaitable[Sequence[str]]],
        token: str,
        may_bootstrap: bool,
        release: Release = THIS_RELEASE,
    ) -> None:
        self._settings = settings
        self._transport = transport
        self._peers = peers
        self.token_hash = token_hash(token)
        self._may_bootstrap = may_bootstrap
        self._release = release
        self.waiting_for = ""

    async def run(self) -> JoinAnswer | None:
        """The answer of the cluster that took us in, or None: bootstrap a new one."""
        while True:
            found = await self.probe()
            clusters = [peer for peer in found if peer.answer is not None and peer.answer.cluster_id]
            if clusters:
                answer = await self._join(clusters)
                if answer is not None:
                    # failpoint: join.after_answer, awaited
                    return answer
            elif self._may_bootstrap and self.refusal_to_bootstrap(found, self.token_hash) is None:
                return None
            elif self._may_bootstrap:
                self._wait_for(str(self.refusal_to_bootstrap(found, self.token_hash)))
            else:
                self._wait_for(_nobody_yet(found))
            await asyncio.sleep(self._settings.bootstrap_retry_ms / 1000)

    def _wait_for(self, reason: str) -> None:
        if reason != self.waiting_for:
            self.waiting_for = reason
            logger.info("waiting to join: %s", reason)

    async def probe(self) -> list[Peer]:
        urls = [url for url in await self._peers() if url != self._settings.peer_url]
        return list(await asyncio.gather(*(self._probe(url) for url in urls)))

    async def _probe(self, url: str) -> Peer:
        try:
            timeout_s = self._settings.request_peer_timeout_ms / 1000
            # failpoint: join.before_probe, awaited
            payload = await self._transport.request_url(url, RequestKind.PROBE, b"", timeout_s)
            return Peer(url, msgspec.msgpack.decode(payload, type=ProbeAnswer))
        except (PeerFailure, PeerRefused, msgspec.MsgspecError) as failure:
            return Peer(url, None, str(failure))

    @staticmethod
    def refusal_to_bootstrap(found: Sequence[Peer], wanted_hash: bytes) -> str | None:
        """Why no cluster may be made now; None when it may. Every listed peer must answer: one that is silent may hold the cluster
        that this token made."""
        for peer in found:
            if peer.answer is None:
                return f"peer {peer.url} has not answered ({peer.failure}); it might belong to the cluster already"
            if peer.answer.cluster_id:
                return f"peer {peer.url} belongs to cluster {peer.answer.cluster_id} already; join it instead"
            if wanted_hash and wanted_hash in peer.answer.token_hashes:
                return f"peer {peer.url} has seen this bootstrap token used; a second cluster under it would lose the first one's data"
        return None

    async def _join(self, clusters: Sequence[Peer]) -> JoinAnswer | None:
        settings = self._settings
        request = msgspec.msgpack.encode(
            JoinRequest(
                settings.name,
                settings.peer_url,
                settings.client_url,
                settings.witness,
                settings.priority,
                *self._release,
                settings.non_voting,
            )
        )
        for peer in clusters:
            try:
                timeout_s = 2 * settings.request_peer_timeout_ms / 1000
                # failpoint: join.before_request, awaited
                payload = await self._transport.request_url(peer.url, RequestKind.JOIN, request, timeout_s)
                return msgspec.msgpack.decode(payload, type=JoinAnswer)
            except (PeerFailure, PeerRefused, msgspec.MsgspecError) as failure:
                self._wait_for(f"peer {peer.url} did not let us join: {failure}")
        return None


def _nobody_yet(found: Sequence[Peer]) -> str:
    if not found:
        return "it knows of no peers and was given no bootstrap token: name its peers, or give it a token to make a cluster of it alone"
    silent = "".join(f"; {peer.url} did not answer: {peer.failure}" for peer in found if peer.answer is None)
    return f"none of {', '.join(peer.url for peer in found)} belongs to a cluster yet{silent}"
