"""Where the other members are: durable, because the state may be older than the last membership; and asked for, when a stranger speaks.

A member may be led by one that it has never heard of: who joined, or was away, while others came, has older addresses than the log that
it is still to be sent, and its answers to the new leader would go nowhere.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from typing import Protocol

import msgspec

from quorate_node.replica.joining import ProbeAnswer
from quorate_node.transport.interface import PeerFailure, PeerRefused, RequestKind, Transport

logger = logging.getLogger(__name__)

ASK_AGAIN_S = 1.0
"""A stranger that nobody knows may be a removed member, which speaks on: it is not asked for all the time."""


class Records(Protocol):
    """Small durable records (`replica.storage.Storage`)."""

    def load(self, name: str) -> bytes | None: ...
    def save(self, name: str, data: bytes) -> None: ...


class PeerAddresses:
    def __init__(self, records: Records, transport: Transport, timeout_ms: int) -> None:
        self._records = records
        self._transport = transport
        self._timeout_s = timeout_ms / 1000
        stored = records.load("peers")
        self.known: Mapping[int, str] = msgspec.msgpack.decode(stored, type=dict[int, str]) if stored else {}
        """Member id -> peer URL, as this member last knew."""
        self._finding: asyncio.Task[None] | None = None
        self._ask_from_s = 0.0

    def use(self, peers: Mapping[int, str]) -> None:
        """Speak to these from now on, and after a restart."""
        self._transport.set_peers(peers)
        if peers != self.known:
            self.keep(peers)

    def keep(self, peers: Mapping[int, str]) -> None:
        """Durable on return; they are spoken to when they are used, or after a restart."""
        self.known = dict(peers)
        self._records.save("peers", msgspec.msgpack.encode(self.known))

    def heard(self, member_id: int) -> None:
        """A message of this member came. On the hot path: nothing but a look where it is known."""
        if member_id in self.known or self._finding is not None:
            return
        loop = asyncio.get_running_loop()
        if self.known and loop.time() >= self._ask_from_s:
            self._finding = loop.create_task(self._find(member_id))

    async def _find(self, member_id: int) -> None:
        try:
            for peer in sorted(self.known):
                url = (await self._peers_of(peer)).get(member_id)
                if url is not None:
                    logger.info("member %d, which this member had not heard of, is at %s", member_id, url)
                    self.use({**self.known, member_id: url})
                    return
        finally:
            self._ask_from_s = asyncio.get_running_loop().time() + ASK_AGAIN_S
            self._finding = None

    async def _peers_of(self, peer: int) -> dict[int, str]:
        try:
            answer = await self._transport.request(peer, RequestKind.PROBE, b"", self._timeout_s)
            return msgspec.msgpack.decode(answer, type=ProbeAnswer).peers
        except (PeerFailure, PeerRefused, msgspec.MsgspecError) as failure:
            logger.debug("member %d does not say whom it knows: %s", peer, failure)
            return {}

    async def close(self) -> None:
        if self._finding is not None:
            self._finding.cancel()
            await asyncio.gather(self._finding, return_exceptions=True)
