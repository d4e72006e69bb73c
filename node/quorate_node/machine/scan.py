"""Where ranges read from: the live store, a pinned snapshot of it, or a stage over it; now, or at a revision in the past."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Protocol

from quorate_node.machine.events import Noted, find_event
from quorate_node.machine.past import Pairs, Versions
from quorate_node.machine.stage import Stage
from quorate_node.store.interface import StateReader
from quorate_node.store.laid_over import lay_over, within


def bounds(key: bytes, range_end: bytes) -> tuple[bytes, bytes | None]:
    """[start, end) of a request in etcd's terms; end None is the end of the store, end <= start is empty."""
    if not range_end:
        return key, key + b"\x00"
    if range_end == b"\x00":
        return key, None
    return key, range_end


class Source(Versions, Protocol):
    revision: int
    compacted_revision: int
    key_count: int

    def keys(self, start: bytes, end: bytes | None) -> Iterator[bytes]: ...


class StoreVersions:
    """What a store or a snapshot of it has of any key."""

    def __init__(self, reader: StateReader) -> None:
        self._reader = reader
        self.get: Callable[[bytes], bytes | None] = reader.getter("current")

    def items(self, start: bytes, end: bytes | None) -> Pairs:
        return self._reader.items("current", start, end)

    def event(self, key: bytes, revision: int) -> Noted:
        return find_event(self._reader, key, revision)

    def index(self, start: bytes, end: bytes | None, *, backwards: bool = False) -> Pairs:
        return self._reader.items("history", start, end, backwards=backwards)


class StoreSource(StoreVersions):
    """The store or a snapshot of it, at the revision it stands at."""

    def __init__(self, reader: StateReader, revision: int, compacted_revision: int, key_count: int) -> None:
        super().__init__(reader)
        self.revision = revision
        self.compacted_revision = compacted_revision
        self.key_count = key_count

    def keys(self, start: bytes, end: bytes | None) -> Iterator[bytes]:
        return self._reader.keys("current", start, end)


class StageSource:
    """What a command sees: the store under everything that this apply call has done so far."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self.revision = stage.revision
        self.compacted_revision = stage.compacted_revision
        self.key_count = stage.key_count
        self.get = stage.record

    def items(self, start: bytes, end: bytes | None) -> Pairs:
        overlay = self._stage.overlay(start, end)
        stored = self._stage.committed.store.items("current", start, end)
        return lay_over(stored, overlay)

    def keys(self, start: bytes, end: bytes | None) -> Iterator[bytes]:
        return (key for key, _ in self.items(start, end))

    def index(self, start: bytes, end: bytes | None, *, backwards: bool = False) -> Pairs:
        staged = within(self._stage.batch.writes["history"], start, end, backwards=backwards)
        stored = self._stage.committed.store.items("history", start, end, backwards=backwards)
        return lay_over(stored, staged, backwards=backwards)

    def event(self, key: bytes, revision: int) -> Noted:
        if revision > self._stage.committed.state.revision:
            return self._stage.event(key, revision)
        return find_event(self._stage.committed.store, key, revision)
