"""A snapshot comes here: chunk by chunk, each verified before it is kept, from a member that has it pinned (`catch_up`)."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from pathlib import Path

import msgspec

from quorate_node.machine.interface import Refused, SnapshotSink
from quorate_node.protocol.message import Message
from quorate_node.replica.catch_up import APPLICATION_PIECE_BYTES, ApplicationPiece, ApplicationPieceRequest, ChunkRequest
from quorate_node.replica.settings import ReplicaSettings
from quorate_node.store.errors import Backpressure, NoSpace
from quorate_node.transport.interface import PeerFailure, PeerRefused, RequestKind, Transport

logger = logging.getLogger(__name__)

FETCH_ATTEMPTS_MAX = 5


class SnapshotDownload:
    """What is on disk already is not fetched again, after a restart neither."""

    def __init__(
        self, settings: ReplicaSettings, transport: Transport, staging: Path, open_sink: Callable[[Path, bytes], SnapshotSink]
    ) -> None:
        self._settings = settings
        self._transport = transport
        self._staging = staging
        self._open_sink = open_sink
        self.progress: tuple[int, int] = (0, 0)
        """(chunks here, chunks in all) of the snapshot under way."""

    async def fetch(self, sender: int, index: int) -> tuple[SnapshotSink, Path | None]:
        """The snapshot that `sender` holds at `index`, and the file with the application's own, where it has one.

        Raises `PeerFailure`, `PeerRefused`, `Refused` (what came is not what the manifest says), `StoreError`.
        """
        try:
            sink = await self._chunks(sender, index)
            # failpoint: snapshot.fetch.complete, awaited
            return sink, await self.application(sender, index)
        finally:
            self.progress = (0, 0)

    async def _chunks(self, sender: int, index: int) -> SnapshotSink:
        request = msgspec.msgpack.encode(ChunkRequest(index))
        manifest = await self._ask(sender, RequestKind.SNAPSHOT_MANIFEST, request, self._settings.snapshot_idle_timeout_ms / 1000)
        sink = self._open_sink(self._staging, manifest)
        missing = sink.missing()
        total = len(missing)
        numbers = iter(missing)

        async def worker() -> None:
            for number in numbers:
                payload = msgspec.msgpack.encode(ChunkRequest(index, number))
                data = await self._ask(sender, RequestKind.SNAPSHOT_CHUNK, payload, self._settings.request_peer_timeout_ms / 1000)
                # failpoint: snapshot.fetch.before_write, awaited
                await asyncio.get_running_loop().run_in_executor(None, sink.write, number, data)
                self.progress = (self.progress[0] + 1, total)

        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(self._settings.snapshot_chunk_requests_max):
                    group.create_task(worker())
        except ExceptionGroup as failed:
            # Bare, whatever it is: who is told of it looks at its kind.
            raise failed.exceptions[0] from failed
        return sink

    async def application(self, sender: int, index: int, name: str = "application-snapshot") -> Path | None:
        """The application's own snapshot in one file; None when the sender has none. Raises as `fetch`."""
        path = self._staging / name
        offset = 0
        with path.open("wb") as file:
            while True:
                payload = msgspec.msgpack.encode(ApplicationPieceRequest(index, offset, APPLICATION_PIECE_BYTES))
                answer = await self._ask(sender, RequestKind.APPLICATION_SNAPSHOT, payload, self._settings.snapshot_idle_timeout_ms / 1000)
                piece = msgspec.msgpack.decode(answer, type=ApplicationPiece)
                if piece.size_bytes == 0:
                    return None
                await asyncio.get_running_loop().run_in_executor(None, file.write, piece.data)
                offset += len(piece.data)
                if offset >= piece.size_bytes or not piece.data:
                    return path

    async def _ask(self, sender: int, kind: RequestKind, payload: bytes, timeout_s: float) -> bytes:
        for attempt in range(FETCH_ATTEMPTS_MAX):
            try:
                return await self._transport.request(sender, kind, payload, timeout_s)
            except PeerFailure:
                if attempt + 1 == FETCH_ATTEMPTS_MAX:
                    raise
                await asyncio.sleep(self._settings.tick_ms * 2**attempt / 1000)
        raise AssertionError("unreachable: the last attempt returns or raises")


class SnapshotFetcher:
    """Takes up the leader's offers, one at a time."""

    def __init__(
        self,
        download: SnapshotDownload,
        finished: Callable[[Message, SnapshotSink, Path | None], Awaitable[None]],
        failed: Callable[[BaseException], None],
    ) -> None:
        """`failed` is told of what no other snapshot can mend: a store that broke."""
        self._download = download
        self._finished = finished
        self._failed = failed
        self._task: asyncio.Task[None] | None = None

    @property
    def progress(self) -> tuple[int, int]:
        """(chunks here, chunks in all) of the snapshot under way."""
        return self._download.progress

    def offered(self, message: Message) -> None:
        """A leader offers a snapshot. The one under way is finished first: the leader repeats its offer."""
        if self._task is None or self._task.done():
            self._task = asyncio.get_running_loop().create_task(self._fetch(message))

    async def _fetch(self, message: Message) -> None:
        assert message.snapshot is not None, "an offer names its snapshot"
        index = message.snapshot.index
        try:
            sink, application = await self._download.fetch(message.sender, index)
            await self._finished(message, sink, application)
        except (PeerFailure, PeerRefused, Refused, NoSpace, Backpressure, OSError, msgspec.MsgspecError) as error:
            logger.warning("snapshot at %d from member %d was not fetched: %s; waiting for the next offer", index, message.sender, error)
        except Exception as error:  # noqa: BLE001 - whatever broke stops the member, with its cause: a task alone would die unheard
            self._failed(error)

    async def close(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
