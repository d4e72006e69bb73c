"""Reading the family `revisions` forward for watches: which keys changed when, and then the values of those that someone watches."""

from __future__ import annotations

from quorate_node.machine.events import Noted, decode_event, events
from quorate_node.machine.past import Versions, get_at
from quorate_node.machine.records import PUT, REVISION_KEY, mod_revision
from quorate_node.machine.scan import StoreVersions
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
            size += len(line.key) + line.record_bytes + len(line.superseded)
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
        versions = StoreVersions(self._store)
        current = self._store.getter("current")([line.key for line in noted]) if noted else []
        later: dict[bytes, Noted] = {}
        changes: list[Change] = []
        for line, record in zip(reversed(noted), reversed(current), strict=True):
            after = _left_by(versions, line, record, later.get(line.key)) if line.type == PUT else None
            before = line.superseded if line.superseded and line.revision > compacted_revision else None
            later[line.key] = line
            changes.append((line.revision, line.key, after, before))
        changes.reverse()
        return changes


def _left_by(versions: Versions, line: Noted, current: bytes | None, later: Noted | None) -> bytes:
    """The record that the put `line` left: the key's next change has it, or `current`."""
    if later is not None:
        record: bytes | None = later.superseded
    elif current is not None and mod_revision(current) == line.revision:
        record = current
    else:
        record = get_at(versions, line.key, line.revision)
    assert record and mod_revision(record) == line.revision, f"{line.key!r} at {line.revision} is gone before its compaction"
    return record
