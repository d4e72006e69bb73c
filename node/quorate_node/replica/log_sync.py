"""How a batch becomes durable beside the loop: by the kernel or in a thread. The simulator has its own, in virtual time."""

from __future__ import annotations

import asyncio
import logging
import os
import queue
import threading
from collections.abc import Callable, Sequence
from typing import Protocol

from quorate_node.protocol.ready import Persist
from quorate_node.store.errors import StoreError
from quorate_node.store.interface import LogStore
from quorate_node.store.kernel_sync import open_kernel_sync

logger = logging.getLogger(__name__)

SyncedCallback = Callable[[BaseException | None], None]
CLOSE_WAIT_S = 10.0
"""For the write under way, when the member stops."""
CLOSE_POLL_S = 0.002


class LogSync(Protocol):
    """Writes one job at a time. Made on the loop's thread by `OpenLogSync`."""

    def write(self, batches: Sequence[Persist]) -> None:
        """Begin to make all `batches` durable (`LogStore.write`). How it ended is told later, never inside this call, on the loop's
        thread: None, or what the log raised. The next job comes after that."""
        ...

    async def close(self) -> None:
        """Wait for the write under way, for `CLOSE_WAIT_S` at most, and tell nothing more."""
        ...


OpenLogSync = Callable[[LogStore, SyncedCallback], LogSync]


class DiskLogSync:
    """By the kernel where log and system can, else in a thread.

    A dedicated thread and a plain queue: an executor's future costs twice the hop (reference figure: 66 us).
    """

    def __init__(self, log: LogStore, synced: SyncedCallback) -> None:
        self._log = log
        self._tell = synced
        self._loop = asyncio.get_running_loop()
        self._closed = False
        self._jobs: queue.SimpleQueue[Sequence[Persist] | None] = queue.SimpleQueue()
        self._kernel_sync = open_kernel_sync(self._loop)
        self._thread = threading.Thread(target=self._run, name="quorate-log-writer", daemon=True)
        self._thread.start()

    def write(self, batches: Sequence[Persist]) -> None:
        if self._kernel_sync is not None:
            try:
                descriptor = self._log.begin(batches)
            except StoreError as error:
                self._loop.call_soon(self._ended, error)
                return
            if descriptor is not None:
                if not self._kernel_sync.sync(descriptor, self._synced):
                    self._kernel_sync.close()
                    self._kernel_sync = None
                    self._loop.call_soon(self._synced, _sync_here(descriptor))
                return
        self._jobs.put(batches)

    def _synced(self, error_number: int) -> None:
        outcome: StoreError | None = None
        try:
            self._log.synced(error_number)
        except StoreError as error:
            outcome = error
        self._ended(outcome)

    def _run(self) -> None:
        while (batches := self._jobs.get()) is not None:
            outcome: BaseException | None = None
            try:
                self._log.write(batches)
            except Exception as error:  # noqa: BLE001 - reported on the loop, where it stops the member or is tried again
                outcome = error
            if self._closed:
                return
            self._loop.call_soon_threadsafe(self._ended, outcome)

    def _ended(self, outcome: BaseException | None) -> None:
        if not self._closed:
            self._tell(outcome)

    async def close(self) -> None:
        self._closed = True
        self._jobs.put(None)
        until_s = self._loop.time() + CLOSE_WAIT_S
        if self._kernel_sync is not None:
            # The log stays locked until its sync is over, and is told of that even later: who closes the log waits for it.
            while self._kernel_sync.busy and self._loop.time() < until_s:  # noqa: ASYNC110 - a wait once in a life
                await asyncio.sleep(CLOSE_POLL_S)
            if self._kernel_sync.busy:
                logger.warning("the disk has not ended a sync for %.0f s: the log is closed when it has", CLOSE_WAIT_S)
            self._kernel_sync.close()
        await self._loop.run_in_executor(None, self._thread.join, CLOSE_WAIT_S)


def _sync_here(descriptor: int) -> int:
    """Once, when the kernel turns out not to take the request: on the loop, because the batch is already written."""
    try:
        os.fdatasync(descriptor)
    except OSError as error:
        return error.errno or 1
    return 0
