"""Keeps a worker process alive: starts it, brings it to the present, again when it dies, and gives up when the user's code raised."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable

from quorate_node.machine.application.feed import Feed
from quorate_node.machine.application.process import ApplicationWorker, StartWorker, WorkerDied, WorkerProcess
from quorate_node.machine.application.session import Hooks, WorkerSession, demand
from quorate_node.machine.application.settings import ApplicationSettings
from quorate_node.machine.application.shelf import Registered, SnapshotShelf
from quorate_node.machine.application.status import ApplicationState
from quorate_node.machine.interface import ApplicationFailed
from quorate_node.store.errors import StoreError, Unavailable

LOG = logging.getLogger("quorate.application")


class Supervisor:
    """`state` and `message` say how it stands; `own` is the class's name and version, once it was made."""

    def __init__(
        self,
        settings: ApplicationSettings,
        feed: Feed,
        shelf: SnapshotShelf,
        hooks: Hooks,
        on_failed: Callable[[str], None],
        start_worker: StartWorker = WorkerProcess.start,
    ) -> None:
        self._settings = settings
        self._feed = feed
        self._shelf = shelf
        self._hooks = hooks
        self._on_failed = on_failed
        self._start_worker = start_worker
        self._task: asyncio.Task[None] | None = None
        self.state = ApplicationState.STOPPED
        self.message = "not started"
        self.own: Registered = None
        self.worker: ApplicationWorker | None = None
        self.session: WorkerSession | None = None
        self.restarts = 0
        self.lacks_state = False
        """It has failed because nothing here leads to the state that it should be in."""

    @property
    def serving(self) -> bool:
        """Whether commands that are committed now will be answered."""
        return self.state not in (ApplicationState.FAILED, ApplicationState.STOPPED)

    def begin(self, applied_index: int, registered: Registered) -> None:
        """In the background. `registered` is what the state demands at `applied_index`."""
        assert self._task is None, "one process at a time"
        self.state, self.message, self.lacks_state = ApplicationState.STARTING, "the process is being started", False
        self._task = asyncio.get_running_loop().create_task(self._keep_alive(applied_index, registered), name="application supervisor")
        self._task.add_done_callback(self._on_done)

    async def end(self, message: str) -> None:
        """The process is gone on return."""
        if self._task is not None:
            task, self._task = self._task, None
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
        self.state, self.message, self.lacks_state = ApplicationState.STOPPED, message, False

    async def _keep_alive(self, applied_index: int, registered: Registered) -> None:
        loop = asyncio.get_running_loop()
        wait_s = self._settings.restart_wait_s
        while True:
            started_s = loop.time()
            try:
                await self._live(applied_index, registered)
            except WorkerDied as error:
                if loop.time() - started_s > self._settings.restart_forgotten_s:
                    wait_s = self._settings.restart_wait_s
                self.restarts += 1
                self.state = ApplicationState.RESTARTING
                self.message = f"the process died ({error}); started again after {wait_s:g} s, {self.restarts} times so far"
                LOG.warning("the application's machine: %s", self.message)
                await asyncio.sleep(wait_s)
                wait_s = min(wait_s * 2, self._settings.restart_wait_s_max)
            except ApplicationFailed as error:
                self.fail(str(error))
                return
            except StoreError as error:
                self.fail(f"its state cannot be rebuilt here ({error}): another member's is asked for", lacks_state=True)
                return

    async def _live(self, applied_index: int, registered: Registered) -> None:
        """One life, from the newest snapshot on. Raises `WorkerDied`, `ApplicationFailed`, `StoreError`; never returns."""
        self.worker = await self._start_worker(self._settings)
        try:
            self.own = own = (self.worker.name, self.worker.version)
            snapshot = await asyncio.to_thread(self._shelf.newest_whole)
            index, at_start = applied_index, None
            if snapshot is not None:
                index, at_start = snapshot.header.index, (snapshot.header.name, snapshot.header.version)
            elif self._shelf.first is not None:
                index = self._shelf.first.index - 1
            elif registered is not None:
                raise Unavailable(
                    f"the log demands {registered[0]!r} version {registered[1]}, but this member has no snapshot of it and does not "
                    "know since when"
                )
            if at_start is not None and at_start != own:
                raise ApplicationFailed(demand(at_start, own, index))
            self._feed.rewind(index, applied_index)
            self._hooks.restored(index)
            self.session = WorkerSession(self.worker, self._feed, self._settings, self._shelf.directory, self._hooks, index, at_start)
            if snapshot is not None:
                await self.session.restore(snapshot)
            self.state, self.message = ApplicationState.RUNNING, ""
            await self.session.run()
        finally:
            self.session = None
            worker, self.worker = self.worker, None
            await worker.close()

    def fail(self, message: str, *, lacks_state: bool = False) -> None:
        """Stopped until the member is restarted, or takes another member's snapshot."""
        self.state, self.message, self.lacks_state = ApplicationState.FAILED, message, lacks_state
        LOG.error("the application's machine has stopped on this member: %s", message)
        self._on_failed(message)

    def _on_done(self, task: asyncio.Task[None]) -> None:
        """A bug of ours must not look like a machine that is merely quiet."""
        if not task.cancelled() and (error := task.exception()) is not None:
            LOG.error("the application's supervisor failed", exc_info=error)
            self.fail(f"an internal error: {error!r}")
