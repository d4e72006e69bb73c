"""Where ranges read from: the live store, a pinned snapshot of it, or a stage over it; now, or at a revision in the past."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator
from typing import Protocol

from quorate_node.machine.records import U64, escape, mod_revision, split_history_key
from quorate_node.machine.stage import Stage
from quorate_node.store.interface import StateReader
from quorate_node.store.laid_over import lay_over, within

Pairs = Iterator[tuple[bytes, bytes]]
TICK = b""
"""In place of a record: a pair was looked at and does not belong; lets a consumer count work that yields nothing."""


def bounds(key: bytes, range_end: bytes) -> tuple[bytes, bytes | None]:
    """[start, end) of a request in etcd's terms; end None is the end of the store, end <= start is empty."""
    if not range_end:
        return key, key + b"\x00"
    if range_end == b"\x00":
        return key, None
    return key, range_end


class Source(Protocol):
    revision: int
    compacted_revision: int
    key_count: int

    def get(self, key: bytes) -> bytes | None: ...
    def items(self, start: bytes, end: bytes | None) -> Pairs: ...
    def keys(self, start: bytes, end: bytes | None) -> Iterator[bytes]: ...
    def history(self, start: bytes, end: bytes | None, *, backwards: bool = False) -> Pairs:
        """Raw pairs of the family `history` between two history keys."""
        ...


class StoreSource:
    """The store or a snapshot of it, at the revision it stands at."""

    def __init__(self, reader: StateReader, revision: int, compacted_revision: int, key_count: int) -> None:
        self._reader = reader
        self.revision = revision
        self.compacted_revision = compacted_revision
        self.key_count = key_count
        self.get: Callable[[bytes], bytes | None] = reader.getter("current")

    def items(self, start: bytes, end: bytes | None) -> Pairs:
        return self._reader.items("current", start, end)

    def keys(self, start: bytes, end: bytes | None) -> Iterator[bytes]:
        return self._reader.keys("current", start, end)

    def history(self, start: bytes, end: bytes | None, *, backwards: bool = False) -> Pairs:
        return self._reader.items("history", start, end, backwards=backwards)


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

    def history(self, start: bytes, end: bytes | None, *, backwards: bool = False) -> Pairs:
        staged = within(self._stage.batch.writes["history"], start, end, backwards=backwards)
        stored = self._stage.committed.store.items("history", start, end, backwards=backwards)
        return lay_over(stored, staged, backwards=backwards)


def get_at(source: Source, key: bytes, revision: int) -> bytes | None:
    """One key's record at a revision that is neither compacted nor in the future."""
    record = source.get(key)
    if record is not None and mod_revision(record) <= revision:
        return record
    prefix = escape(key)
    for _, value in source.history(prefix + U64.pack(0), prefix + U64.pack(revision + 1), backwards=True):
        superseded_at: int = U64.unpack_from(value)[0]
        return value[8:] if superseded_at > revision else None
    return None


def items_at(source: Source, start: bytes, end: bytes | None, revision: int) -> Pairs:
    """Pairs at a revision of the past in key order, with TICK for each version that was passed over.

    A key's versions are disjoint intervals of revisions, so at most one of `current` and `history` holds the one wanted.
    """
    history_end = None if end is None else escape(end)

    def now() -> Pairs:
        for key, record in source.items(start, end):
            yield key, record if mod_revision(record) <= revision else TICK

    def then() -> Pairs:
        for history_key, value in source.history(escape(start), history_end):
            key, mod = split_history_key(history_key)
            alive = mod <= revision < U64.unpack_from(value)[0]
            yield key, value[8:] if alive else TICK

    return heapq.merge(now(), then(), key=lambda pair: pair[0])
