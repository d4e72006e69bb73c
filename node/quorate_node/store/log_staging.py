"""Batches that are written together, as the one that comes of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from quorate_node.protocol.entry import Entry
from quorate_node.protocol.message import SnapshotMetadata
from quorate_node.protocol.ready import Persist


@dataclass(slots=True)
class Staged:
    """What one `write` made durable, until `written` shows it."""

    batches: Sequence[Persist]
    last_index: int
    snapshot: SnapshotMetadata | None = None
    entries: list[Entry] = field(default_factory=list)
    chains: list[bytes] = field(default_factory=list)


def stage(batches: Sequence[Persist], last_index: int) -> Staged:
    """The last snapshot, and the entries that are left when each batch has replaced what it overwrites. `last_index`: of the log so far."""
    staged = Staged(batches, last_index)
    for batch in batches:
        if batch.snapshot is not None:
            staged.snapshot, staged.entries = batch.snapshot, []
            staged.last_index = batch.snapshot.index
        if not batch.entries:
            continue
        first = batch.entries[0].index
        assert first <= staged.last_index + 1, f"entry {first} would leave a gap after {staged.last_index}"
        if staged.entries and first > staged.entries[0].index:
            del staged.entries[first - staged.entries[0].index :]
            staged.entries += batch.entries
        else:
            staged.entries = list(batch.entries)
        staged.last_index = staged.entries[-1].index
    return staged
