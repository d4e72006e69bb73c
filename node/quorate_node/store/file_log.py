"""The log's records in files of fixed size that were written full of zeros ahead: one write and one sync a batch, and nothing else.

Against RocksDB each entry is written once (no memtable, flush or compaction), and a sync changes no metadata of the file system.
The guarantees are the same: a batch is there whole or not at all, and what was acknowledged is there or known to be damaged
(`segment_scan` says how a torn end is told from a damaged one, and what cannot be told).
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from quorate_node.store.durable_file import sync_directory
from quorate_node.store.errors import NoSpace, StoreFailed
from quorate_node.store.log_backend import Evidence, LogBatch
from quorate_node.store.segment_file import (
    OpenFile,
    Segment,
    is_full,
    list_segments,
    write_again,
    write_synced,
    write_unsynced,
    write_zeros,
)
from quorate_node.store.segment_format import DATA_START, batch_bytes, encode_batch
from quorate_node.store.segment_index import SegmentIndex
from quorate_node.store.segment_pool import SegmentPool
from quorate_node.store.segment_read import LOCATE_INDEXES, read_located
from quorate_node.store.segment_scan import Scan, scan_segments
from quorate_node.store.settings import StoreSettings
from quorate_node.store.space import SpaceGauge

logger = logging.getLogger(__name__)


class FileLogBackend:
    """`LogBackend` over the segments in the directory `path`, which must exist."""

    def __init__(self, path: Path, settings: StoreSettings, space: SpaceGauge) -> None:
        self._path = path
        self._space = space
        self.pool = SegmentPool(path, settings.log_segment_bytes, space)
        self._lock = threading.Lock()
        """Around the index, the segments, marker and anchor: short, never held while the disk is waited for."""
        self._index = SegmentIndex()
        self._reclaim_lock = threading.Lock()
        """Nothing is let go while the files are looked at, and one at a time. Taken before `_lock`."""
        self._segments: dict[int, Segment] = {}
        """In use, by sequence, oldest first."""
        self._current: Segment | None = None
        """The last one, which is written. Like what follows, of the store's thread."""
        self._marker: bytes | None = None
        self._anchor: bytes | None = None
        self._anchor_segment = 0
        self._previous_end = 0
        self._roll_due = False
        self._scan: Scan | None = None
        self._opened = False

    # -- opening ----------------------------------------------------------------------------------------------------------

    def inspect(self) -> Evidence:
        try:
            with self._reclaim_lock:
                self._scan = scan_segments(list_segments(self._path))
        except OSError as error:
            raise StoreFailed(f"the log cannot be read: {error}") from error
        try:
            # A process that died before it synced the directory leaves names that power loss takes away, with all that is written there.
            sync_directory(self._path)
            # Before anybody notes durably that it was seen: power loss would make a lost batch of one that nobody was told of.
            self._write_last_again(self._scan)
        except OSError as error:
            raise self._error("opened", error) from error
        return Evidence(self._scan.newest_marker, self._scan.bytes_after)

    def open(self, on_damage: Callable[[], None]) -> None:
        if self._scan is None:
            self.inspect()
        scan, self._scan = self._scan, None
        assert scan is not None, "inspect() leaves what it found"
        if scan.end_damaged:
            on_damage()
        try:
            used = scan.segments[: scan.used] or [self._begin(scan)]
            if scan.torn is not None:
                # Else the rest of it, behind a shorter batch, would look like damage the next time.
                write_zeros(used[-1].file, *scan.torn, lambda: False)
            ready = self._clear_unused(scan, used[-1])
        except OSError as error:
            raise self._error("opened", error) from error
        self._roll_due = scan.end_damaged
        self._previous_end = 0
        with self._lock:
            self._index, self._marker, self._anchor, self._anchor_segment = scan.index, scan.marker, scan.anchor, scan.anchor_segment
            self._segments = {segment.sequence: segment for segment in used}
        self._current = used[-1]
        self.pool.start(used[-1].sequence + 1, ready)
        self._opened = True

    def _write_last_again(self, scan: Scan) -> None:
        """A process that died between write and sync, or in a failed sync, leaves a batch that may be in the page cache alone; from now
        on it counts as durable. Only the last one: each was synced before the next was written."""
        if scan.last is not None:
            segment, begin, end = scan.last
            write_again(segment.file, begin, end)

    def _begin(self, scan: Scan) -> Segment:
        """The first segment of an empty log: one that was prepared and never used, or a new one."""
        prepared = next((segment for segment in scan.segments if segment.nonce is not None), None)
        if prepared is not None:
            return prepared
        for segment in scan.segments:
            # Nobody can read its header, and nothing is in it: its name is wanted.
            segment.path.unlink()
        scan.segments.clear()
        return self.pool.first()

    def _clear_unused(self, scan: Scan, current: Segment) -> Segment | None:
        """Of the segments that hold nothing, the one that comes next is kept for it."""
        ready = None
        for segment in scan.segments[scan.used :]:
            if segment is current:
                continue
            if segment.sequence == current.sequence + 1 and segment.nonce is not None:
                ready = segment
            else:
                segment.path.unlink()
        return ready

    def rebuild(self, _low: int, _high: int) -> bool:
        """A damaged batch is in nobody's way."""
        return False

    # -- writing ----------------------------------------------------------------------------------------------------------

    def commit(self, batch: LogBatch) -> None:
        self._space.require()
        segment = self._current
        assert segment is not None, "the log was opened"
        size_bytes = batch_bytes(batch)
        if self._needs_roll(segment, size_bytes):
            segment = self._roll(segment, size_bytes)
        self._append(segment, batch, write_synced)

    def commit_unsynced(self, batch: LogBatch) -> int | None:
        self._space.require()
        segment = self._current
        assert segment is not None, "the log was opened"
        if self._needs_roll(segment, batch_bytes(batch)):
            return None  # The next segment may have to be waited for.
        self._append(segment, batch, write_unsynced)
        return segment.file.number

    def _needs_roll(self, segment: Segment, size_bytes: int) -> bool:
        return self._roll_due or segment.end + size_bytes > segment.size_bytes

    def _append(self, segment: Segment, batch: LogBatch, write: Callable[[OpenFile, Sequence[bytes], int], None]) -> None:
        assert segment.nonce is not None, "a segment without a header is never written"
        first_in_segment = segment.end == DATA_START
        header, header_bytes, body, lengths = encode_batch(batch, segment.nonce, self._previous_end if first_in_segment else 0)
        try:
            # failpoint: log.file.before_write
            write(segment.file, (header_bytes, body), segment.end)
            # failpoint: log.file.after_write
        except OSError as error:
            # Never synced again: the kernel may have dropped what it could not write, and the next sync would say it is fine. After a
            # full disk the log is opened anew, which *writes* this batch again if it is found there.
            raise self._error("written", error) from error
        with self._lock:
            if batch.drop is not None:
                self._index.drop(*batch.drop)
            self._index.put(header.first_index, segment.sequence, segment.end + header.records_offset, lengths)
            self._marker = batch.marker
            if batch.anchor is not None:
                self._anchor, self._anchor_segment = batch.anchor, segment.sequence
        segment.end += header.length

    def _roll(self, previous: Segment, size_bytes: int) -> Segment:
        """Go on in the next segment; raises `NoSpace` or `StoreFailed` when there can be none."""
        # failpoint: log.file.before_roll
        segment = self.pool.take(DATA_START + size_bytes)
        self._previous_end = previous.end
        self._roll_due = False
        self._current = segment
        with self._lock:
            self._segments[segment.sequence] = segment
        return segment

    def _error(self, what: str, error: OSError) -> NoSpace | StoreFailed:
        if is_full(error):
            return NoSpace(f"the disk is full: {error}; nothing of the batch is acknowledged")
        return StoreFailed(f"the log could not be {what}: {error}")

    # -- reading ----------------------------------------------------------------------------------------------------------

    def read(self, low: int, high: int) -> Iterator[tuple[int, bytes | None]]:
        while low < high:
            end = min(low + LOCATE_INDEXES, high)
            with self._lock:
                places = self._index.locate(low, end)
                files: dict[int, OpenFile] = {
                    sequence: self._segments[sequence].file for sequence in {place[0] for place in places} if sequence in self._segments
                }
            yield from read_located(low, places, files)
            low = end

    def empty(self) -> bool:
        return self._anchor is None and len(self._index) == 0

    def anchor(self) -> bytes | None:
        return self._anchor

    def marker(self) -> bytes | None:
        return self._marker

    def settle(self) -> None:
        """Nothing to do: what `commit` returned from is on the disk."""

    # -- space ------------------------------------------------------------------------------------------------------------

    def reclaim(self, index: int) -> None:
        """Let the oldest segments go as long as nothing in them is reachable. Only from the front: what a later segment replaces or
        drops must not come back because the segment that says so is gone."""
        with self._reclaim_lock:
            while (segment := self._take_unreachable()) is not None:
                try:
                    self.pool.recycle(segment)
                except OSError as error:
                    raise self._error("compacted", error) from error

    def _take_unreachable(self) -> Segment | None:
        with self._lock:
            oldest = next(iter(self._segments), 0)
            # Before the anchor's own segment: that is never the one being written, nor one that something needs.
            if not oldest or oldest >= self._anchor_segment or self._index.live.get(oldest, 0):
                return None
            self._index.live.pop(oldest, None)
            return self._segments.pop(oldest)

    def space_available(self) -> bool:
        return self._space.available() and self.pool.available()

    def require_space(self) -> None:
        self._space.require()

    def size_bytes(self) -> int:
        """Of the records that can still be read: what compaction may free. The files are larger by what was written ahead."""
        return self._index.live_bytes

    def close(self) -> None:
        if not self._opened:
            return
        self._opened = False
        self.pool.stop()
        self._current = None
        with self._reclaim_lock, self._lock:
            self._segments.clear()
