"""Where a log stands when it is opened: what was recovered, against what is known to have been written."""

from __future__ import annotations

from typing import NamedTuple

from quorate_node.protocol.message import SnapshotMetadata
from quorate_node.store.damage import DamagedRanges, verify_run
from quorate_node.store.hard_state import HardStateSlot
from quorate_node.store.log_backend import LogBackend
from quorate_node.store.log_record import EMPTY_ANCHOR, Marker, decode_anchor, decode_marker, decode_record


class Position(NamedTuple):
    anchor: SnapshotMetadata
    marker: Marker
    damaged: list[tuple[int, int]]
    end_lost: bool = False
    """The last batch is damaged and nothing says where it ended: `damaged` goes one beyond the last index, and only entries from a
    confirmed leader's log, written anew from the first damaged index, end it."""


def open_position(backend: LogBackend, slot: HardStateSlot, verify_entries_max: int) -> Position:
    """Reads anchor and marker, verifies the newest entries, and finds what is missing.

    A whole marker in the raw files, or the note in the hard state, that is newer than the marker that was recovered says: a
    batch was written to its end and is gone. Then everything after the last commit index that is known is held for damaged,
    up to the end that the newest marker names (what lies at or below a commit index is never overwritten, so it is right).
    """
    anchor = decode_anchor(backend.anchor()) or EMPTY_ANCHOR
    recovered = decode_marker(backend.marker())
    # Without a marker only a log that never held anything is whole: an unreadable marker must not make an empty log of a full one.
    end_lost = bool(slot.log_end_lost) or (recovered is None and (slot.log_sequence > 0 or not backend.empty()))
    newest = _newest(recovered, slot)
    if newest is None:
        newest = recovered = Marker(0, anchor.index, anchor.chain, anchor.index, anchor.index)
    damaged = DamagedRanges()
    if recovered is None or newest.sequence > recovered.sequence:
        known = max(recovered.commit if recovered is not None else 0, anchor.index)
        damaged.add(min(known, newest.last_index) + 1, newest.last_index + 1)
    if anchor.index < newest.anchor_index and recovered is not None and newest.sequence == recovered.sequence:
        # The anchor record itself is damaged: all before the first entry is unknown, so the log cannot be believed from there.
        damaged.add(anchor.index + 1, newest.anchor_index + 1)
    marker = newest._replace(anchor_index=max(anchor.index, 0))
    if marker.last_index < anchor.index:
        marker = marker._replace(last_index=anchor.index, chain=anchor.chain)
    for low, high in _verify(backend, anchor, marker, verify_entries_max):
        damaged.add(low, high)
    if end_lost:
        damaged.add(max(min(marker.commit, marker.last_index), anchor.index) + 1, marker.last_index + 2)
    return Position(anchor, marker, damaged.ranges(), end_lost)


def _newest(recovered: Marker | None, slot: HardStateSlot) -> Marker | None:
    """The newest marker that is known: the recovered one, or the note in the hard state."""
    if slot.log_sequence <= (recovered.sequence if recovered is not None else 0):
        return recovered
    anchor_index = recovered.anchor_index if recovered is not None else 0
    return Marker(slot.log_sequence, slot.log_last_index, slot.log_chain, slot.commit, anchor_index, slot.sequence)


def _verify(backend: LogBackend, anchor: SnapshotMetadata, marker: Marker, entries_max: int) -> list[tuple[int, int]]:
    first, last = anchor.index + 1, marker.last_index
    if last < first:
        return []
    start = max(first, last - entries_max + 1)
    previous: bytes | None = anchor.chain
    if start > first:
        decoded = decode_record(start - 1, next(iter(backend.read(start - 1, start)))[1])
        previous = decoded[1] if decoded is not None else None
    damaged, _ = verify_run(backend.read(start, last + 1), previous, (last, marker.chain))
    return damaged
