"""What a log shows of what is durable: verified entries from the cache or the disk, and damage told apart."""

from __future__ import annotations

import threading

from quorate_node.protocol.entry import Entry, chain_hash
from quorate_node.protocol.message import SnapshotMetadata
from quorate_node.store.damage import DamagedRanges, verify_run
from quorate_node.store.errors import Compacted, Damaged, Unavailable
from quorate_node.store.log_backend import LogBackend
from quorate_node.store.log_cache import LogCache
from quorate_node.store.log_opening import Position
from quorate_node.store.log_record import Marker, decode_record
from quorate_node.store.settings import StoreSettings


class StoredView:
    """The reading half of `interface.LogStore`. Loop thread, and the threads that compact and scrub."""

    _anchor: SnapshotMetadata
    _last_index: int
    _damaged: DamagedRanges
    _tail: Marker
    """What is durable; the view (`_last_index`) follows it when `written` is called."""

    def __init__(self, backend: LogBackend, settings: StoreSettings) -> None:
        self._backend = backend
        self._cache = LogCache(settings.log_cache_bytes, settings.log_cache_entries_max)
        self._lock = threading.Lock()
        """Around the view and the cache: short, never held while the disk is waited for."""
        self._write_lock = threading.RLock()
        """Around the tail and the backend's writes: `write` and `compact` come from different threads. Taken before `_lock`."""

    def _show(self, position: Position) -> None:
        """Take tail, view and damage from an opening's findings."""
        self._tail = position.marker
        with self._lock:
            self._anchor = position.anchor
            self._last_index = position.marker.last_index
            self._damaged = DamagedRanges(position.damaged)
            self._cache.clear(self._last_index)

    def first_index(self) -> int:
        return self._anchor.index + 1

    def last_index(self) -> int:
        return self._last_index

    def snapshot(self) -> SnapshotMetadata:
        return self._anchor

    def damaged(self) -> list[tuple[int, int]]:
        with self._lock:
            return self._damaged.ranges()

    def term(self, index: int) -> int:
        if index == self._anchor.index:
            return self._anchor.term
        return self._at(index)[0].term

    def chain(self, index: int) -> bytes:
        if index == self._anchor.index:
            return self._anchor.chain
        return self._at(index)[1]

    def entries(self, low: int, high: int, size_bytes_max: int) -> list[Entry]:
        with self._lock:
            if high > self._last_index + 1:
                raise Unavailable(f"entries up to {high - 1} were asked for; the last one is {self._last_index}")
            if self._anchor.index < low and low >= high:
                return []
            self._check(low)
            damage = self._damaged.first_in(low, high)
            if damage == low:
                raise self._damage(low)
            high = damage or high
            if low >= self._cache.low:
                return self._cache.slice(low, high, size_bytes_max)
        return self._read_entries(low, high, size_bytes_max)

    def _at(self, index: int) -> tuple[Entry, bytes]:
        with self._lock:
            self._check(index)
            if self._damaged.find(index) is not None:
                raise self._damage(index)
            cached = self._cache.get(index)
        if cached is not None:
            return cached
        _, record = next(iter(self._backend.read(index, index + 1)))
        decoded = decode_record(index, record)
        if decoded is None:
            raise self._confirm_damage(index)
        return decoded

    def _read_entries(self, low: int, high: int, size_bytes_max: int) -> list[Entry]:
        """From disk, each verified against the one before it."""
        found: list[Entry] = []
        size_bytes = 0
        try:
            chain: bytes | None = self.chain(low - 1)
        except Damaged:
            chain = None
        for index, record in self._backend.read(low, high):
            decoded = decode_record(index, record)
            if decoded is None or (chain is not None and chain_hash(chain, decoded[0]) != decoded[1]):
                damage = self._confirm_damage(index)
                if not found:
                    raise damage
                break
            entry, chain = decoded
            size_bytes += len(entry.data)
            if found and size_bytes > size_bytes_max:
                break
            found.append(entry)
        return found

    def _check(self, index: int) -> None:
        if index <= self._anchor.index:
            raise Compacted(f"index {index} was compacted; the log begins at {self._anchor.index + 1}")
        if index > self._last_index:
            raise Unavailable(f"index {index} is beyond the last one, {self._last_index}")

    def _damage(self, index: int) -> Damaged:
        return Damaged(f"the entry at index {index} is damaged on disk: it must be fetched from the other members")

    def _confirm_damage(self, index: int) -> Damaged:
        """Looked at again while nobody writes: another thread may just have compacted or replaced it.

        Raises `Compacted`, `Unavailable`.
        """
        with self._write_lock:
            self._check(index)
            if index > self._tail.last_index or not self._verify_on_disk(index, index + 1):
                raise Unavailable(f"index {index} is being replaced by a write under way")
            self._found_damage(index, index + 1)
            return self._damage(index)

    def _verify_on_disk(self, low: int, high: int) -> list[tuple[int, int]]:
        """Damaged ranges of [low, high), against the record before it on disk: the cache may belong to what was just replaced."""
        previous: bytes | None = self._anchor.chain
        if low - 1 > self._anchor.index:
            decoded = decode_record(low - 1, next(iter(self._backend.read(low - 1, low)))[1])
            previous = decoded[1] if decoded is not None else None
        return verify_run(self._backend.read(low, high), previous)[0]

    def _found_damage(self, low: int, high: int) -> None:
        with self._lock:
            self._damaged.add(max(low, self.first_index()), min(high, self._last_index + 1))

    def scrub(self, low: int, high: int) -> list[tuple[int, int]]:
        low, high = max(low, self.first_index()), min(high, self._last_index + 1)
        if low >= high or not self._verify_on_disk(low, high):
            return []
        with self._write_lock:
            # Once more while nobody writes: a read beside a write may have seen half of each history.
            low, high = max(low, self.first_index()), min(high, self._last_index + 1, self._tail.last_index + 1)
            found = self._verify_on_disk(low, high) if low < high else []
            for begin, end in found:
                self._found_damage(begin, end)
        return found

    def size_bytes(self) -> int:
        return self._backend.size_bytes()
