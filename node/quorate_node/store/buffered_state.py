"""The state with its newest writes held back in memory, and given to the database in large batches.

Why: RocksDB takes thousands of records in key order at less than half of what it asks for the same records a few at a time, and a hot
key that changes ten times is written once. Nothing is lost by it that could not be lost before: the state has no write-ahead log, and
after a crash the log is applied again from what was flushed. What is held back goes out in one atomic write, the record of the
applied index in it, so the database is always a state that the machine was in.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

from quorate_node.store.errors import Backpressure, NoSpace, StoreError, StoreFailed
from quorate_node.store.held_writes import HeldWrites
from quorate_node.store.interface import StateDatabase, StateSnapshot
from quorate_node.store.laid_over import LaidOverSnapshot, lay_over, within
from quorate_node.store.settings import StoreSettings
from quorate_node.store.state_batch import StateBatch, Writes, parts

logger = logging.getLogger(__name__)

PACE = 2
"""Records that go out for each that comes in: what is on its way is gone when the next are half as many as may be held."""
FLUSH_WAIT_S = 5.0
"""How long a flush waits, at most, for a database that takes nothing just now."""
FLUSH_POLL_S = 0.005
_ABSENT = object()


class BufferedStateStore:
    """Implements `interface.StateStore` over `database`.

    When enough is held back it goes out as one write, by parts, a few with each batch that comes in. Point reads look here first. Whoever
    reads a range, takes a snapshot or flushes has all of it written out before; where the database does not take it just now, ranges and
    snapshots are laid over with it. The lock is for `flush`, which runs on any thread.
    """

    def __init__(self, database: StateDatabase, settings: StoreSettings) -> None:
        self.database = database
        self._writes_max = settings.state_buffer_writes_max
        self._bytes_max = settings.state_buffer_bytes_max
        self._part_writes_max = settings.state_part_writes_max
        self._part_bytes_max = settings.state_part_bytes_max
        self._held = HeldWrites()
        self._parts: Iterator[StateBatch] | None = None
        """Of what is on its way. None: nothing is."""
        self._part: StateBatch | None = None
        """The next one, when it was refused."""
        self._fits_one = False
        """What is on its way is one part, which needs no mark."""
        self._owed = 0
        """Records that are still to go out for those that came in."""
        self._lock = threading.RLock()

    # Writes.

    def batch(self) -> StateBatch:
        return StateBatch()

    def write(self, batch: StateBatch) -> None:
        """Room is made first, so that a refusal leaves everything as it was; a batch may be larger than the whole buffer."""
        with self._lock:
            if batch.ranges:
                # Rare. Held back they would have to be looked at by every read.
                self.write_out()
                self.database.write(batch)
                return
            if self._held.upper_bytes >= self._bytes_max or self._held.upper_count >= self._writes_max:
                self._send_rest()
                self._set_out()
            self._held.absorb(batch)
            if self._parts is not None:
                self._owed += PACE * len(batch)
                self._send_owed()

    def write_out(self) -> None:
        with self._lock:
            self._send_rest()
            self._set_out()
            self._send_rest()

    def write_out_some(self) -> bool:
        with self._lock:
            if self._parts is None:
                self._set_out()
            if self._parts is not None:
                self._send_part()
            return self._parts is not None or self._held.upper_count > 0

    def _set_out(self) -> None:
        count = self._held.upper_count
        if not count:
            return
        self._owed = 0
        self._fits_one = count <= self._part_writes_max and self._held.upper_bytes <= self._part_bytes_max
        families = self._held.push_down()
        if self._fits_one:
            self._parts = iter([StateBatch.of(families)])
        else:
            self._parts = parts(families, self._part_writes_max, self._part_bytes_max)

    def _send_owed(self) -> None:
        """A refusal is no error here: what is held back is bounded, and room is asked for when it is full."""
        try:
            while self._parts is not None and self._owed > 0:
                self._owed -= self._send_part()
        except (Backpressure, NoSpace, StoreFailed) as error:
            logger.debug("the state does not take what is held back: %s", error)
            self._owed = 0

    def _send_rest(self) -> None:
        while self._parts is not None:
            self._send_part()

    def _send_part(self) -> int:
        """The number of records that went out."""
        assert self._parts is not None, "something is on its way"
        if self._part is None:
            self._part = next(self._parts, None)
        if self._part is None:
            self.database.settle()
            self._held.drop_lower()
            self._parts = None
            return 0
        if self._fits_one:
            self.database.write(self._part)
        else:
            self.database.write_part(self._part)
        sent, self._part = len(self._part), None
        return sent

    def _is_written_out(self) -> bool:
        """After an attempt. A read does not fail when the database takes nothing just now; the next write that finds no room does."""
        try:
            self.write_out()
        except (Backpressure, NoSpace, StoreFailed) as error:
            logger.debug("reading over what the state does not take yet: %s", error)
            return False
        return True

    # Reads.

    def family(self, name: str) -> str:
        return self.database.family(name)

    def getter(self, name: str) -> Callable[[Any], Any]:
        held, get = self._held, self.database.getter(name)

        def find(key: Any) -> Any:
            # One look at the layers, so that it cannot matter when another thread's flush moves them: the database has them by then.
            upper, lower = held.layers[name]
            if isinstance(key, list):
                return _find_many(upper, lower, get, key)
            value = upper.get(key, _ABSENT)
            if value is _ABSENT:
                value = lower.get(key, _ABSENT)
            return get(key) if value is _ABSENT else value

        return find

    def items(
        self, name: str, start: bytes, end: bytes | None = None, *, backwards: bool = False
    ) -> Iterator[tuple[bytes, bytes]]:
        with self._lock:
            if not self._held.holds(name) or self._is_written_out():
                return self.database.items(name, start, end, backwards=backwards)
            upper = within(self._held.family(name), start, end, backwards=backwards)
            return lay_over(self.database.items(name, start, end, backwards=backwards), upper, backwards=backwards)

    def keys(self, name: str, start: bytes, end: bytes | None = None, *, backwards: bool = False) -> Iterator[bytes]:
        with self._lock:
            if not self._held.holds(name) or self._is_written_out():
                return self.database.keys(name, start, end, backwards=backwards)
            return (key for key, _ in self.items(name, start, end, backwards=backwards))

    def snapshot(self) -> StateSnapshot:
        # Under the lock: a database's snapshot is made family by family, and another thread's flush must not come in between.
        with self._lock:
            if self._is_written_out():
                return self.database.snapshot()
            return LaidOverSnapshot(self.database.snapshot(), dict(self._held.families()))

    # The database below.

    def flush(self) -> None:
        """Waits for a database that takes nothing just now, as long as `FLUSH_WAIT_S`."""
        waited_s = 0.0
        while not self._is_rotated(waited_s >= FLUSH_WAIT_S):
            time.sleep(FLUSH_POLL_S)
            waited_s += FLUSH_POLL_S
        self.database.finish_flush()

    def _is_rotated(self, last_try: bool) -> bool:
        with self._lock:
            try:
                self.write_out()
                self.database.rotate()
            except Backpressure:
                if last_try:
                    raise
                return False
            return True

    def reopen(self) -> None:
        with self._lock:
            if self._parts is not None and not self._is_written_out():
                # Closing may flush, and half of a write must not be flushed; what is refused now is hardly flushed either.
                logger.warning("the state is opened again in the midst of a write")
            self._forget()
            self.database.reopen()

    def _forget(self) -> None:
        self._held.clear()
        self._parts = self._part = None

    def held_bytes(self) -> int:
        """Keys and values in memory alone, at most: what replaced another counts twice until it is written out."""
        return self._held.upper_bytes + self._held.lower_bytes

    def unflushed_bytes(self) -> int:
        return self.held_bytes() + self.database.unflushed_bytes()

    def size_bytes(self) -> int:
        return self.database.size_bytes()

    def close(self) -> None:
        try:
            self.write_out()
        except StoreError as error:
            logger.warning("the state was closed without its last writes, they are applied again after the start: %s", error)
        self.database.close()


def _find_many(upper: Writes, lower: Writes, get: Callable[[Any], Any], keys: list[bytes]) -> list[bytes | None]:
    missing = [key for key in keys if key not in upper and key not in lower]
    if len(missing) == len(keys):
        found: list[bytes | None] = get(keys)
        return found
    below = dict(zip(missing, get(missing), strict=True)) if missing else {}
    return [upper[key] if key in upper else lower[key] if key in lower else below[key] for key in keys]
