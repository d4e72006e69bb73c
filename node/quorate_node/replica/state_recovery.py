"""Damage that the cluster has compacted away: a peer's state takes the place of the log that nobody has any more.

What a peer has applied was committed, so whatever this member acknowledged at or below that index, and that counts, lies behind it; no
quorum needs to be asked. What it acknowledged beyond stays in the log, and stays damaged where it is: `recovery` goes on with that.

A crash at any step is begun again: the old state is in use until the new one is whole on the disk, the log is not touched here, and a log
that is found behind its state begins after it (`Storage.open_machine`), without forgetting that its end was lost.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence

import msgspec

from quorate_node.machine.interface import Machine, Refused
from quorate_node.protocol.message import SnapshotMetadata
from quorate_node.replica.catch_up import ChunkRequest
from quorate_node.replica.settings import ReplicaSettings
from quorate_node.replica.snapshot_fetching import SnapshotDownload
from quorate_node.replica.storage import Storage
from quorate_node.store.errors import NoSpace
from quorate_node.telemetry.telemetry import Telemetry
from quorate_node.transport.interface import PeerFailure, PeerRefused, RequestKind, Transport

logger = logging.getLogger(__name__)


class StateRecovery:
    def __init__(self, settings: ReplicaSettings, storage: Storage, machine: Machine, transport: Transport, telemetry: Telemetry) -> None:
        self._settings = settings
        self._storage = storage
        self._machine = machine
        self._transport = transport
        self._telemetry = telemetry
        self._download = SnapshotDownload(settings, transport, storage.staging, machine.open_sink)

    async def fetch(self, index_min: int, peers: Sequence[int]) -> bool:
        """Have the first of `peers` that can give it replace the state by one at or beyond `index_min`. False when none does now."""
        for peer in peers:
            try:
                metadata = await self._pin(peer, index_min)
                # failpoint: recovery.state.after_pin, awaited
                if not self._storage.witness:
                    await self._prepare(peer, metadata)
            except (PeerFailure, PeerRefused, Refused, NoSpace, msgspec.MsgspecError) as failure:
                logger.warning("member %d gives no state at or beyond %d: %s", peer, index_min, failure)
                continue
            await self._use(peer, metadata)
            return True
        return False

    async def _pin(self, peer: int, index_min: int) -> SnapshotMetadata:
        request = msgspec.msgpack.encode(ChunkRequest(index_min))
        timeout_s = self._settings.request_peer_timeout_ms / 1000
        answer = await self._transport.request(peer, RequestKind.SNAPSHOT_PIN, request, timeout_s)
        metadata = msgspec.msgpack.decode(answer, type=SnapshotMetadata)
        if metadata.index < index_min:
            raise Refused("InvalidArgument", f"it offers one at {metadata.index}")
        return metadata

    async def _prepare(self, peer: int, metadata: SnapshotMetadata) -> None:
        """All of it durable beside the state in use. Raises as `SnapshotDownload.fetch`."""
        sink, application = await self._download.fetch(peer, metadata.index)
        prepared = await self._storage.prepare_state(sink, application)
        if prepared != metadata:
            await self._storage.drop_prepared_state()
            raise Refused("InvalidArgument", f"what came is a state at {prepared.index}, not the one at {metadata.index} that it named")

    async def _use(self, peer: int, metadata: SnapshotMetadata) -> None:
        # A member that has what a later term committed, and would still follow a leader of an earlier one, could confirm that one's
        # entries in their place.
        await self._storage.enter_term(metadata.term)
        # failpoint: recovery.state.before_switch, awaited
        await self._storage.swap_state(metadata)
        # failpoint: recovery.state.before_log, awaited
        assert self._machine.applied_index == metadata.index, "the state in use is the one that was prepared"
        self._telemetry.snapshots_installed.add()
        text = f"the state at index {metadata.index} came from member {peer}, in place of damaged log entries that nobody has any more"
        self._telemetry.timeline.note(asyncio.get_running_loop().time(), "repair", text)
        logger.warning("%s", text)
