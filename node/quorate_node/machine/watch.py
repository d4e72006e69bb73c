"""One watch: what it asks for, the bounded buffer of what it has not yet been given, and where it stands in history."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Protocol

from quorate.wire.results import Event, WatchEvents
from quorate_node.machine.interface import WatchRequest
from quorate_node.machine.limits import MachineLimits
from quorate_node.machine.scan import bounds

Revision = tuple[int, tuple[Event, ...], int]
"""(revision, its events, their size in bytes)."""


class Hub(Protocol):
    """What a watch needs of its hub (`watch_hub.WatchHub`)."""

    revision: int

    def catch_up(self) -> None: ...
    def remove(self, watch: KeyWatch) -> None: ...


class KeyWatch:
    """Made by `WatchHub.create`. `next` is for one reader at a time.

    Everything below `next_revision` was buffered or given; nothing from it on was. That one number makes gaps and duplicates
    impossible, whether events arrive live or are read from history.
    """

    def __init__(self, number: int, request: WatchRequest, limits: MachineLimits, hub: Hub) -> None:
        self.id = number
        self.request = request
        self.start, self.end = bounds(request.key, request.range_end)
        self.next_revision = request.start_revision
        self.compact_revision = 0
        self.cancelled = False
        self.synced = False
        self._limits = limits
        self.hub = hub
        self._buffer: deque[Revision] = deque()
        self._buffered_events = 0
        self._buffered_bytes = 0
        self._progress_due = False
        self._waiter: asyncio.Future[None] | None = None

    @property
    def has_room(self) -> bool:
        limits = self._limits
        return self._buffered_events < limits.watch_buffer_events_max and self._buffered_bytes < limits.watch_buffer_bytes_max

    @property
    def ready(self) -> bool:
        """Whether `next` returns at once."""
        return bool(self._buffer) or bool(self.compact_revision) or self.cancelled

    def deliver(self, revision: int, events: tuple[Event, ...], size_bytes: int) -> None:
        """A whole revision. A single one may be over the buffer's bounds: it is taken all the same, into an empty buffer at worst."""
        assert revision >= self.next_revision, "a watch is never given a revision twice"
        self.next_revision = revision + 1
        self._buffer.append((revision, events, size_bytes))
        self._buffered_events += len(events)
        self._buffered_bytes += size_bytes
        self._wake()

    def end_compacted(self, compact_revision: int) -> None:
        """What it wanted next was compacted: it gets what is buffered, then is told, then ends."""
        self.compact_revision = compact_revision
        self._wake()

    def request_progress(self) -> None:
        """The next message says how far the watch is, even without events (etcd's WatchProgressRequest)."""
        self._progress_due = True
        self._wake()

    async def next(self) -> WatchEvents:
        """The next message. Raises `asyncio.CancelledError` after `cancel`."""
        while True:
            if self.cancelled:
                raise asyncio.CancelledError(f"watch {self.id} was cancelled")
            if self._buffer:
                return self._message()
            if self.compact_revision:
                return WatchEvents(self.id, self.next_revision, (), self.compact_revision)
            if not self.synced:
                self.hub.catch_up()
                if not self._buffer and not self.synced:
                    await asyncio.sleep(0)
                continue
            if self._progress_due:
                self._progress_due = False
                return WatchEvents(self.id, max(self.hub.revision, self.next_revision - 1))
            await self._wait()

    def cancel(self) -> None:
        self.cancelled = True
        self._buffer.clear()
        self._buffered_events = self._buffered_bytes = 0
        self.hub.remove(self)
        self._wake()

    def _message(self) -> WatchEvents:
        """Whole revisions, as many as are there and fit a message."""
        merged: list[Event] = []
        revision = 0
        while self._buffer and (not merged or len(merged) + len(self._buffer[0][1]) <= self._limits.watch_message_events_max):
            revision, events, size_bytes = self._buffer.popleft()
            merged += events
            self._buffered_bytes -= size_bytes
        self._buffered_events -= len(merged)
        return WatchEvents(self.id, revision, tuple(merged))

    async def _wait(self) -> None:
        assert self._waiter is None, "a watch has one reader"
        self._waiter = asyncio.get_running_loop().create_future()
        try:
            await self._waiter
        finally:
            self._waiter = None

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)
