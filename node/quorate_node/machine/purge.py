"""Compacted history is removed in the background, a chunk at a time: its logical end came at once, with the COMPACT entry.

The events before the compacted revision go, and with them the versions that they superseded. They name every record of the index that
is garbage (`previous_mod`), so nothing is searched for: each is deleted by its key. Not part of the digest or of snapshots
(`records.is_canonical`): members may be at different points.
"""

from __future__ import annotations

from quorate_node.machine.events import decode_event, pack_runs, runs
from quorate_node.machine.metadata import PURGED_KEY
from quorate_node.machine.records import DELETE, REVISION_KEY, U64, escape, is_indexed
from quorate_node.store.interface import StateBatch, StateStore


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
        """Remove one chunk; True while there is more. Raises `Backpressure`: the next step tries the same chunk again."""
        if not self.is_due(compacted_revision):
            return False
        batch = self._store.batch()
        position, count, finished = self._position, 0, False
        for record_key, run in runs(self._store, position, REVISION_KEY.pack(compacted_revision + 1, 0)):
            if count >= self._chunk_events:
                position = record_key
                break
            count += _purge_run(batch, record_key, run, compacted_revision)
        else:
            # The events of the compacted revision itself stay: a watch may start there.
            position, finished = REVISION_KEY.pack(compacted_revision, 0), True
        batch.put(PURGED_KEY, position, "meta")
        self._store.write(batch)
        self._position = position
        self.removed += count
        if finished:
            self._done_at = compacted_revision
        return not finished


def _purge_run(batch: StateBatch, record_key: bytes, run: list[bytes], compacted_revision: int) -> int:
    """Delete the versions that a run's events superseded up to the compacted revision, and the events before it; returns how many
    events were looked at. What is left of the run is a shorter record."""
    kept: list[bytes] = []
    for event in run:
        noted = decode_event(event)
        if noted.revision >= compacted_revision:
            kept += (event, b"")
        if noted.revision <= compacted_revision and noted.superseded and is_indexed(noted.superseded, deleted=noted.type == DELETE):
            batch.delete(escape(noted.key) + U64.pack(noted.previous_mod), "history")
    if len(kept) < 2 * len(run):
        batch.delete(record_key, "revisions")
        pack_runs(kept, batch.writes["revisions"].__setitem__)
    return len(run)
