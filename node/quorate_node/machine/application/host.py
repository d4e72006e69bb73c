"""The application host: keeps the user's machine at the log's pace in a process of its own, and is the machine's `ApplicationPort`.

Whatever happens to the process, consensus goes on: this member then answers application commands with an error, and its log is kept
from where the machine stands (`compaction_floor`).
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable
from pathlib import Path

from quorate.wire.results import ApplicationResult, Failure, Result
from quorate_node.machine.application.feed import Feed
from quorate_node.machine.application.items import (
    POSITION_MAX,
    ApplicationCommand,
    ApplicationRegistration,
    CommandReader,
    Place,
)
from quorate_node.machine.application.process import StartWorker, WorkerProcess
from quorate_node.machine.application.replies import Replies
from quorate_node.machine.application.session import Hooks
from quorate_node.machine.application.settings import ApplicationSettings
from quorate_node.machine.application.shelf import Registered, SnapshotShelf
from quorate_node.machine.application.snapshot_files import ApplicationSnapshot
from quorate_node.machine.application.status import ApplicationState, ApplicationStatus
from quorate_node.machine.application.supervisor import Supervisor
from quorate_node.machine.application_port import Pending
from quorate_node.machine.interface import Refused

LOG = logging.getLogger("quorate.application")


class ApplicationHost:
    """Made before the machine (which takes it as its port), started once the machine is open. Lives on the loop's thread."""

    def __init__(
        self,
        settings: ApplicationSettings,
        directory: Path,
        reader: CommandReader,
        start_worker: StartWorker = WorkerProcess.start,
    ) -> None:
        """`directory` is for this host alone, on the data volume. `reader`: see `items.CommandReader`."""
        self.settings = settings
        self._shelf = SnapshotShelf(directory)
        self._feed = Feed(reader, settings)
        self._replies = Replies(settings)
        hooks = Hooks(self._on_applied, self._on_snapshot, self._on_snapshot_failed, self._wanted_above, self._on_slow, self._on_restored)
        self._supervisor = Supervisor(settings, self._feed, self._shelf, hooks, self._on_failed, start_worker)
        self._started = False
        self._installing = asyncio.Lock()
        self._registered: Registered = None
        """At the machine's applied index: the process may be behind it."""
        self._wanted: dict[int, list[asyncio.Future[ApplicationSnapshot | None]]] = {}
        self._snapshot_over = asyncio.Event()
        """A snapshot was taken, or could not be, or the machine has stopped."""
        self._applied: Place = (0, 0)
        self._commands = self._rejected = self._slow = self._snapshots_taken = self._snapshot_failures = 0

    # --- ApplicationPort -------------------------------------------------------------------------------------------

    def version(self) -> Registered:
        """Of this member's class, and only once a machine is registered: how a command is applied must not depend on this member alone."""
        return self._supervisor.own if self._registered is not None else None

    def submit(self, index: int, position: int, log_time_ms: int, payload: bytes) -> Result | Pending:
        """A `Pending`, or a `Failure` when this member's machine has stopped; before a registration the bare log's result."""
        if self._registered is None:
            return ApplicationResult(index, b"")
        if not self._supervisor.serving:
            return self._failure(f"the command at index {index} is committed")
        if not self._feed.offer(ApplicationCommand(index, position, log_time_ms, payload)):
            return self._replies.find((index, position)) or _forgotten(index)
        return self._replies.expect((index, position))

    def register(self, index: int, name: str, version: int) -> None:
        """A wrong class does not raise: the process stops there and says so. Raises `ApplicationFailed` when the disk takes nothing."""
        self._shelf.register(index, name, version)
        self._registered = (name, version)
        if self._supervisor.serving:
            self._feed.offer(ApplicationRegistration(index, self._feed.next_position(index), name, version))

    def reply(self, index: int, position: int) -> Result | Pending | None:
        if self._registered is None:
            return ApplicationResult(index, b"")
        return self._replies.find((index, position))

    # --- the member ------------------------------------------------------------------------------------------------

    async def start(self, applied_index: int, registered: Registered) -> None:
        """Start the process and bring it to `applied_index`, in the background. `registered`: what the machine's state says there.

        Nothing is submitted before. Raises `Damaged`, `OSError` for the directory.
        """
        assert not self._started, "a host is started once"
        await asyncio.to_thread(self._shelf.open)
        self._started = True
        self._registered = registered
        self._supervisor.begin(applied_index, registered)

    async def stop(self) -> None:
        """Take a last snapshot within `stop_timeout_s`, so that the next start replays little, and end the process."""
        session = self._supervisor.session
        if session is not None and self._registered is not None and self._supervisor.state == ApplicationState.RUNNING:
            failures = self._snapshot_failures
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self.settings.stop_timeout_s):
                    while self._supervisor.session is session and self._snapshot_failures == failures and not self._is_kept():
                        self._snapshot_over.clear()
                        session.snapshot_asked = True
                        self._feed.nudge()
                        await self._snapshot_over.wait()
        await self._end("the member is stopping")

    async def install(self, index: int, registered: Registered, snapshot: Path | None) -> None:
        """Take over the state after entry `index` from another member's file, *before* the cluster's snapshot is swapped in.

        The file is moved. `registered`: what the log demands at `index` (the snapshot header says). Without a file although a machine
        is registered, this member's machine stops and says so. Raises `Refused` for a damaged or a wrong file; nothing is changed then.
        """
        async with self._installing:
            found = None
            if snapshot is not None:
                found = await asyncio.to_thread(self._shelf.check_foreign, snapshot, index, registered)
            await self._end("another member's snapshot is being installed")
            self._registered = registered
            await asyncio.to_thread(self._shelf.replace, found, index, registered)
            self._applied = (index, POSITION_MAX)
            if not self._started:
                return
            if registered is not None and found is None:
                text = f"the member that sent the snapshot at index {index} sent none of the application: another one's is asked for"
                self._supervisor.fail(text, lacks_state=True)
            else:
                self._supervisor.begin(index, registered)

    @property
    def lacks_state(self) -> bool:
        """The machine stands still for want of a state, which any other member's snapshot is: `take_over` it."""
        return self._supervisor.lacks_state

    async def take_over(self, index: int, snapshot: Path, applied_index: Callable[[], int]) -> None:
        """Go on from another member's file of the state after entry `index`, where there was nothing to go on from. The log has what
        came after, up to `applied_index()`. The file is moved. Raises `Refused`, `OSError`."""
        async with self._installing:
            if not self.lacks_state:
                return  # A whole snapshot came meanwhile.
            found = await asyncio.to_thread(self._shelf.check_foreign, snapshot, index, self._registered)
            await self._end("another member's state of the application is being taken over")
            await asyncio.to_thread(self._shelf.replace, found, index, self._registered)
            self._applied = (index, POSITION_MAX)
            self._supervisor.begin(applied_index(), self._registered)

    def snapshot(self, index: int) -> asyncio.Future[ApplicationSnapshot | None]:
        """The state after entry `index`, for a member that is behind: ask in the turn in which the state at `index` is pinned.

        The future gives None when no machine is registered, when it does not run here, or when it is ahead by a snapshot of its own (the
        state here lost its newest in a power loss); it raises `Refused` when it cannot be written.
        Open what it gives with `ApplicationSnapshotSource` at once: only the newest two are kept.
        """
        future: asyncio.Future[ApplicationSnapshot | None] = asyncio.get_running_loop().create_future()
        kept = next((kept for kept in self._shelf.snapshots if kept.header.index == index), None)
        if self._registered is None or not self._supervisor.serving:
            future.set_result(None)
        elif kept is not None:
            future.set_result(kept)
        elif self._applied[0] > index:
            future.set_result(None)
        else:
            self._wanted.setdefault(index, []).append(future)
            self._feed.nudge()
        return future

    def check(self, payload_bytes: int) -> None:
        """Refuse a command before it is proposed. Raises `Refused` (ValueTooLarge, TooManyRequests)."""
        if payload_bytes > self.settings.payload_bytes_max:
            raise Refused(
                "ValueTooLarge",
                f"payload has {payload_bytes} bytes; application.payload_bytes_max is {self.settings.payload_bytes_max}: send less",
            )
        if self._replies.waiting >= self.settings.backlog_commands:
            raise Refused(
                "TooManyRequests",
                f"{self._replies.waiting} commands wait for the application's machine; "
                f"application.backlog_commands is {self.settings.backlog_commands}: try again later",
            )

    def compaction_floor(self, applied_index: int) -> int | None:
        """The log must keep every entry above this index; None: the application needs none."""
        return self._shelf.floor(applied_index, self.settings.log_entries_kept_max)

    def status(self) -> ApplicationStatus:
        supervisor, snapshots = self._supervisor, self._shelf.snapshots
        own, registered = supervisor.own or ("", 0), self._registered or ("", 0)
        return ApplicationStatus(
            state=supervisor.state,
            message=supervisor.message,
            name=own[0],
            version=own[1],
            registered_name=registered[0],
            registered_version=registered[1],
            applied_index=self._applied[0],
            snapshot_index=snapshots[0].header.index if snapshots else 0,
            backlog_commands=self._replies.waiting,
            behind=self._feed.reading,
            pid=supervisor.worker.pid if supervisor.worker else 0,
            restarts=supervisor.restarts,
            overflows=self._feed.overflows,
            slow_messages=self._slow,
            commands=self._commands,
            rejected=self._rejected,
            snapshots=self._snapshots_taken,
            snapshot_failures=self._snapshot_failures,
        )

    # --- hooks of the session and the supervisor --------------------------------------------------------------------

    def _on_applied(self, place: Place, result: Result) -> None:
        self._applied = max(self._applied, place)
        self._commands += 1
        self._rejected += isinstance(result, ApplicationResult) and result.rejected
        self._replies.resolve(place, result)

    def _on_snapshot(self, snapshot: ApplicationSnapshot) -> None:
        self._shelf.add(snapshot)
        self._snapshots_taken += 1
        self._snapshot_over.set()
        for future in self._wanted.pop(snapshot.header.index, ()):
            if not future.done():
                future.set_result(snapshot)

    def _on_snapshot_failed(self, message: str) -> None:
        self._snapshot_failures += 1
        self._snapshot_over.set()
        LOG.error("the application's snapshot was not written, its log is kept: %s", message)
        self._refuse_wanted(Refused("NoSpace", f"the application's snapshot was not written: {message}"))

    def _wanted_above(self, index: int) -> int | None:
        return min((wanted for wanted in self._wanted if wanted > index), default=None)

    def _on_slow(self, seconds: float) -> None:
        self._slow += 1
        LOG.warning("the application's machine took %.1f s for a message (application.slow_command_s)", seconds)

    def _is_kept(self) -> bool:
        """Everything that was submitted is applied, and the newest snapshot holds it."""
        newest = self._shelf.snapshots[0].header.index if self._shelf.snapshots else 0
        return self._feed.drained and self._replies.waiting == 0 and newest >= self._applied[0]

    def _on_restored(self, index: int) -> None:
        self._applied = max(self._applied, (index, POSITION_MAX))
        self._replies.fail_waiting(_forgotten(index), until=(index, POSITION_MAX))
        # What lies behind it is never taken any more: whoever waits for that asks another member.
        for passed in [wanted for wanted in self._wanted if wanted <= index]:
            kept = next((kept for kept in self._shelf.snapshots if kept.header.index == passed), None)
            for future in self._wanted.pop(passed):
                if not future.done():
                    future.set_result(kept)

    def _on_failed(self, message: str) -> None:
        self._snapshot_over.set()
        self._replies.fail_waiting(self._failure("the command is committed"))
        self._refuse_wanted(None)

    def _refuse_wanted(self, error: Refused | None) -> None:
        wanted, self._wanted = self._wanted, {}
        for future in (future for futures in wanted.values() for future in futures if not future.done()):
            if error is None:
                future.set_result(None)
            else:
                future.set_exception(error)

    async def _end(self, message: str) -> None:
        await self._supervisor.end(message)
        self._on_failed(message)

    def _failure(self, what: str) -> Failure:
        return Failure(
            "Internal", f"{what}, but this member's application machine does not run ({self._supervisor.message}): ask another member"
        )


def _forgotten(index: int) -> Failure:
    return Failure(
        "SessionSequenceForgotten", f"a command up to index {index} was applied before this member's restart: its result is not kept"
    )
