"""One life of the worker process: restore its snapshot, send what the feed gives, take its answers. Ends by an exception, always.

Two tasks: `_send` keeps the process busy within the bounds of what may be in flight, `_receive` takes the answers, which come in the
order of the requests. A snapshot is a request among the commands, so it is of exactly the state between two of them.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from quorate.wire.results import ApplicationResult, Failure, Result
from quorate_node.machine.application import frames
from quorate_node.machine.application.feed import Feed
from quorate_node.machine.application.items import ApplicationCommand, ApplicationRegistration, Place, place_of
from quorate_node.machine.application.process import ApplicationWorker, WorkerDied
from quorate_node.machine.application.settings import ApplicationSettings
from quorate_node.machine.application.snapshot_files import (
    FORMAT,
    ApplicationSnapshot,
    ApplicationSnapshotHeader,
    SnapshotWriter,
    read_pieces,
)
from quorate_node.machine.interface import ApplicationFailed
from quorate_node.store.errors import NoSpace, StoreFailed

Registered = tuple[str, int] | None
LATE_S = 1.0
"""A timer that comes so late says that this process was not let run."""


class SnapshotRequest(NamedTuple):
    """In flight between the commands before and after it."""

    header: ApplicationSnapshotHeader


class Hooks(NamedTuple):
    """What a session tells the host."""

    applied: Callable[[Place, Result], None]
    snapshot_taken: Callable[[ApplicationSnapshot], None]
    snapshot_failed: Callable[[str], None]
    """A snapshot could not be written (a full disk): the machine goes on, the log is kept longer."""
    wanted_snapshot: Callable[[int], int | None]
    """The lowest index above the given one of which somebody waits for a snapshot, else None."""
    slow: Callable[[float], None]
    restored: Callable[[int], None]
    """The process starts from the state after this index: nothing up to it is applied, or answered, again."""


class WorkerSession:
    """`index` and `registered`: the state that the process starts with, that of the snapshot it restores or the empty one."""

    def __init__(
        self,
        worker: ApplicationWorker,
        feed: Feed,
        settings: ApplicationSettings,
        directory: Path,
        hooks: Hooks,
        index: int,
        registered: Registered,
    ) -> None:
        self._worker = worker
        self._feed = feed
        self._settings = settings
        self._directory = directory
        self._hooks = hooks
        self._loop = asyncio.get_running_loop()
        self._sent_index = index
        self._registered = registered
        self._in_flight: deque[tuple[Place, int] | SnapshotRequest] = deque()
        self._in_flight_bytes = 0
        self._room = asyncio.Event()
        self._snapshot_index = index
        """Of the last snapshot that was asked of the process."""
        self._snapshot_commands = 0
        self._snapshot_bytes = 0
        self._writer: SnapshotWriter | None = None
        self._answered_s = 0.0
        self._heard_s = self._loop.time()
        """Of the last answer, or of the first request after it: since then the process is busy, or hangs."""
        self.snapshot_asked = False
        """Set by the host: take one at the next boundary, whatever the counters say."""

    async def restore(self, snapshot: ApplicationSnapshot) -> None:
        """Give the process a verified snapshot. Raises as `run`."""
        pieces = read_pieces(snapshot)
        answer = asyncio.ensure_future(self._worker.receive())
        try:
            async with asyncio.timeout(self._settings.state_timeout_s):
                await self._give(pieces)
                reply = await answer
        except TimeoutError as error:
            raise WorkerDied(_hangs("restored no snapshot", self._settings.state_timeout_s, "state_timeout_ms")) from error
        finally:
            answer.cancel()
        assert isinstance(reply, frames.Restored), f"the worker answered a restore with a {type(reply).__name__}"

    async def _give(self, pieces: Iterator[bytes]) -> None:
        # A restore that raises ends the process while we still send: its answer says why, a broken link does not.
        with contextlib.suppress(WorkerDied):
            while (piece := await asyncio.to_thread(next, pieces, None)) is not None:
                await self._worker.send(frames.RestorePiece(piece))
            await self._worker.send(frames.RestoreEnd())

    async def run(self) -> None:
        """Never returns. Raises `WorkerDied`, `ApplicationFailed`, and what the feed's reader raises."""
        tasks = [asyncio.ensure_future(work) for work in (self._send(), self._receive(), self._watch())]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            outcomes = await asyncio.gather(*tasks, return_exceptions=True)
            if self._writer is not None:
                self._writer.abandon()
        # The user's exception explains a broken link; a broken link explains nothing.
        raised = [outcome for outcome in outcomes if isinstance(outcome, Exception)]
        raised.sort(key=lambda error: isinstance(error, WorkerDied))
        assert raised, "a session ends by an exception"
        raise raised[0]

    # --- sending ---------------------------------------------------------------------------------------------------

    async def _send(self) -> None:
        while True:
            if self._feed.drained:
                await self._snapshot_if_due(None)
            items = await self._feed.take(self._settings.batch_commands, self._settings.batch_bytes)
            batch: list[ApplicationCommand] = []
            for item in items:
                if item.index > self._sent_index and self._is_snapshot_due(item.index):
                    await self._send_commands(batch)
                    batch = []
                    await self._snapshot_if_due(item.index)
                self._sent_index = item.index
                if isinstance(item, ApplicationRegistration):
                    await self._send_commands(batch)
                    batch = []
                    await self._register(item)
                elif self._registered is not None:
                    batch.append(item)
                # Else a command from before any registration: the bare ordered log, which no machine applies.
            await self._send_commands(batch)

    async def _send_commands(self, batch: list[ApplicationCommand]) -> None:
        if not batch:
            return
        size = sum(len(command.payload) for command in batch)
        settings = self._settings
        while self._in_flight and (
            len(self._in_flight) + len(batch) > settings.in_flight_commands or self._in_flight_bytes + size > settings.in_flight_bytes
        ):
            self._room.clear()
            await self._room.wait()
        if not self._in_flight:
            self._answered_s = self._heard_s = self._loop.time()
        self._in_flight.extend((place_of(command), len(command.payload)) for command in batch)
        self._in_flight_bytes += size
        self._snapshot_commands += len(batch)
        self._snapshot_bytes += size
        await self._worker.send(frames.Apply([(command.index, command.log_time_ms, command.payload) for command in batch]))

    async def _register(self, item: ApplicationRegistration) -> None:
        """A machine that may not go on first keeps what it has: the right version goes on from there, not from long ago."""
        # The first registration's snapshot, of the empty state, is what a new member starts from.
        self.snapshot_asked = self.snapshot_asked or self._registered is None
        self._registered = (item.name, item.version)
        if (item.name, item.version) != (self._worker.name, self._worker.version):
            await self._take_snapshot(item.index)
            await self._answered()
            raise ApplicationFailed(demand(self._registered, (self._worker.name, self._worker.version), item.index))

    async def _answered(self) -> None:
        while self._in_flight:
            self._room.clear()
            await self._room.wait()

    def _is_snapshot_due(self, before_index: int | None) -> bool:
        """Whether to take one now that everything below `before_index` (None: everything there is) was sent."""
        wanted = self._hooks.wanted_snapshot(self._snapshot_index)
        return (
            self.snapshot_asked
            or self._snapshot_commands >= self._settings.snapshot_commands
            or self._snapshot_bytes >= self._settings.snapshot_bytes
            or (wanted is not None and (before_index is None or wanted < before_index))
        )

    async def _snapshot_if_due(self, before_index: int | None) -> None:
        """Somebody who waits for a snapshot gets it under the index asked for: no command lies between it and what was sent."""
        if self._registered is None or not self._is_snapshot_due(before_index):
            return
        wanted = self._hooks.wanted_snapshot(self._snapshot_index)
        if wanted is not None and before_index is not None and wanted >= before_index:
            wanted = None
        await self._take_snapshot(max(self._sent_index, wanted or 0))

    async def _take_snapshot(self, index: int) -> None:
        assert self._registered is not None
        self.snapshot_asked = False
        self._snapshot_commands = self._snapshot_bytes = 0
        self._snapshot_index = index
        if not self._in_flight:
            self._heard_s = self._loop.time()
        self._in_flight.append(SnapshotRequest(ApplicationSnapshotHeader(FORMAT, index, *self._registered)))
        await self._worker.send(frames.TakeSnapshot())

    # --- receiving -------------------------------------------------------------------------------------------------

    async def _receive(self) -> None:
        while True:
            answer = await self._worker.receive()
            self._heard_s = self._loop.time()
            if isinstance(answer, frames.Applied):
                self._on_applied(answer.results)
            elif isinstance(answer, frames.SnapshotPiece):
                await self._on_snapshot_piece(answer.data)
            elif isinstance(answer, frames.SnapshotEnd):
                await self._on_snapshot_end()
            else:
                raise WorkerDied(f"it sent a {type(answer).__name__} that nobody asked for")
            self._room.set()

    async def _watch(self) -> None:
        """A process that hangs says nothing and never ends: its silence has a limit. Raises `WorkerDied`."""
        command_s = self._settings.command_timeout_s
        while True:
            of_state = bool(self._in_flight) and isinstance(self._in_flight[0], SnapshotRequest)
            limit_s = self._settings.state_timeout_s if of_state else command_s
            left_s = self._heard_s + limit_s - self._loop.time() if self._in_flight else command_s
            if left_s <= 0:
                raise WorkerDied(_hangs("answered nothing", limit_s, "state_timeout_ms" if of_state else "command_timeout_ms"))
            due_s = self._loop.time() + min(left_s, command_s)
            await asyncio.sleep(due_s - self._loop.time())
            if self._loop.time() - due_s > LATE_S:
                self._heard_s = self._loop.time()  # This process itself stood still, and perhaps all of the machine: count anew.

    def _on_applied(self, results: list[tuple[int, bytes]]) -> None:
        now_s = self._loop.time()
        if results and now_s - self._answered_s > self._settings.slow_command_s:
            self._hooks.slow(now_s - self._answered_s)
        self._answered_s = now_s
        for status, value in results:
            head = self._in_flight.popleft()
            assert not isinstance(head, SnapshotRequest), "answers come in the order of the requests"
            place, size = head
            self._in_flight_bytes -= size
            self._hooks.applied(place, self._result(place[0], status, value))

    def _result(self, index: int, status: int, value: bytes) -> Result:
        if status == frames.Status.TOO_LARGE:
            return Failure(
                "ValueTooLarge",
                f"the command at index {index} was applied, but its result has {value.decode()} bytes; "
                f"application.result_bytes_max is {self._settings.result_bytes_max}",
            )
        return ApplicationResult(index, value, rejected=status == frames.Status.REJECTED)

    async def _on_snapshot_piece(self, data: bytes) -> None:
        head = self._in_flight[0]
        assert isinstance(head, SnapshotRequest), "answers come in the order of the requests"
        if head.header.index < 0:
            return
        try:
            if self._writer is None:
                self._writer = await asyncio.to_thread(SnapshotWriter, self._directory, head.header)
            await asyncio.to_thread(self._writer.write, data)
        except (NoSpace, StoreFailed) as error:
            self._give_up_snapshot(head, error)

    async def _on_snapshot_end(self) -> None:
        head = self._in_flight[0]
        assert isinstance(head, SnapshotRequest), "answers come in the order of the requests"
        if head.header.index >= 0:
            try:
                if self._writer is None:  # A machine whose state has no bytes.
                    self._writer = await asyncio.to_thread(SnapshotWriter, self._directory, head.header)
                snapshot = await asyncio.to_thread(self._writer.finish)
                self._writer = None
                self._hooks.snapshot_taken(snapshot)
            except (NoSpace, StoreFailed) as error:
                self._give_up_snapshot(head, error)
        self._in_flight.popleft()
        self._answered_s = self._loop.time()

    def _give_up_snapshot(self, head: SnapshotRequest, error: Exception) -> None:
        """The pieces that still come are thrown away; the next snapshot comes when it is due again."""
        if self._writer is not None:
            self._writer.abandon()
            self._writer = None
        self._in_flight[0] = SnapshotRequest(ApplicationSnapshotHeader(FORMAT, -1, head.header.name, head.header.version))
        self._hooks.snapshot_failed(str(error))


def _hangs(what: str, seconds: float, setting: str) -> str:
    return f"it has {what} for {seconds:g} s (application.{setting}): it hangs, and was killed"


def demand(registered: tuple[str, int], own: tuple[str, int], index: int) -> str:
    """The exact words for a member that runs the wrong machine."""
    return (
        f"from index {index} on the log demands {registered[0]!r} version {registered[1]}; this member runs {own[0]!r} version {own[1]}: "
        f"restart it with application.machine set to that class and version"
    )
