"""The state with its newest writes held back in memory, and given to the database in large batches.

Why: RocksDB takes thousands of records in key order at less than half of what it asks for the same records a few at a time, and a hot
key that changes ten times is written once. Nothing is lost by it that could not be lost before: the state has no write-ahead log, and
after a crash the log is applied again from what was flushed. What is held back goes out in one atomic write, the record of the
applied index in it, so the database is always a state that the machine was in.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from typing import Any

from quorate_node.store.errors import Backpressure, NoSpace, StoreError, StoreFailed
from quorate_node.store.interface import StateSnapshot, StateStore
from quorate_node.store.laid_over import LaidOverSnapshot, lay_over, within
from quorate_node.store.settings import StoreSettings
from quorate_node.store.state_batch import StateBatch

logger = logging.getLogger(__name__)

FLUSH_TRIES = 3
"""A flush makes room for what a stalled database did not take: then it is asked again."""
_ABSENT = object()


class BufferedStateStore:
    """Implements `interface.StateStore` over `database`.

    Point reads look here first. Whoever reads a range, takes a snapshot or flushes has all of it written out before; where the database
    does not take it just now, ranges and snapshots are laid over with it. The lock is for `flush`, which runs on any thread.
    """

    def __init__(self, database: StateStore, settings: StoreSettings) -> None:
        self.database = database
        self._writes_max = settings.state_buffer_writes_max
        self._bytes_max = settings.state_buffer_bytes_max
        self._held = StateBatch()
        self._held_bytes = 0
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
            if self._held_bytes >= self._bytes_max or len(self._held) >= self._writes_max:
                self.write_out()
            held = self._held.writes
            for name, writes in batch.writes.items():
                if writes:
                    held[name].update(writes)
                    self._held_bytes += sum(map(len, writes)) + sum(map(len, filter(None, writes.values())))

    def write_out(self) -> None:
        with self._lock:
            if len(self._held):
                self.database.write(self._held)
                self._forget()

    def _forget(self) -> None:
        # In place: getters hold these dictionaries.
        for writes in self._held.writes.values():
            writes.clear()
        self._held_bytes = 0

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
        held, get = self._held.writes[name], self.database.getter(name)
        find_held, lock = held.get, self._lock

        def find(key: Any) -> Any:
            if not held:
                return get(key)
            if isinstance(key, list):
                with lock:
                    return _find_many(held, get, key)
            # One look, so that it cannot matter when another thread's flush empties the buffer: the database has it by then.
            value = find_held(key, _ABSENT)
            return get(key) if value is _ABSENT else value

        return find

    def items(
        self, name: str, start: bytes, end: bytes | None = None, *, backwards: bool = False
    ) -> Iterator[tuple[bytes, bytes]]:
        with self._lock:
            if not self._held.writes[name] or self._is_written_out():
                return self.database.items(name, start, end, backwards=backwards)
            upper = within(self._held.writes[name], start, end, backwards=backwards)
            return lay_over(self.database.items(name, start, end, backwards=backwards), upper, backwards=backwards)

    def keys(self, name: str, start: bytes, end: bytes | None = None, *, backwards: bool = False) -> Iterator[bytes]:
        with self._lock:
            if not self._held.writes[name] or self._is_written_out():
                return self.database.keys(name, start, end, backwards=backwards)
            return (key for key, _ in self.items(name, start, end, backwards=backwards))

    def snapshot(self) -> StateSnapshot:
        # Under the lock: a database's snapshot is made family by family, and another thread's flush must not come in between.
        with self._lock:
            if self._is_written_out():
                return self.database.snapshot()
            return LaidOverSnapshot(self.database.snapshot(), self._held.writes)

    # The database below.

    def flush(self) -> None:
        for _ in range(FLUSH_TRIES):
            try:
                self.write_out()
                break
            except Backpressure:
                self.database.flush()
        else:
            self.write_out()
        self.database.flush()

    def reopen(self) -> None:
        with self._lock:
            self._forget()
            self.database.reopen()

    def held_bytes(self) -> int:
        """Keys and values in memory alone, at most: what replaced another counts twice until it is written out."""
        return self._held_bytes

    def unflushed_bytes(self) -> int:
        return self._held_bytes + self.database.unflushed_bytes()

    def size_bytes(self) -> int:
        return self.database.size_bytes()

    def close(self) -> None:
        try:
            self.write_out()
        except StoreError as error:
            logger.warning("the state was closed without its last writes, they are applied again after the start: %s", error)
        self.database.close()


def _find_many(held: dict[bytes, bytes | None], get: Callable[[Any], Any], keys: list[bytes]) -> list[bytes | None]:
    missing = [key for key in keys if key not in held]
    if len(missing) == len(keys):
        found: list[bytes | None] = get(keys)
        return found
    below = dict(zip(missing, get(missing), strict=True)) if missing else {}
    return [held[key] if key in held else below[key] for key in keys]
