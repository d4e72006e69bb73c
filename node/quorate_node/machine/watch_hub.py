"""All watches of a member: live ones are given each apply's changes, those behind are read forward through history together.

A watch is in exactly one of two indexes. Live: it has everything below the hub's revision. Behind: its start lies in the past, or
its buffer overran; whoever waits for such a watch drives one chunk at a time for all of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from operator import itemgetter

from quorate.wire.results import Event, KeyValue
from quorate_node.machine.interface import Refused, WatchRequest
from quorate_node.machine.limits import MachineLimits
from quorate_node.machine.records import DELETE, PUT, key_value
from quorate_node.machine.stage import Change
from quorate_node.machine.watch import KeyWatch
from quorate_node.machine.watch_history import HistoryReader
from quorate_node.machine.watch_index import WatchIndex


class WatchHub:
    def __init__(self, limits: MachineLimits, history: HistoryReader, revision: int, compacted_revision: int) -> None:
        self.revision = revision
        self.compacted_revision = compacted_revision
        self._limits = limits
        self._history = history
        self._live: WatchIndex[KeyWatch] = WatchIndex()
        self._behind: WatchIndex[KeyWatch] = WatchIndex()
        self._last_id = 0
        self.overruns = 0
        """How often a watch's buffer was full (for the metrics)."""

    def __len__(self) -> int:
        return len(self._live) + len(self._behind)

    @property
    def is_watched(self) -> bool:
        """Whether a watch wants to be given changes as they happen."""
        return len(self._live) > 0

    @property
    def behind(self) -> int:
        return len(self._behind)

    def create(self, request: WatchRequest) -> KeyWatch:
        """Raises `Refused` (TooManyWatches, EmptyKey, InvalidArgument)."""
        if len(self) >= self._limits.watches_max:
            message = f"this member has {len(self)} watches, watches_max is {self._limits.watches_max}: use ranges or another member"
            raise Refused("TooManyWatches", message)
        if not request.key:
            raise Refused("EmptyKey", "key is empty: name a key (b'\\x00' with range_end b'\\x00' is the whole store)")
        if request.start_revision < 0:
            raise Refused("InvalidArgument", f"start_revision {request.start_revision} is negative: give 0 (from now on) or a revision")
        self._last_id += 1
        watch = KeyWatch(self._last_id, request, self._limits, self)
        if watch.next_revision == 0:
            watch.next_revision = self.revision + 1
        if watch.next_revision > self.revision:
            self._set_live(watch)
        elif watch.next_revision < self.compacted_revision:
            watch.end_compacted(self.compacted_revision)
        else:
            self._behind.add(watch)
        return watch

    def remove(self, watch: KeyWatch) -> None:
        self._live.discard(watch)
        self._behind.discard(watch)
        watch.synced = False

    def publish(self, changes: Sequence[Change], revision: int) -> None:
        """What one apply call changed, in order. Called after the write, so a watch never tells what a crash could take back."""
        self.revision = revision
        if not self.is_watched:
            return
        for changed_at, group in groupby(changes, key=itemgetter(0)):
            self._give(self._live, list(group), changed_at)

    def compacted(self, revision: int) -> None:
        """History below `revision` is gone: watches that still needed it end."""
        self.compacted_revision = revision
        for watch in self._behind.watches():
            self._end_if_compacted(watch)

    def replaced(self, history: HistoryReader, revision: int, compacted_revision: int) -> None:
        """A snapshot took the store's place: live watches go on from where they are, through the new store's history."""
        for watch in self._live.watches():
            self._live.discard(watch)
            watch.synced = False
            watch.next_revision = max(watch.next_revision, self.revision + 1)
            self._behind.add(watch)
            watch.request_progress()
        self._history = history
        self.revision = revision
        self.compacted(compacted_revision)

    def request_progress(self) -> None:
        """Every watch that asked for progress tells where it stands in its next message."""
        for watch in self._live.watches():
            if watch.request.progress:
                watch.request_progress()

    def catch_up(self) -> None:
        """Read one chunk of history for all watches that are behind and have room."""
        reading = [watch for watch in self._behind.watches() if watch.has_room]
        low = min((watch.next_revision for watch in reading), default=self.revision + 1)
        if low <= self.revision:
            chunk = self._history.read(low, self._limits.catch_up_chunk_events, self._limits.watch_buffer_bytes_max)
            horizon = self.revision if chunk.complete else chunk.horizon
            reading = [watch for watch in reading if watch.next_revision <= horizon]
            self._read_forward(reading, chunk.changes(self._behind, self.compacted_revision), horizon)
        for watch in reading:
            if watch.next_revision > self.revision:
                self._behind.discard(watch)
                self._set_live(watch)

    def _read_forward(self, reading: list[KeyWatch], changes: Sequence[Change], horizon: int) -> None:
        index: WatchIndex[KeyWatch] = WatchIndex()
        for watch in reading:
            index.add(watch)
        for changed_at, group in groupby(changes, key=itemgetter(0)):
            self._give(index, list(group), changed_at)
        for watch in reading:
            # A full buffer has stopped this watch earlier: then it stays where it is.
            if watch.has_room:
                watch.next_revision = max(watch.next_revision, horizon + 1)

    def _give(self, index: WatchIndex[KeyWatch], changes: Sequence[Change], revision: int) -> None:
        """One whole revision to every watch in `index` that it concerns."""
        gathered: dict[int, tuple[KeyWatch, list[Event], int]] = {}
        for change in changes:
            events: dict[bool, Event] = {}
            size = len(change[1]) + len(change[2] or b"")
            for watch in index.matching(change[1]):
                request = watch.request
                if watch.next_revision > revision or (request.no_delete if change[2] is None else request.no_put):
                    continue
                event = events.get(request.previous)
                if event is None:
                    event = events[request.previous] = event_of(change, request.previous)
                _, found, found_bytes = gathered.get(id(watch), (watch, [], 0))
                found.append(event)
                gathered[id(watch)] = (watch, found, found_bytes + size + (len(change[3] or b"") if request.previous else 0))
        for watch, found, found_bytes in gathered.values():
            if watch.has_room:
                watch.deliver(revision, tuple(found), found_bytes)
            else:
                self._overrun(watch, index, revision)

    def _overrun(self, watch: KeyWatch, index: WatchIndex[KeyWatch], revision: int) -> None:
        self.overruns += 1
        watch.next_revision = revision
        index.discard(watch)
        if watch.synced:
            watch.synced = False
            self._behind.add(watch)

    def _set_live(self, watch: KeyWatch) -> None:
        watch.synced = True
        self._live.add(watch)

    def _end_if_compacted(self, watch: KeyWatch) -> None:
        if watch.next_revision < self.compacted_revision:
            self._behind.discard(watch)
            watch.end_compacted(self.compacted_revision)


def event_of(change: Change, previous: bool) -> Event:
    revision, key, record, old = change
    before = key_value(key, old) if previous and old is not None else None
    if record is None:
        return Event(DELETE, KeyValue(key, b"", 0, revision, 0), before)
    return Event(PUT, key_value(key, record), before)
