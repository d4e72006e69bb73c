"""Reading the family `revisions` forward for watches: which keys changed when, and then the values of those that someone watches."""

from __future__ import annotations

from quorate_node.machine.events import Noted, decode_event, events
from quorate_node.machine.records import HEADER_BYTES, PUT, REVISION_KEY, U64, escape, mod_revision
from quorate_node.machine.stage import Change
from quorate_node.machine.watch_index import W, WatchIndex
from quorate_node.store.interface import StateReader


class HistoryReader:
    def __init__(self, store: StateReader) -> None:
        self._store = store

    def read(self, revision: int, events_max: int, bytes_max: int) -> Chunk:
        """Whole revisions from `revision` on, until one of the bounds is reached; at least one revision."""
        noted: list[Noted] = []
        size = 0
        for event in events(self._store, REVISION_KEY.pack(revision, 0)):
            line = decode_event(event)
            if (len(noted) >= events_max or size >= bytes_max) and line.revision != noted[-1].revision:
                return Chunk(self._store, noted, complete=False)
            noted.append(line)
            size += len(line.key) + line.record_bytes
        return Chunk(self._store, noted, complete=True)


class Chunk:
    """`horizon`: the last revision that is whole in this chunk; `complete`: the store has none after it."""

    def __init__(self, store: StateReader, noted: list[Noted], *, complete: bool) -> None:
        self._store = store
        self._noted = noted
        self.complete = complete
        self.horizon = noted[-1].revision if noted else 0

    def changes(self, wanted: WatchIndex[W], compacted_revision: int) -> list[Change]:
        """The changes to keys that a watch of `wanted` may want, with values; previous ones where they are not compacted."""
        noted = [line for line in self._noted if wanted.matching(line.key)]
        current = self._store.getter("current")([line.key for line in noted]) if noted else []
        in_history = [
            escape(line.key) + U64.pack(line.revision)
            for line, record in zip(noted, current, strict=True)
            if line.type == PUT and not _is_version(record, line.revision)
        ]
        before = [
            escape(line.key) + U64.pack(line.previous_mod) for line in noted if line.previous_mod and line.revision > compacted_revision
        ]
        wanted_keys = in_history + before
        old = dict(zip(wanted_keys, self._store.getter("history")(wanted_keys), strict=True)) if wanted_keys else {}
        return [_change(line, record, old) for line, record in zip(noted, current, strict=True)]


def _is_version(record: bytes | None, revision: int) -> bool:
    return record is not None and mod_revision(record) == revision


def _change(line: Noted, current: bytes | None, old: dict[bytes, bytes]) -> Change:
    record: bytes | None = None
    if line.type == PUT:
        record = current if _is_version(current, line.revision) else old[escape(line.key) + U64.pack(line.revision)][8:]
        assert len(record or b"") >= HEADER_BYTES, f"the value of {line.key!r} at {line.revision} is gone before its compaction"
    before = old.get(escape(line.key) + U64.pack(line.previous_mod)) if line.previous_mod else None
    return line.revision, line.key, record, None if before is None else before[8:]
