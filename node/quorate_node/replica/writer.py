"""Group commit: one synced write at a time, beside the loop; what arrives during it joins the next."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from quorate_node.protocol.message import Message
from quorate_node.protocol.ready import Persist
from quorate_node.replica.log_sync import DiskLogSync, OpenLogSync
from quorate_node.store.errors import NoSpace
from quorate_node.store.interface import LogStore
from quorate_node.telemetry.telemetry import Telemetry

WrittenCallback = Callable[[Sequence[tuple[Persist, list[Message]]]], None]
FailedCallback = Callable[[BaseException], None]
Job = list[tuple[Persist, list[Message]]]

NO_SPACE_RETRY_S = 0.2


class LogWriter:
    """Order is kept: a batch is written and reported before the next begins."""

    def __init__(
        self,
        log: LogStore,
        on_written: WrittenCallback,
        on_failed: FailedCallback,
        now_s: Callable[[], float],
        telemetry: Telemetry,
        open_log_sync: OpenLogSync = DiskLogSync,
    ) -> None:
        self._log = log
        self._on_written = on_written
        self._on_failed = on_failed
        self._now_s = now_s
        self._telemetry = telemetry
        self._loop = asyncio.get_running_loop()
        self._waiting: Job = []
        self._hint: Persist | None = None
        """The newest commit index: it needs no sync of its own and goes with the next write."""
        self._busy: Job | None = None
        self._busy_since_s = 0.0
        self._closed = False
        self.no_space = False
        self._batches: list[Persist] = []
        self._sync = open_log_sync(log, self._finished)

    def submit(self, persist: Persist, after: list[Message]) -> None:
        """Queue one Ready's persist and what may leave after it. When the writer is clean, only for what must be synced: see `remember`."""
        assert persist.must_sync or self._busy is not None, "what needs no sync and waits for none is not the writer's"
        self._waiting.append((persist, after))
        if self._busy is None:
            self._start()

    def remember(self, persist: Persist) -> None:
        """A commit index alone, which nothing depends on: written with the next batch, without a sync of its own."""
        self._hint = persist

    def stalled_s(self) -> float:
        """How long the write under way has taken so far; 0 when there is none."""
        return self._now_s() - self._busy_since_s if self._busy is not None else 0.0

    def is_clean(self) -> bool:
        """Nothing that anybody could depend on is still to be written."""
        return self._busy is None

    def _start(self) -> None:
        job, self._waiting = self._waiting, []
        self._busy = job
        self._busy_since_s = self._now_s()
        self._batches = [persist for persist, _ in job]
        if self._hint is not None:
            self._batches.insert(0, self._hint)
            self._hint = None
        # failpoint: writer.before_write
        self._sync.write(self._batches)

    def _finished(self, outcome: BaseException | None) -> None:
        if self._closed:
            return
        try:
            self._take(outcome)
        except Exception as error:  # noqa: BLE001 - it stops the member: its writer would be busy for ever with a batch that is written
            self._on_failed(error)

    def _take(self, outcome: BaseException | None) -> None:
        if isinstance(outcome, NoSpace):
            # Nothing of the batch was acknowledged: keep it, and try again when there may be room.
            self.no_space = True
            self._telemetry.no_space.add()
            self._loop.call_later(NO_SPACE_RETRY_S, self._retry)
            return
        if outcome is not None:
            self._on_failed(outcome)
            return
        self.no_space = False
        # failpoint: writer.after_sync_before_report
        self._log.written(self._batches)
        self._telemetry.fsync_seconds.observe(self._now_s() - self._busy_since_s)
        self._telemetry.log_written_bytes.add(sum(len(entry.data) for persist in self._batches for entry in persist.entries))
        assert self._busy is not None
        done, self._busy = self._busy, None
        if any(persist.must_sync for persist, _ in self._waiting):
            self._start()
        elif self._waiting:
            # Only waited for the order: what they depend on is durable now.
            self._hint = self._waiting[-1][0] if self._waiting[-1][0].hard_state is not None else self._hint
            done, self._waiting = done + self._waiting, []
        self._on_written(done)

    def _retry(self) -> None:
        if not self._closed:
            self._sync.write(self._batches)

    async def close(self) -> None:
        """Wait for the write under way; what waits behind it is dropped: it was never acknowledged."""
        self._closed = True
        await self._sync.close()
