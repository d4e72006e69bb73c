"""The ordered supply of the worker: from memory while it keeps up, from the log while it does not, without a gap or a repeat.

What the machine submits is queued within bounds. When the bounds are met the whole queue is dropped and read from the log again
later; the same reading brings a new process from its snapshot to the present. So a slow or a dead process costs no memory.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator

from quorate_node.machine.application.items import POSITION_MAX, ApplicationItem, CommandReader, Place, place_of, size_of
from quorate_node.machine.application.settings import ApplicationSettings

NOWHERE: Place = (0, POSITION_MAX)
"""Before the first entry of every log."""


class Feed:
    """One consumer (`take`), one producer (`offer`), both on the loop's thread."""

    def __init__(self, reader: CommandReader, settings: ApplicationSettings) -> None:
        self._reader = reader
        self._settings = settings
        self._queue: deque[ApplicationItem] = deque()
        self._queue_bytes = 0
        self._taken: Place = NOWHERE
        self._offered: Place = NOWHERE
        self._read_until: int | None = None
        """Entries up to this index come from the log; None: everything that was not taken is in the queue."""
        self._reading: AsyncIterator[ApplicationItem] | None = None
        self._reading_until = 0
        self._wakeup = asyncio.Event()
        self.overflows = 0

    @property
    def drained(self) -> bool:
        """Everything that was offered was taken."""
        return self._read_until is None and not self._queue

    @property
    def queued(self) -> int:
        return len(self._queue)

    @property
    def reading(self) -> bool:
        """The consumer is behind: it is served from the log."""
        return self._read_until is not None

    def rewind(self, index: int, until_index: int) -> None:
        """The consumer's state is now that after entry `index`: serve what comes after it, up to `until_index` from the log."""
        self._queue.clear()
        self._queue_bytes = 0
        self._taken = (index, POSITION_MAX)
        self._stop_reading()
        until_index = max(until_index, self._offered[0])
        self._read_until = until_index if until_index > index else None
        self._wakeup.set()

    def offer(self, item: ApplicationItem) -> bool:
        """Queue the next item of the log. False when it is no news: the consumer's state already has it."""
        place = place_of(item)
        if place <= self._taken or place <= self._offered:
            return False
        self._offered = place
        if self._read_until is not None and item.index <= self._read_until:
            return True  # The rest of an entry whose beginning did not fit: the log has it whole.
        self._queue.append(item)
        self._queue_bytes += size_of(item)
        if len(self._queue) > self._settings.queue_commands or self._queue_bytes > self._settings.queue_bytes:
            self._queue.clear()
            self._queue_bytes = 0
            self._read_until = item.index
            self.overflows += 1
        self._wakeup.set()
        return True

    def next_position(self, index: int) -> int:
        """A place in entry `index` behind all that was offered of it: for a registration, of which the machine names the entry only.

        It is not behind its true place in the log, so reading it again from there gives it at worst twice, which changes nothing.
        """
        return self._offered[1] + 1 if self._offered[0] == index else 0

    def nudge(self) -> None:
        """Let a waiting `take` return with nothing."""
        self._wakeup.set()

    async def take(self, items_max: int, bytes_max: int) -> list[ApplicationItem]:
        """The next items in order, at least one; none after a `nudge`, and when it is up to date again. Raises what the reader raises."""
        while True:
            if self._read_until is not None:
                items = await self._take_from_log(items_max, bytes_max)
                if items or self.drained:
                    return items  # None when the log's end was met just now: the consumer has something to do when it is up to date.
            elif self._queue:
                return self._take_queued(items_max, bytes_max)
            else:
                self._wakeup.clear()
                await self._wakeup.wait()
                if self.drained:
                    return []

    def _take_queued(self, items_max: int, bytes_max: int) -> list[ApplicationItem]:
        items: list[ApplicationItem] = []
        size = 0
        while self._queue and len(items) < items_max and (not items or size + size_of(self._queue[0]) <= bytes_max):
            item = self._queue.popleft()
            self._queue_bytes -= size_of(item)
            size += size_of(item)
            items.append(item)
        self._taken = place_of(items[-1])
        return items

    async def _take_from_log(self, items_max: int, bytes_max: int) -> list[ApplicationItem]:
        assert self._read_until is not None
        if self._reading is None:
            self._reading_until = self._read_until
            # From the entry that was taken last, of which the end may be missing.
            self._reading = self._reader(self._taken[0], self._reading_until)
        reading = self._reading
        items: list[ApplicationItem] = []
        size = 0
        while len(items) < items_max and size < bytes_max:
            item = await anext(reading, None)
            if self._reading is not reading:
                return []  # Rewound meanwhile: what was read belongs to another time.
            if item is None:
                self._stop_reading()
                if self._read_until == self._reading_until:
                    self._read_until = None
                break
            if place_of(item) > self._taken:
                self._taken = place_of(item)
                items.append(item)
                size += size_of(item)
        return items

    def _stop_reading(self) -> None:
        self._reading = None
