"""For members that are too far behind for the log: a pinned snapshot served in chunks. `snapshot_fetching` has the other side."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

import msgspec

from quorate_node.machine.application.snapshot_files import ApplicationSnapshot
from quorate_node.machine.application.snapshot_source import ApplicationSnapshotSource
from quorate_node.machine.interface import Machine, Refused, SnapshotSource
from quorate_node.protocol.message import Message, SnapshotMetadata
from quorate_node.replica.settings import ReplicaSettings
from quorate_node.transport.interface import PeerRefused, Transport

logger = logging.getLogger(__name__)


class ChunkRequest(msgspec.Struct, array_like=True, frozen=True):
    index: int
    number: int = 0


class ApplicationPieceRequest(msgspec.Struct, array_like=True, frozen=True):
    """Bytes from `offset` on of the application's snapshot at `index`."""

    index: int
    offset: int
    count: int


class ApplicationPiece(msgspec.Struct, array_like=True, frozen=True):
    size_bytes: int
    """Of the whole; 0: there is none."""
    data: bytes


APPLICATION_PIECE_BYTES = 1 << 20
OfferApplication = Callable[[int], "asyncio.Future[ApplicationSnapshot | None]"]


class _Served:
    def __init__(self, source: SnapshotSource, application: asyncio.Future[ApplicationSnapshot | None], now_s: float) -> None:
        self.source = source
        self.used_s = now_s
        self._application = application
        self._application_source: ApplicationSnapshotSource | None = None
        application.add_done_callback(self._open_application)

    def _open_application(self, application: asyncio.Future[ApplicationSnapshot | None]) -> None:
        """At once: only the newest two files are kept, an open one outlives its name."""
        if not application.cancelled() and application.exception() is None and (snapshot := application.result()) is not None:
            self._application_source = ApplicationSnapshotSource(snapshot)

    async def application_piece(self, request: ApplicationPieceRequest) -> ApplicationPiece:
        """Raises `Refused` when the application could not write its snapshot."""
        await asyncio.shield(self._application)
        source = self._application_source
        if source is None:
            return ApplicationPiece(0, b"")
        return ApplicationPiece(source.size_bytes, await source.read(request.offset, min(request.count, APPLICATION_PIECE_BYTES)))

    def close(self) -> None:
        self.source.close()
        self._application.cancel()
        if self._application_source is not None:
            self._application_source.close()


def _is_of_use(served: _Served, member_id: int, index_min: int) -> bool:
    """The log continues it, or the follower would need another one at once; and it knows the follower, which would refuse it else."""
    metadata = served.source.metadata
    configuration = metadata.configuration
    return metadata.index >= index_min and member_id in (*configuration.voters, *configuration.learners, *configuration.voters_outgoing)


class SnapshotServer:
    """The sender's side: one pinned snapshot serves all who ask for its index; it is let go when nobody has asked for a while."""

    def __init__(
        self,
        settings: ReplicaSettings,
        machine: Callable[[], Machine],
        offer_application: OfferApplication,
        transport: Transport,
        gave_up: Callable[[int], None],
    ) -> None:
        """`offer_application(index)`: the application's snapshot after that entry, asked for in the turn in which the state is pinned.
        `gave_up(member_id)`: a follower stopped fetching; the protocol must probe it again."""
        self._offer_application = offer_application
        self._settings = settings
        self._machine = machine
        self._transport = transport
        self._gave_up = gave_up
        self._served: dict[int, _Served] = {}
        self._followers: dict[int, int] = {}

    def offer(self, message: Message) -> None:
        """The protocol wants `message.to` to have a snapshot: name a pinned one, and send the offer."""
        assert message.snapshot is not None, "the protocol names the point that its log begins after"
        self.expire()
        now_s = asyncio.get_running_loop().time()
        served = self._usable(message.to, message.snapshot.index)
        if served is None:
            served = self._pin(now_s)
        served.used_s = now_s
        self._followers[message.to] = served.source.metadata.index
        # failpoint: snapshot.offer, or return
        message.snapshot = served.source.metadata
        self._transport.send([message])

    def _pin(self, now_s: float) -> _Served:
        source = self._machine().open_snapshot()
        served = self._served[source.metadata.index] = _Served(source, self._offer_application(source.metadata.index), now_s)
        return served

    def pin(self, member_id: int, index_min: int) -> SnapshotMetadata:
        """Hold a state for one whose log is damaged, which asks for itself: one that is held anyway, when it is at or beyond `index_min`.
        The protocol, when it finds that member behind, offers the same."""
        self.expire()
        now_s = asyncio.get_running_loop().time()
        newest = max(self._served, default=-1)
        if newest >= index_min:
            served = self._served[newest]
        else:
            while len(self._served) >= self._settings.snapshot_sources_max:
                self._close(min(self._served))
            served = self._pin(now_s)
        served.used_s = now_s
        self._followers[member_id] = served.source.metadata.index
        return served.source.metadata

    def _usable(self, member_id: int, index_min: int) -> _Served | None:
        """A pinned snapshot that is of use to this follower. Pins hold back RocksDB's clean-up: when as many as allowed are held, the
        newest serves newcomers too."""
        served = self._served.get(self._followers.pop(member_id, 0)) or self._served.get(self._machine().applied_index)
        if served is not None and _is_of_use(served, member_id, index_min):
            return served
        if len(self._served) < self._settings.snapshot_sources_max:
            return None
        newest = max(self._served)
        if _is_of_use(self._served[newest], member_id, index_min):
            return self._served[newest]
        self._close(min(self._served))
        return None

    async def manifest(self, payload: bytes) -> bytes:
        # failpoint: snapshot.serve.manifest, awaited
        served = self._find(msgspec.msgpack.decode(payload, type=ChunkRequest).index)
        return await self._read(served, served.source.prepare())

    async def chunk(self, payload: bytes) -> bytes:
        # failpoint: snapshot.serve.chunk, awaited
        request = msgspec.msgpack.decode(payload, type=ChunkRequest)
        served = self._find(request.index)
        return await self._read(served, served.source.chunk(request.number))

    async def _read(self, served: _Served, reading: Awaitable[bytes]) -> bytes:
        try:
            return await reading
        except Refused as refused:
            index = served.source.metadata.index
            if refused.error == "NotReady" and self._served.get(index) is served:
                self._close(index)  # It has closed itself: whoever still wants a snapshot is offered another.
            raise

    async def application_piece(self, payload: bytes) -> bytes:
        request = msgspec.msgpack.decode(payload, type=ApplicationPieceRequest)
        return msgspec.msgpack.encode(await self._find(request.index).application_piece(request))

    def _find(self, index: int) -> _Served:
        served = self._served.get(index)
        if served is None:
            raise PeerRefused("NotFound", f"the snapshot at index {index} is not held any more; ask for the newest")
        served.used_s = asyncio.get_running_loop().time()
        return served

    def expire(self) -> None:
        """Let go of pins that nobody uses; called at every tick."""
        if not self._served:
            return
        now_s = asyncio.get_running_loop().time()
        for index, served in list(self._served.items()):
            if now_s - served.used_s > self._settings.snapshot_idle_timeout_ms / 1000:
                self._close(index)

    def _close(self, index: int) -> None:
        self._served.pop(index).close()
        for member_id, at in list(self._followers.items()):
            if at == index:
                del self._followers[member_id]
                self._gave_up(member_id)

    def close(self) -> None:
        for served in self._served.values():
            served.close()
        self._served.clear()
        self._followers.clear()
