"""The two stores behind one interface each (DESIGN decision 7): the log, and the state. RocksDB and memory implement both.

Threads: everything is called on the event loop's thread unless it says *any thread*; those calls let the interpreter lock go
while they wait for the disk.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Protocol

from quorate_node.protocol.entry import Entry
from quorate_node.protocol.membership import Configuration
from quorate_node.protocol.message import SnapshotMetadata
from quorate_node.protocol.ready import HardState, Persist
from quorate_node.store.families import STATE_FAMILIES as STATE_FAMILIES  # noqa: PLC0414 - callers take it from here
from quorate_node.store.state_batch import StateBatch as StateBatch  # noqa: PLC0414


class LogView(Protocol):
    """What the protocol reads of the persisted log. Indexes below `first_index()` were compacted."""

    def first_index(self) -> int:
        """Index of the first entry that is still there; `snapshot index + 1` for an empty log."""
        ...

    def last_index(self) -> int: ...

    def term(self, index: int) -> int:
        """Term at `index`, also at `first_index() - 1`. Raises `Compacted` below that and `Unavailable` beyond the end."""
        ...

    def entries(self, low: int, high: int, size_bytes_max: int) -> list[Entry]:
        """Entries [low, high), at least one, else no more than `size_bytes_max` of data. Raises `Compacted`, `Unavailable`.

        A damaged entry raises `Damaged`: it is never returned.
        """
        ...

    def snapshot(self) -> SnapshotMetadata:
        """The newest point the log can start from (index 0 when there is none)."""
        ...

    def initial(self) -> tuple[HardState, Configuration]:
        """Hard state and the configuration of the last snapshot or `set_configuration`."""
        ...


class LogStore(LogView, Protocol):
    """The durable log, with term and vote."""

    def write(self, batches: Sequence[Persist]) -> None:
        """Any thread (one at a time). Make all `batches` durable in order with one sync. Raises `NoSpace`, `StoreFailed`.

        After `StoreFailed` (a failed sync) nothing more may be written: the member must stop (fsync is never retried).
        """
        ...

    def begin(self, batches: Sequence[Persist]) -> int | None:
        """Loop thread. All of `write` but the sync: returns the descriptor to sync, after which `synced` must be called.

        None, with nothing done: this log, or these batches, need `write` in a thread. Raises as `write`.
        """
        ...

    def synced(self, error_number: int) -> None:
        """Loop thread. The sync is over, 0 for success. Raises `StoreFailed`."""
        ...

    def written(self, batches: Sequence[Persist]) -> None:
        """Loop thread, after `write` returned: what was written becomes visible to `entries`, `term` and `last_index`."""
        ...

    def compact(self, index: int, configuration: Configuration) -> None:
        """Any thread. Forget entries up to and including `index`; never beyond the flushed applied index (the caller's duty)."""
        ...

    def chain(self, index: int) -> bytes:
        """Chain hash at `index` (`entry.chain_hash`); also at `first_index() - 1`. Raises `Compacted`, `Unavailable`."""
        ...

    def damaged(self) -> list[tuple[int, int]]:
        """Ranges [low, high) of indexes found damaged on open or by `scrub`, for the repair below the protocol."""
        ...

    def repair(self, entries: Sequence[Entry]) -> None:
        """Put back damaged entries; each is checked against the chain. Raises `ChainMismatch`."""
        ...

    def scrub(self, low: int, high: int) -> list[tuple[int, int]]:
        """Any thread. Read and verify [low, high) from disk, bypassing caches; returns damaged ranges."""
        ...

    def reset(self, snapshot: SnapshotMetadata) -> None:
        """Any thread. Drop the whole log and start after `snapshot`; durable on return."""
        ...

    def rebase(self, snapshot: SnapshotMetadata) -> None:
        """Any thread. Start after `snapshot`, which the state durably holds, though the log is damaged there or ends before it. Damage
        beyond it stays damage, and an end that nobody knows stays unknown, unlike with `reset`. Raises `Compacted`.
        """
        ...

    def enter_term(self, term: int) -> None:
        """Any thread. Be in `term`, with no vote given, unless this member is in it, or beyond; durable on return."""
        ...

    def forget_tail(self, index: int) -> None:
        """Any thread. Drop `index` and all after it, damage included, durably. Only for a member that neither votes nor acknowledges
        until its log covers a confirmed leader's commit index: what it drops may have been acknowledged.
        """
        ...

    def space_available(self) -> bool:
        """False: refuse proposals now (never applies, never writes of what was proposed). Cheap: a microsecond."""
        ...

    def reopen(self) -> None:
        """After a full disk; `write` does it by itself when it is called again. Raises `NoSpace` while there is no room for it."""
        ...

    def size_bytes(self) -> int: ...

    def close(self) -> None: ...


class StateReader(Protocol):
    """Reads of the live state or of a snapshot of it. `items` is a live iterator: take what you need and let it go."""

    def family(self, name: str) -> str:
        """`name`, which batches take. Raises `KeyError` for a family that the state does not have."""
        ...

    def getter(self, name: str) -> Callable[[Any], Any]:
        """The fast way in: called with a key it returns bytes or None, with a list of keys a list of those."""
        ...

    def items(
        self, name: str, start: bytes, end: bytes | None = None, *, backwards: bool = False
    ) -> Iterator[tuple[bytes, bytes]]:
        """Pairs with start <= key < end in byte order (`end` None: to the end); `backwards` from the last such key down."""
        ...

    def keys(
        self, name: str, start: bytes, end: bytes | None = None, *, backwards: bool = False
    ) -> Iterator[bytes]: ...


class StateSnapshot(StateReader, Protocol):
    def close(self) -> None: ...


class StateStore(StateReader, Protocol):
    """The machine's database. Writes are atomic and *not* synced: after power loss the log is applied again from what was flushed."""

    def batch(self) -> StateBatch: ...

    def write(self, batch: StateBatch) -> None:
        """All of it or nothing. Raises `NoSpace`, `StoreFailed`, and `Backpressure` (RocksDB would stall: nothing was written, try
        the same batch again after a moment).
        """
        ...

    def write_out(self) -> None:
        """Hand on to the database what is held back in memory, where the store does that. Raises as `write`, then all is kept."""
        ...

    def write_out_some(self) -> bool:
        """A bounded part of that; True while there is more. Raises as `write`."""
        ...

    def snapshot(self) -> StateSnapshot: ...

    def flush(self) -> None:
        """Any thread. Everything written before the call is durable when it returns (all families atomically). Raises as `write`."""
        ...

    def reopen(self) -> None:
        """After a full disk: close and open again, without which RocksDB stays in its error. Needs free space (the reserve).

        What was not flushed is lost, as in a crash: apply again from the applied index that is found. Getters,
        snapshots and iterators from before must be let go first (RocksDB stays open and locked while one lives): drop the
        machine, reopen, build a new one. Raises `NoSpace`, and `StoreFailed` when something still holds the old database.
        """
        ...

    def unflushed_bytes(self) -> int:
        """About what a crash now would lose and a restart apply again."""
        ...

    def size_bytes(self) -> int: ...

    def close(self) -> None: ...


class StateDatabase(StateStore, Protocol):
    """A store that takes a large write by parts. It is never flushed between two of them: after a crash there are all or none."""

    def write_part(self, batch: StateBatch) -> None:
        """As `write`, but more follows before the database is in a state that the machine was in: `settle` says so."""
        ...

    def settle(self) -> None:
        """The last part is in. Raises as `write`; then call it again."""
        ...

    def rotate(self) -> None:
        """Any thread, not in the midst of a write. What is written so far will be flushed, and what comes later will not be with it.
        Raises as `write`."""
        ...

    def finish_flush(self) -> None:
        """Any thread. Wait until what was turned over by `rotate` is durable. Raises `NoSpace`, `StoreFailed`."""
        ...
