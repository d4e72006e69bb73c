"""The chained log for a caller that has the kernel sync it (`kernel_sync`): write now on the loop, be told later that it is durable."""

from __future__ import annotations

import os
from collections.abc import Sequence

from quorate_node.protocol.ready import Persist
from quorate_node.store.chained_log import ChainedLog
from quorate_node.store.errors import NoSpace, StoreFailed
from quorate_node.store.file_calls import sync_data
from quorate_node.store.hard_state import HardStateKeeper
from quorate_node.store.log_backend import LogBackend, LogBatch
from quorate_node.store.log_staging import stage
from quorate_node.store.segment_file import is_full
from quorate_node.store.settings import StoreSettings


class KernelSyncedLog(ChainedLog):
    """`write` in a thread goes on to work; both take the same lock, so no batch is ever written behind one that may not be durable."""

    def __init__(self, backend: LogBackend, hard_state: HardStateKeeper, settings: StoreSettings) -> None:
        super().__init__(backend, hard_state, settings)
        self._unsynced: int | None = None
        """Descriptor whose sync `begin` asked the caller for."""

    def begin(self, batches: Sequence[Persist]) -> int | None:
        """Loop thread. All of `write` but the sync: the descriptor to sync, and then `synced` must be called. None: use `write`.

        The log is locked in between, so no other thread writes behind a batch that may not be on the disk.
        """
        if not self._write_lock.acquire(blocking=False):
            return None
        descriptor: int | None = None
        try:
            descriptor = self._begin(batches)
        finally:
            if descriptor is None:
                self._write_lock.release()
        self._unsynced = descriptor
        return descriptor

    def _begin(self, batches: Sequence[Persist]) -> int | None:
        # failpoint: log.begin.before, or return None
        if self._failed is not None or self._reopen_due or self._closed or self._end_lost or self._unsynced is not None:
            return None
        hard_state = next((batch.hard_state for batch in reversed(batches) if batch.hard_state is not None), None)
        if hard_state is not None and (hard_state.term, hard_state.vote) != (self._slot.term, self._slot.vote):
            return None
        if any(batch.snapshot is not None for batch in batches):
            return None
        staged = stage(batches, self._tail.last_index)
        if not staged.entries:
            return None
        batch, marker = self._encode(staged, max(self._tail.commit, hard_state.commit if hard_state is not None else 0))
        try:
            descriptor = self._backend.commit_unsynced(batch)
            # failpoint: log.begin.after_write
        except (NoSpace, StoreFailed) as error:
            self._note(error)
            raise
        if descriptor is not None:
            self._tail = marker
            with self._lock:
                self._staged.append(staged)
        return descriptor

    def synced(self, error_number: int) -> None:
        """The sync that `begin` asked for is over. Raises `StoreFailed` when it failed: nothing more may be written then; `NoSpace` on a
        file system that takes the space only now: the log is opened again before the next write."""
        self._unsynced = None
        try:
            # failpoint: log.synced.before_report
            if self._failed is not None:
                # Another sync in between was told of the error, and this one of none: the kernel reports it once.
                raise StoreFailed(self._failed)
            if error_number:
                error = _sync_error(OSError(error_number, os.strerror(error_number)))
                self._note(error)
                raise error
        finally:
            self._write_lock.release()

    def _commit(self, batch: LogBatch) -> None:
        """A repair on the loop's thread may come while the kernel syncs: never behind what may not be on the disk."""
        if self._unsynced is not None:
            try:
                sync_data(self._unsynced)
            except OSError as error:
                # A full disk too: what was begun would be reported as durable before the log could be opened again.
                self._failed = f"the log could not be synced: {error}"
                raise StoreFailed(self._failed) from error
        super()._commit(batch)


def _sync_error(error: OSError) -> NoSpace | StoreFailed:
    if is_full(error):
        return NoSpace(f"the disk is full: {error}; nothing of the batch is acknowledged")
    return StoreFailed(f"the log could not be synced: {error.strerror}")
