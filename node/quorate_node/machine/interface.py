"""The replicated state machine as the replica and the API see it. `machine.kv` implements it over a `StateStore`.

Apply reads no clock and no randomness (DESIGN decision 9). Everything here runs on the event loop's thread unless it says otherwise.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path
from typing import NamedTuple, Protocol

from msgspec import Raw

from quorate.wire.commands import Command, Range
from quorate.wire.results import KeyValue, LeaseListResult, LeaseResult, RangeResult, Result, WatchEvents
from quorate_node.machine.application_port import Pending
from quorate_node.protocol.entry import Entry
from quorate_node.protocol.membership import Configuration, MemberRecord
from quorate_node.protocol.message import SnapshotMetadata
from quorate_node.store.interface import StateStore


class Refused(Exception):
    """A request that cannot be served: `error` is a name of `quorate.wire.errors.ERRORS`; the text names field, value, limit, remedy."""

    def __init__(self, error: str, message: str) -> None:
        super().__init__(message)
        self.error = error
        self.message = message


class UnknownCommand(Exception):
    """A committed command or entry type this release does not know: the member stops, saying which release it needs."""


class ApplicationFailed(Exception):
    """The application's machine raised: it stops on this member and never skips an entry (DESIGN decision 11)."""


class WatchRequest(NamedTuple):
    key: bytes
    range_end: bytes = b""
    start_revision: int = 0
    """0: from now on."""
    previous: bool = False
    no_put: bool = False
    no_delete: bool = False
    progress: bool = False


class Watch(Protocol):
    """One watch. Its buffer is bounded: a slow reader falls back to reading history, and is ended only by compaction."""

    async def next(self) -> WatchEvents: ...
    def request_progress(self) -> None:
        """The next message that has nothing else to say tells how far the watch is."""
        ...

    def cancel(self) -> None: ...


class SnapshotSource(Protocol):
    """A pinned, canonical snapshot (DESIGN decision 10) in chunks; the same bytes on every member at the same index."""

    metadata: SnapshotMetadata

    def manifest(self) -> bytes | None:
        """Sizes and SHA-256 of all chunks, and the hash over them; None while it is still being computed."""
        ...

    async def prepare(self) -> bytes:
        """Compute the manifest, yielding to the loop; returns it."""
        ...

    async def chunk(self, number: int) -> bytes: ...
    def close(self) -> None: ...


class SnapshotSink(Protocol):
    """Receives a snapshot into `directory`, verified chunk by chunk; resumable: what is there is kept over a restart."""

    def missing(self) -> list[int]: ...
    def write(self, number: int, data: bytes) -> None:
        """Raises `Refused("InvalidArgument")` when the data does not match the manifest."""
        ...

    async def install(self, store: StateStore) -> None:
        """Fill an empty store and flush it. The caller then swaps the store in."""
        ...


class Machine(Protocol):
    applied_index: int
    applied_term: int
    revision: int
    compacted_revision: int
    log_time_ms: int
    cluster_version: int
    configuration: Configuration
    members: dict[int, MemberRecord]
    chain: bytes
    """Chain hash at `applied_index`."""

    def apply(self, entries: Sequence[Entry]) -> list[list[Result | Pending]]:
        """Apply NORMAL entries in order in one atomic write; a list of results an entry, one a command.

        `Pending` stands where the application's own machine will answer later.

        Raises `UnknownCommand`; lets `Backpressure` and `StoreFailed` through, with nothing changed.
        """
        ...

    def apply_membership(self, entry: Entry, configuration: Configuration, put: Sequence[MemberRecord], removed: Sequence[int]) -> None: ...

    def check(self, kind: int, payload: bytes | Raw) -> None:
        """Refuse before it is proposed what apply would refuse for its form or size alone. Raises `Refused`."""
        ...

    def due(self, log_time_ms: int) -> list[Command]:
        """What the leader must propose because log time has passed a deadline: lease and session expiry."""
        ...

    # Reads: the caller has already waited for the consistency it wants.
    def get_many(self, keys: list[bytes]) -> list[KeyValue | None]: ...
    def range(self, request: Range) -> RangeResult:
        """A range of at most the configured chunk, read at once; larger ones raise `TooLarge` and go by `range_stream`."""
        ...

    async def range_async(self, request: Range) -> RangeResult:
        """Any range up to the configured bounds; yields to the loop between chunks, at one revision throughout."""
        ...

    def range_stream(self, request: Range) -> AsyncIterator[list[KeyValue]]: ...
    def lease(self, lease: int, keys: bool) -> LeaseResult: ...
    def leases(self) -> LeaseListResult: ...
    def watch(self, request: WatchRequest) -> Watch:
        """Raises `Refused` (TooManyWatches). A compacted start is told by the watch's first `next`."""
        ...

    def digest(self, index: int) -> bytes | None:
        """State hash after `index`, for the recent checkpoint indexes (every `digest_interval` entries)."""
        ...

    def digests(self) -> list[tuple[int, bytes]]: ...
    def open_snapshot(self) -> SnapshotSource: ...
    def open_sink(self, directory: Path, manifest: bytes) -> SnapshotSink: ...
    def on_applied(self, callback: Callable[[int], None]) -> None:
        """Call back with the applied index after each `apply` (followers of the ordered log wait on it)."""
        ...


class TooLarge(Exception):
    """The range is over the synchronous chunk: use `range_stream` or `range_async`."""
