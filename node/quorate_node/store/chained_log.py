"""The log of a member: entries under a chain of hashes, over any `LogBackend`. What it returns is verified; damage is told apart.

Two positions: the *tail*, what the store's thread has made durable, and the *view*, what the loop's thread was told of by `written`.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import Any

from quorate_node.protocol.entry import Entry, chain_hash
from quorate_node.protocol.membership import Configuration
from quorate_node.protocol.message import SnapshotMetadata
from quorate_node.protocol.ready import HardState, Persist
from quorate_node.store.damage import DamagedRanges
from quorate_node.store.errors import ChainMismatch, Compacted, HardStateLost, NoSpace, StoreFailed
from quorate_node.store.hard_state import HardStateKeeper, HardStateSlot
from quorate_node.store.log_backend import LogBackend, LogBatch
from quorate_node.store.log_opening import open_position
from quorate_node.store.log_record import Marker, encode_anchor, encode_marker, encode_record
from quorate_node.store.log_staging import Staged, stage
from quorate_node.store.log_view import StoredView
from quorate_node.store.settings import StoreSettings


class ChainedLog(StoredView):
    """Implements `interface.LogStore`. `written` must be called once for each `write` that returned, in the same order."""

    def __init__(self, backend: LogBackend, hard_state: HardStateKeeper, settings: StoreSettings) -> None:
        """Reads and verifies what is there. Raises `HardStateLost`."""
        super().__init__(backend, settings)
        self._hard_state = hard_state
        self._settings = settings
        self._staged: deque[Staged] = deque()
        self._repairs: dict[int, int] = {}
        """End of a damaged range under repair -> where its repair began."""
        self._failed: str | None = None
        self._reopen_due = False
        self._closed = False
        self._slot: HardStateSlot = hard_state.load()
        self._load()

    def _load(self) -> None:
        """Take tail, view and damage from what the backend holds, once open. What shows damage is saved before opening rewrites it."""
        evidence = self._backend.inspect()
        marker = evidence.marker
        if marker is not None and marker.sequence > self._slot.log_sequence:
            self._save_slot(
                log_sequence=marker.sequence,
                log_last_index=marker.last_index,
                log_chain=marker.chain,
                commit=max(self._slot.commit, marker.commit),
            )

        def on_damage() -> None:
            if evidence.bytes_after or marker is None:
                self._save_slot(log_end_lost=1)

        self._backend.open(on_damage)
        position = open_position(self._backend, self._slot, self._settings.log_verify_on_open_entries)
        if self._backend.rebuild(position.anchor.index + 1, position.marker.last_index + 1):
            position = open_position(self._backend, self._slot, self._settings.log_verify_on_open_entries)
        if position.marker.hard_state_sequence > self._slot.sequence:
            raise HardStateLost(
                f"the log was written after save {position.marker.hard_state_sequence} of term and vote, but only save "
                f"{self._slot.sequence} can be read: remove this member and start it with an empty data directory, as a new member"
            )
        self._show(position)
        self._staged.clear()
        self._repairs.clear()
        self._end_lost = position.end_lost
        if position.end_lost and not self._slot.log_end_lost:
            self._save_slot(log_end_lost=1)

    def initial(self) -> tuple[HardState, Configuration]:
        commit = min(max(self._slot.commit, self._tail.commit, self._anchor.index), self._last_index)
        return HardState(self._slot.term, self._slot.vote, commit), self._anchor.configuration

    # -- writing --------------------------------------------------------------------------------------------------------

    def write(self, batches: Sequence[Persist]) -> None:
        with self._write_lock:
            self._ready_to_write()
            staged = stage(batches, self._tail.last_index)
            hard_state = next((batch.hard_state for batch in reversed(batches) if batch.hard_state is not None), None)
            if hard_state is not None and (hard_state.term, hard_state.vote) != (self._slot.term, self._slot.vote):
                # Before the entries: an entry of a term that this member would forget it had entered must not be on its disk.
                self._save_hard_state(hard_state.term, hard_state.vote, hard_state.commit)
            commit = max(self._tail.commit, hard_state.commit if hard_state is not None else 0)
            if any(batch.must_sync for batch in batches) or staged.entries or staged.snapshot is not None:
                self._commit_staged(staged, commit)
            else:
                # A commit index alone is not worth a sync: it goes with the next batch's marker, or is learned again.
                self._tail = self._tail._replace(commit=commit)
            with self._lock:
                self._staged.append(staged)

    def written(self, batches: Sequence[Persist]) -> None:
        with self._lock:
            assert self._staged, "written() without a write() that returned"
            staged = self._staged.popleft()
            assert staged.batches is batches or list(staged.batches) == list(batches), "written() out of order"
            if staged.snapshot is not None:
                self._anchor = staged.snapshot
                self._damaged = DamagedRanges()
                self._cache.clear(staged.snapshot.index)
            if staged.entries:
                self._damaged.remove(staged.entries[0].index, 1 << 63)
                self._cache.append(staged.entries, staged.chains)
            self._last_index = staged.last_index
            assert self._last_index >= self._anchor.index, "the log never ends before its anchor"
            self._backend.settle()

    def _commit_staged(self, staged: Staged, commit: int) -> None:
        batch, marker = self._encode(staged, commit)
        self._commit(batch)
        self._tail = marker
        if staged.snapshot is not None or staged.entries:
            self._end_found(0 if staged.snapshot is not None else staged.entries[0].index)

    def _encode(self, staged: Staged, commit: int) -> tuple[LogBatch, Marker]:
        """What is to be written, and the tail as it is then."""
        records: list[tuple[int, bytes]] = []
        chain = self._tail.chain
        anchor = staged.snapshot
        if anchor is not None:
            chain, commit = anchor.chain, max(commit, anchor.index)
        if staged.entries:
            first = staged.entries[0].index
            floor = anchor.index if anchor is not None else self._tail.anchor_index
            assert first > floor, f"entry {first} would replace what was compacted up to {floor}"
            chain = self._chain_before(first, anchor)
            for entry in staged.entries:
                chain = chain_hash(chain, entry)
                staged.chains.append(chain)
                records.append((entry.index, encode_record(entry, chain)))
        marker = Marker(
            self._tail.sequence + 1,
            staged.last_index,
            chain,
            min(commit, staged.last_index),
            anchor.index if anchor is not None else self._tail.anchor_index,
            self._slot.sequence,
        )
        drop = self._drop(staged)
        return LogBatch(encode_marker(marker), records, drop, encode_anchor(anchor) if anchor is not None else None), marker

    def _end_found(self, low: int) -> None:
        """The log was written anew from `low` on: if that covers a lost end, the end is known again."""
        damaged = self.damaged()
        if self._end_lost and (not damaged or low <= damaged[0][0]):
            self._save_slot(log_end_lost=0)
            self._end_lost = False

    def _drop(self, staged: Staged) -> tuple[int, int] | None:
        """What the batch makes stale: all of the log for a snapshot, else what follows the overwriting entries."""
        if staged.snapshot is not None:
            return 0, max(self._tail.last_index, staged.last_index) + 1
        if staged.last_index < self._tail.last_index:
            return staged.last_index + 1, self._tail.last_index + 1
        return None

    def _chain_before(self, first: int, anchor: SnapshotMetadata | None) -> bytes:
        """Chain hash at `first - 1`, as durable: the store's thread may be ahead of the view."""
        if anchor is not None and first - 1 == anchor.index:
            return anchor.chain
        if first - 1 == self._tail.last_index:
            return self._tail.chain
        with self._lock:
            for staged in reversed(self._staged):
                if staged.entries and staged.entries[0].index <= first - 1 <= staged.entries[-1].index:
                    return staged.chains[first - 1 - staged.entries[0].index]
                if staged.snapshot is not None and staged.snapshot.index == first - 1:
                    return staged.snapshot.chain
        return self.chain(first - 1)

    def _save_hard_state(self, term: int, vote: int, commit: int) -> None:
        tail = self._tail
        self._save_slot(
            term=term, vote=vote, commit=commit, log_sequence=tail.sequence, log_last_index=tail.last_index, log_chain=tail.chain
        )

    def _save_slot(self, **changes: Any) -> None:
        slot = self._slot._replace(sequence=self._slot.sequence + 1, **changes)
        try:
            self._hard_state.save(slot)
        except StoreFailed as error:
            self._failed = str(error)
            raise
        self._slot = slot

    def _ready_to_write(self) -> None:
        assert not self._closed, "the log was closed"
        if self._failed is not None:
            raise StoreFailed(self._failed)
        if self._reopen_due:
            self._reopen()

    def _commit(self, batch: LogBatch) -> None:
        try:
            # failpoint: log.write.before_commit
            self._backend.commit(batch)
            # failpoint: log.write.after_commit
        except (NoSpace, StoreFailed) as error:
            self._note(error)
            raise

    def _note(self, error: NoSpace | StoreFailed) -> None:
        if isinstance(error, NoSpace):
            # Whether the batch is on disk is open until the database was read again, and RocksDB refuses all writes until then.
            self._reopen_due = error.reopen_due
        else:
            self._failed = str(error)

    # -- after a full disk ------------------------------------------------------------------------------------------------

    def space_available(self) -> bool:
        """False: refuse proposals now, so that there is room for what was already proposed. Cheap."""
        return self._backend.space_available()

    def reopen(self) -> None:
        """Open again after a full disk; `write` does this by itself. Raises `NoSpace` when there is still no room."""
        with self._write_lock:
            self._reopen()

    def _reopen(self) -> None:
        self._backend.require_space()
        commit = self._tail.commit
        self._backend.close()
        self._load()
        self._tail = self._tail._replace(commit=min(max(self._tail.commit, commit), self._tail.last_index))
        self._reopen_due = False

    # -- compaction, repair -----------------------------------------------------------------------------------------------

    def compact(self, index: int, configuration: Configuration) -> None:
        with self._write_lock:
            floor = max(self._anchor.index, self._tail.anchor_index)
            if index <= floor:
                raise Compacted(f"index {index} was compacted before; the log begins at {floor + 1}")
            self._ready_to_write()
            self._rebase(SnapshotMetadata(index, self.term(index), configuration, self.chain(index)))
        # failpoint: log.compact.after_marker
        self._backend.reclaim(index)

    def rebase(self, snapshot: SnapshotMetadata) -> None:
        """Start after `snapshot`, which the state durably holds, though the log cannot vouch for it, or ends before it: damage up to
        there no longer matters. Damage beyond stays damage, and a lost end stays lost, unlike with `reset`. Raises `Compacted`."""
        with self._write_lock:
            self._ready_to_write()
            if snapshot.index <= self._anchor.index:
                raise Compacted(f"index {snapshot.index} was compacted before; the log begins at {self._anchor.index + 1}")
            self._rebase(snapshot)
        self.scrub(snapshot.index + 1, self._last_index + 1)
        self._backend.reclaim(snapshot.index)

    def _rebase(self, anchor: SnapshotMetadata) -> None:
        index = anchor.index
        marker = self._tail._replace(
            sequence=self._tail.sequence + 1,
            last_index=max(self._tail.last_index, index),
            anchor_index=index,
            hard_state_sequence=self._slot.sequence,
            commit=max(self._tail.commit, index),
            chain=anchor.chain if index >= self._tail.last_index else self._tail.chain,
        )
        previous = self._tail.anchor_index
        with self._lock:
            # First in the view: a reader must find "compacted", never a record that is gone.
            self._anchor = anchor
            self._damaged.remove(0, index + 1)
            if index > self._last_index:
                self._last_index = index
                self._cache.clear(index)
                if self._end_lost:
                    # Where it ended is still unknown, and may have been behind this.
                    self._damaged.add(index + 1, index + 2)
        self._commit(LogBatch(encode_marker(marker), [], (previous + 1, index + 1), encode_anchor(anchor)))
        self._tail = marker
        self._backend.settle()

    def enter_term(self, term: int) -> None:
        """Any thread. Be in `term` from now on, with no vote given, unless this member is in it, or beyond; durable on return. Touches
        nothing that tells of damage."""
        with self._write_lock:
            self._ready_to_write()
            if term > self._slot.term:
                self._save_slot(term=term, vote=0)
                self._backend.settle()

    def reset(self, snapshot: SnapshotMetadata) -> None:
        persist = Persist(None, [], snapshot, True)
        self.write([persist])
        self.written([persist])
        self._backend.reclaim(snapshot.index)

    def repair(self, entries: Sequence[Entry]) -> None:
        if not entries:
            return
        first, last = entries[0].index, entries[-1].index
        with self._write_lock:
            self._ready_to_write()
            with self._lock:
                damage = self._damaged.find(first)
            if self._end_lost:
                raise ChainMismatch(
                    f"the log's last batch was lost and nothing says where it ended: fetch everything from {self.damaged()[0][0]} "
                    "on from a confirmed leader, and write it as a follower would"
                )
            if damage is None or last >= damage[1]:
                raise ChainMismatch(f"entries {first} to {last} are not within one damaged range ({self.damaged()})")
            if first != damage[0]:
                raise ChainMismatch(f"the repair must begin at {damage[0]}, the first damaged index of the range, not at {first}")
            chain = self.chain(first - 1)
            records = []
            for expected, entry in enumerate(entries, first):
                if entry.index != expected:
                    raise ChainMismatch(f"entry {entry.index} was given where {expected} was due")
                chain = chain_hash(chain, entry)
                records.append((entry.index, encode_record(entry, chain)))
            if last + 1 == damage[1]:
                self._check_joins(last, chain, self._repairs.pop(damage[1], first))
            else:
                self._repairs.setdefault(damage[1], first)
            marker = self._tail._replace(sequence=self._tail.sequence + 1, hard_state_sequence=self._slot.sequence)
            # failpoint: log.repair.before_commit
            self._commit(LogBatch(encode_marker(marker), records))
            self._tail = marker
            with self._lock:
                self._damaged.remove(first, last + 1)
            self._backend.settle()

    def _check_joins(self, last: int, chain: bytes, began: int) -> None:
        """The repaired range must meet what follows it: the next whole entry, or the marker's end of the log."""
        if last == self._tail.last_index:
            joined = chain == self._tail.chain
        else:
            following, following_chain = self._at(last + 1)
            joined = chain_hash(chain, following) == following_chain
        if not joined:
            # What was put back piece by piece before this continues the chain, but belongs to the same other history.
            self._found_damage(began, last + 1)
            raise ChainMismatch(
                f"the entries up to {last} do not meet the chain that follows: the other members hold another history from here "
                "on; forget the tail, and fetch it as a new follower would"
            )

    def forget_tail(self, index: int) -> None:
        """Drop `index` and all after it, damage included, durably. Only for a member that neither votes nor acknowledges until its
        log covers a confirmed leader's commit index: what it drops may have been acknowledged."""
        with self._write_lock:
            self._ready_to_write()
            if index != self._last_index + 1:
                self._check(index)
            chain = self.chain(index - 1)
            marker = Marker(
                self._tail.sequence + 1, index - 1, chain, min(self._tail.commit, index - 1), self._tail.anchor_index, self._slot.sequence
            )
            # failpoint: log.forget_tail.before_commit
            self._commit(LogBatch(encode_marker(marker), [], (index, self._tail.last_index + 1)))
            self._tail = marker
            self._end_found(index)
            with self._lock:
                self._last_index = index - 1
                self._damaged.remove(index, 1 << 63)
                self._cache.truncate(index - 1)
            self._backend.settle()

    def close(self) -> None:
        """Leaves a synced note of where the log ends, so that damage of its last batch at rest is found on the next open."""
        with self._write_lock:
            if self._closed:
                return
            self._closed = True
            if self._failed is None and not self._reopen_due:
                self._save_hard_state(self._slot.term, self._slot.vote, max(self._slot.commit, self._tail.commit))
            self._backend.close()
            self._hard_state.close()
