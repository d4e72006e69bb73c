"""Compacted history is removed in the background, a chunk at a time: its logical end came at once, with the COMPACT entry.

The events up to the compacted revision name every version that is garbage (`previous_mod`), so nothing is searched for: each is deleted
by its key. Not part of the digest or of snapshots (`records.is_canonical`): members may be at different points.
"""

from __future__ import annotations

from quorate_node.machine.metadata import PURGED_KEY
from quorate_node.machine.records import EVENT, EVENT_BYTES, REVISION_KEY, U64, escape
from quorate_node.store.errors import Backpressure
from quorate_node.store.interface import StateStore


class Purge:
    """Works through [position, compacted revision]; the position is stored with each chunk, atomically."""

    def __init__(self, store: StateStore, chunk_events: int) -> None:
        self._store = store
        self._chunk_events = chunk_events
        self._position: bytes = store.getter("meta")(PURGED_KEY) or REVISION_KEY.pack(0, 0)
        self._done_at = 0
        self.removed = 0
        """Events removed since the start (for the metrics)."""

    def is_due(self, compacted_revision: int) -> bool:
        return self._done_at < compacted_revision

    def step(self, compacted_revision: int) -> bool:
        """Remove one chunk; True while there is more. A write refused by back-pressure is tried again at the next step."""
        if not self.is_due(compacted_revision):
            return False
        batch = self._store.batch()
        revisions, history = self._store.family("revisions"), self._store.family("history")
        position, count, finished = self._position, 0, False
        for revision_key, event in self._store.items("revisions", position, REVISION_KEY.pack(compacted_revision + 1, 0)):
            if count == self._chunk_events:
                position = revision_key
                break
            revision, _ = REVISION_KEY.unpack(revision_key)
            (previous_mod, _, _, _), key = EVENT.unpack_from(event), event[EVENT_BYTES:]
            if previous_mod:
                batch.delete(escape(key) + U64.pack(previous_mod), history)
            if revision < compacted_revision:
                batch.delete(revision_key, revisions)
            count += 1
        else:
            # The events of the compacted revision itself stay: a watch may start there.
            position, finished = REVISION_KEY.pack(compacted_revision, 0), True
        batch.put(PURGED_KEY, position, self._store.family("meta"))
        try:
            self._store.write(batch)
        except Backpressure:
            return True
        self._position = position
        self.removed += count
        if finished:
            self._done_at = compacted_revision
        return not finished
