"""The next segment, made ready in a thread of its own while the current one is written; files that were let go serve again."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from pathlib import Path

from quorate_node.store.durable_file import sync_directory
from quorate_node.store.errors import NoSpace, StoreFailed
from quorate_node.store.segment_file import PREPARING, SPARE, Segment, grow_segment, is_full, prepare_segment
from quorate_node.store.settings import MIB
from quorate_node.store.space import SpaceGauge

logger = logging.getLogger(__name__)

FIRST_SEGMENT_BYTES = 4 * MIB
"""The very first segment is small: a new member must not wait for a whole one before its first write."""


class SegmentPool:
    """One segment ahead. Begin with `start`, end with `stop`; may be started again."""

    def __init__(self, directory: Path, segment_bytes: int, space: SpaceGauge) -> None:
        self._directory = directory
        self._segment_bytes = segment_bytes
        self._space = space
        self._stopping = threading.Event()
        self.open_executor: Callable[[], Executor] = _one_thread
        self._executor: Executor | None = None
        self._lock = threading.Lock()
        """Around what is prepared: one segment made twice would replace the one in use."""
        self._next: Future[Segment] | None = None
        self._sequence = 0

    def start(self, sequence: int, ready: Segment | None) -> None:
        """`sequence`: of the next segment; `ready`: that one, when an earlier opening has already made it."""
        self._stopping.clear()
        self._executor = self.open_executor()
        self._sequence = sequence
        if ready is not None:
            self._next = Future()
            self._next.set_result(ready)
        else:
            self._prepare()

    def first(self) -> Segment:
        """The segment to begin an empty log with. Raises `NoSpace`, `StoreFailed`."""
        self._stopping.clear()
        try:
            return self._make(1, min(FIRST_SEGMENT_BYTES, self._segment_bytes))
        except OSError as error:
            raise self._failure(error) from error

    def take(self, size_bytes: int) -> Segment:
        """The next segment, with room for `size_bytes`; waits for it when it is not ready. Raises `NoSpace`, `StoreFailed`."""
        with self._lock:
            if self._failed():
                self._prepare()
            following = self._next
        assert following is not None, "the pool was started"
        try:
            segment = following.result()
            if segment.size_bytes < size_bytes:
                self._require(size_bytes - segment.size_bytes)
                grow_segment(segment, size_bytes)
        except OSError as error:
            raise self._failure(error) from error
        with self._lock:
            self._sequence = segment.sequence + 1
            self._prepare()
        return segment

    def available(self) -> bool:
        """False when there was no room for the next segment; tries again by itself."""
        if not self._failed():
            return True
        with self._lock:
            if self._failed() and (self._has_file() or self._space.free_bytes() >= self._segment_bytes + self._space.reserve_bytes):
                self._prepare()
        return not self._failed()

    def recycle(self, segment: Segment) -> None:
        """Let the file of a segment go: durably out of the log when this returns."""
        spare = self._directory / SPARE
        if segment.size_bytes == self._segment_bytes and not spare.exists():
            segment.path.rename(spare)
        else:
            segment.path.unlink()
        # failpoint: segment.recycle.before_directory_sync
        # One by one, oldest first: after power loss what is left of the log has no hole.
        sync_directory(self._directory)

    def wait(self) -> None:
        """Until the preparation under way has ended, well or not."""
        if self._next is not None:
            self._next.exception()

    def stop(self) -> None:
        self._stopping.set()
        if self._executor is not None:
            self._executor.shutdown(wait=True, cancel_futures=True)
        self._executor = self._next = None

    def _failed(self) -> bool:
        return self._next is not None and self._next.done() and self._next.exception() is not None

    def _prepare(self) -> None:
        assert self._executor is not None, "the pool was started"
        self._next = self._executor.submit(self._make, self._sequence, self._segment_bytes)

    def _make(self, sequence: int, size_bytes: int) -> Segment:
        try:
            if not self._has_file():
                self._require(size_bytes)
            return prepare_segment(self._directory, sequence, size_bytes, self._stopping.is_set)
        except (OSError, NoSpace) as error:
            logger.warning("segment %d of the log is not ready yet: %s", sequence, error)
            raise

    def _has_file(self) -> bool:
        """A file that was let go needs no free space to serve again."""
        return any((self._directory / name).exists() for name in (SPARE, PREPARING))

    def _require(self, size_bytes: int) -> None:
        """Raises `NoSpace` when a new file would use up the reserve."""
        free_bytes = self._space.free_bytes()
        if free_bytes < self._space.reserve_bytes + size_bytes:
            raise _refusal(
                f"{free_bytes} bytes are free in the data directory; a log segment of {size_bytes} bytes (log_segment_bytes) and the "
                f"reserve of {self._space.reserve_bytes} do not fit: free space or enlarge the volume; nothing was written"
            )

    def _failure(self, error: OSError) -> NoSpace | StoreFailed:
        if is_full(error):
            return _refusal(f"the disk is full: {error}; nothing of the batch was written")
        return StoreFailed(f"a segment of the log could not be made: {error}")


def _one_thread() -> Executor:
    return ThreadPoolExecutor(1, "quorate-segments")


def _refusal(text: str) -> NoSpace:
    error = NoSpace(text)
    error.reopen_due = False
    return error
