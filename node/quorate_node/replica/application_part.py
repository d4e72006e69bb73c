"""The application's part of a snapshot, for a member that came without it: asked of the others, one after the other.

Whoever sends a snapshot may have an application's machine that has stopped, and sends the cluster's state alone, which is what consensus
needs. The machine here then has nothing to go on from; any member whose machine runs can give it that.
"""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path
from typing import Protocol

import msgspec

from quorate_node.machine.interface import Refused
from quorate_node.protocol.message import SnapshotMetadata
from quorate_node.replica.catch_up import ChunkRequest
from quorate_node.replica.engine import Engine
from quorate_node.replica.settings import ReplicaSettings
from quorate_node.replica.snapshot_fetching import SnapshotDownload
from quorate_node.transport.interface import PeerFailure, PeerRefused, RequestKind, Transport

logger = logging.getLogger(__name__)

RETRY_S = 2.0
FILE = "application-part"


class PartOfStorage(Protocol):
    """What is asked of the member's storage (`replica.storage`)."""

    @property
    def staging(self) -> Path:
        """Where what other members send is received."""
        ...

    def lacks_application(self) -> bool:
        """The application's machine has nothing here that it could go on from."""
        ...

    async def take_over_application(self, index: int, snapshot: Path) -> None:
        """Have it go on from another member's file of the state after entry `index`. Raises `Refused`, `OSError`."""
        ...


class ApplicationPart:
    def __init__(self, settings: ReplicaSettings, engine: Engine, storage: PartOfStorage, transport: Transport) -> None:
        self._settings = settings
        self._engine = engine
        self._storage = storage
        self._transport = transport

    async def fetch_if_missing(self) -> None:
        """Called now and then: nothing to do, for nearly all of them."""
        configuration = self._engine.machine.configuration
        for peer in (*configuration.voters, *configuration.learners):
            if not self._storage.lacks_application():
                return
            if peer == self._engine.raft.id or peer in configuration.witnesses:
                continue
            try:
                await self._take_from(peer)
            except (PeerFailure, PeerRefused, Refused, OSError, msgspec.MsgspecError) as failure:
                logger.info("member %d gives nothing of the application: %s", peer, failure)

    async def _take_from(self, peer: int) -> None:
        """Raises `PeerFailure`, `PeerRefused`, `Refused`, `OSError`."""
        # At or beyond what is applied here: what the log lets go meanwhile is not needed.
        request = msgspec.msgpack.encode(ChunkRequest(self._engine.machine.applied_index))
        timeout_s = self._settings.request_peer_timeout_ms / 1000
        answer = await self._transport.request(peer, RequestKind.SNAPSHOT_PIN, request, timeout_s)
        index = msgspec.msgpack.decode(answer, type=SnapshotMetadata).index
        download = SnapshotDownload(self._settings, self._transport, self._storage.staging, self._engine.machine.open_sink)
        path = await download.application(peer, index, FILE)
        if path is not None and await self._is_applied(index):
            await self._storage.take_over_application(index, path)
            logger.info("the application goes on from what member %d had at index %d", peer, index)

    async def _is_applied(self, index: int) -> bool:
        """Here, within the time that such a snapshot is held for."""
        until_s = asyncio.get_running_loop().time() + self._settings.snapshot_idle_timeout_ms / 1000
        while self._engine.machine.applied_index < index:
            if asyncio.get_running_loop().time() > until_s:
                return False
            await asyncio.sleep(self._settings.heartbeat_ms / 1000)
        return True
