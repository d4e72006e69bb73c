"""Repair below the protocol: damaged entries come back from peers, by index and chain hash (DESIGN decision 7)."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence

import msgspec

from quorate_node.protocol.entry import Entry
from quorate_node.replica.settings import ReplicaSettings
from quorate_node.store.errors import ChainMismatch, Compacted, Damaged, StoreError, Unavailable
from quorate_node.store.interface import LogStore
from quorate_node.telemetry.telemetry import Telemetry
from quorate_node.transport.interface import PeerFailure, PeerRefused, RequestKind, Transport

logger = logging.getLogger(__name__)


class LogRangeRequest(msgspec.Struct, array_like=True, frozen=True):
    """Entries [low, high); the answer may be shorter."""

    low: int
    high: int


def answer_log_range(log: LogStore, settings: ReplicaSettings, payload: bytes) -> bytes:
    """Serve a peer from this log; never an entry that is damaged here. Raises `PeerRefused`."""
    try:
        request = msgspec.msgpack.decode(payload, type=LogRangeRequest)
    except msgspec.MsgspecError as error:
        raise PeerRefused("MalformedBody", f"request for a range of the log: {error}") from error
    try:
        entries = log.entries(request.low, request.high, settings.apply_bytes_max)
    except (Compacted, Unavailable, Damaged) as error:
        raise PeerRefused("NotFound", f"log range [{request.low}, {request.high}) is not here: {error}") from error
    return msgspec.msgpack.encode(entries)


class LogRepair:
    def __init__(self, settings: ReplicaSettings, log: LogStore, transport: Transport, telemetry: Telemetry) -> None:
        self._settings = settings
        self._log = log
        self._transport = transport
        self._telemetry = telemetry
        self.unheard: set[int] = set()
        """Peers that gave no answer when they were asked last: they may have what is wanted."""

    async def damaged(self, ranges: Sequence[tuple[int, int]], peers: Sequence[int]) -> bool:
        """Fetch what is damaged; True when all of it is whole again."""
        whole = True
        for low, high in ranges:
            if not await self._range(low, high, peers):
                logger.error("log entries [%d, %d) are damaged and no peer has them with the same chain hash", low, high)
                whole = False
        return whole

    async def _range(self, low: int, high: int, peers: Sequence[int]) -> bool:
        first = low
        for peer in peers:
            at = low
            while at < high:
                entries = await self.fetch(peer, at, high)
                # failpoint: recovery.repair.after_fetch, awaited
                if not entries:
                    break
                try:
                    # Synced: a disk that stalls must not hold the loop, which is what hands leadership over then.
                    await asyncio.get_running_loop().run_in_executor(None, self._log.repair, entries)
                except (ChainMismatch, StoreError) as error:
                    logger.warning("member %d offered other entries for [%d, %d): %s", peer, at, high, error)
                    break
                at = entries[-1].index + 1
            if at >= high:
                logger.info("log entries [%d, %d) were repaired from member %d", low, high, peer)
                self.repaired(high - first)
                return True
            low = at
        return False

    def found(self, ranges: Sequence[tuple[int, int]]) -> None:
        """Count what was found damaged, once, however often its repair is tried."""
        self._telemetry.damaged_entries.add(sum(high - low for low, high in ranges))

    def repaired(self, entries: int) -> None:
        self._telemetry.repaired_entries.add(entries)
        self._telemetry.timeline.note(asyncio.get_running_loop().time(), "repair", f"{entries} log entries were repaired from peers")

    async def fetch(self, peer: int, low: int, high: int) -> list[Entry]:
        """Entries from `low` on, in order, possibly fewer; none when the peer has not got them or does not answer."""
        request = msgspec.msgpack.encode(LogRangeRequest(low, high))
        self.unheard.discard(peer)
        try:
            answer = await self._transport.request(peer, RequestKind.LOG_RANGE, request, self._settings.request_peer_timeout_ms / 1000)
            entries = msgspec.msgpack.decode(answer, type=list[Entry])
        except (PeerFailure, PeerRefused, msgspec.MsgspecError) as failure:
            if isinstance(failure, PeerFailure) or (isinstance(failure, PeerRefused) and failure.error == "NotReady"):
                self.unheard.add(peer)
            logger.warning("member %d did not serve log entries [%d, %d): %s", peer, low, high, failure)
            return []
        in_order = all(entry.index == low + offset for offset, entry in enumerate(entries))
        return entries if in_order else []
