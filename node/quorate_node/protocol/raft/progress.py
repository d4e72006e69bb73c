"""What a leader knows of one member, and the three ways of replicating to it, with their transitions as a table.

`0 <= match < next` always; in SNAPSHOT `next == pending_snapshot + 1`. All flow-control state lives here.
"""

from __future__ import annotations

from enum import StrEnum

from quorate_node.protocol.raft.inflights import Inflights


class ProgressState(StrEnum):
    """The values are the names that status lines show (and etcd's golden traces compare)."""

    PROBE = "StateProbe"
    """At most one append a heartbeat, until it is known where the logs agree."""
    REPLICATE = "StateReplicate"
    """Appends are sent optimistically, without waiting for answers, within the window."""
    SNAPSHOT = "StateSnapshot"
    """The member needs entries that were compacted: nothing is sent until it has the snapshot."""


class ProgressEvent(StrEnum):
    ACKNOWLEDGED = "append acknowledged"
    REJECTED = "append rejected"
    COMPACTED = "needed entries were compacted"
    RECONNECTED = "acknowledged an index that the log continues"
    SNAPSHOT_DONE = "snapshot reported done"
    SNAPSHOT_FAILED = "snapshot reported failed"
    UNREACHABLE = "reported unreachable"


PROGRESS_TRANSITIONS: dict[tuple[ProgressState, ProgressEvent], ProgressState] = {
    (ProgressState.PROBE, ProgressEvent.ACKNOWLEDGED): ProgressState.REPLICATE,
    (ProgressState.PROBE, ProgressEvent.COMPACTED): ProgressState.SNAPSHOT,
    (ProgressState.REPLICATE, ProgressEvent.REJECTED): ProgressState.PROBE,
    (ProgressState.REPLICATE, ProgressEvent.UNREACHABLE): ProgressState.PROBE,
    (ProgressState.REPLICATE, ProgressEvent.COMPACTED): ProgressState.SNAPSHOT,
    (ProgressState.SNAPSHOT, ProgressEvent.RECONNECTED): ProgressState.REPLICATE,
    (ProgressState.SNAPSHOT, ProgressEvent.SNAPSHOT_DONE): ProgressState.PROBE,
    (ProgressState.SNAPSHOT, ProgressEvent.SNAPSHOT_FAILED): ProgressState.PROBE,
}
"""An event that is not listed for a state changes nothing."""


class Progress:
    __slots__ = (
        "inflights",
        "is_learner",
        "lease_until_ms",
        "match",
        "next",
        "paused",
        "pending_snapshot",
        "promotion_announced",
        "recent_active",
        "sent_commit",
        "snapshot_ticks",
        "state",
    )

    def __init__(self, match: int, next_index: int, inflights: Inflights, *, is_learner: bool, recent_active: bool) -> None:
        assert 0 <= match < next_index
        self.match = match
        self.next = next_index
        self.inflights = inflights
        self.is_learner = is_learner
        self.recent_active = recent_active
        """Heard from since the last check of the quorum; always true for the leader itself."""
        self.state = ProgressState.PROBE
        self.sent_commit = 0
        """Highest commit index on its way to the member."""
        self.pending_snapshot = 0
        self.paused = False
        """Probe outstanding or window full: an answer to a heartbeat lets one more message go."""
        self.lease_until_ms = 0
        """The leader's own clock: until then the member promised no vote (DESIGN decision 14)."""
        self.promotion_announced = False
        self.snapshot_ticks = 0
        """How long it has been in SNAPSHOT, counted once an election timeout."""

    def clone(self) -> Progress:
        """A copy that shares the window: membership changes work on copies, so that a refused one changes nothing."""
        copy = Progress(self.match, self.next, self.inflights, is_learner=self.is_learner, recent_active=self.recent_active)
        copy.state = self.state
        copy.sent_commit = self.sent_commit
        copy.pending_snapshot = self.pending_snapshot
        copy.paused = self.paused
        copy.lease_until_ms = self.lease_until_ms
        copy.promotion_announced = self.promotion_announced
        copy.snapshot_ticks = self.snapshot_ticks
        return copy

    def handle(self, event: ProgressEvent, snapshot_index: int = 0) -> bool:
        """Make the transition that the table has for `event`; False when it has none."""
        target = PROGRESS_TRANSITIONS.get((self.state, event))
        if target is None:
            return False
        base = self.match
        if event is ProgressEvent.SNAPSHOT_DONE:
            # The snapshot was delivered though its acknowledgement is not here yet: go on behind it.
            base = max(base, self.pending_snapshot)
        elif event is ProgressEvent.COMPACTED:
            base = snapshot_index
        self.paused = False
        self.snapshot_ticks = 0
        self.inflights.clear()
        self.next = base + 1
        self.pending_snapshot = snapshot_index if target is ProgressState.SNAPSHOT else 0
        if target is ProgressState.SNAPSHOT:
            self.sent_commit = snapshot_index
        elif target is ProgressState.PROBE:
            self.sent_commit = min(self.sent_commit, base)
        self.state = target
        assert self.match < self.next
        return True

    def lead(self) -> None:
        """The leader's own entry: always replicating."""
        self.state = ProgressState.REPLICATE
        self.next = self.match + 1
        self.recent_active = True

    def sent_entries(self, count: int, size_bytes: int) -> None:
        """An append left with `count` entries from `next` on."""
        if self.state is ProgressState.REPLICATE:
            if count > 0:
                self.next += count
                self.inflights.add(self.next - 1, size_bytes)
            self.paused = self.inflights.full()
            return
        assert self.state is ProgressState.PROBE
        if count > 0:
            self.paused = True

    def can_bump_commit(self, commit: int) -> bool:
        """Whether telling `commit` could move the member's commit index: not when all it can reach was already sent."""
        return commit > self.sent_commit and self.sent_commit < self.next - 1

    def acknowledge(self, index: int) -> bool:
        """The member has everything up to `index`. False when that was known (a late or repeated answer)."""
        if index <= self.match:
            return False
        self.match = index
        self.next = max(self.next, index + 1)
        self.paused = False
        return True

    def step_back(self, rejected: int, hint: int) -> bool:
        """The member refused an append that began after `rejected`, and suggests `hint`. False when the answer is stale."""
        if self.state is ProgressState.REPLICATE:
            if rejected <= self.match:
                return False
            self.next = self.match + 1
            self.sent_commit = min(self.sent_commit, self.next - 1)
            return True
        if self.next - 1 != rejected:
            # Outside of REPLICATE there is one probe at a time: an answer to another one is old.
            return False
        self.next = max(min(rejected, hint + 1), self.match + 1)
        self.sent_commit = min(self.sent_commit, self.next - 1)
        self.paused = False
        return True

    def is_paused(self) -> bool:
        return self.state is ProgressState.SNAPSHOT or self.paused

    def __str__(self) -> str:
        parts = [f"{self.state.value} match={self.match} next={self.next}"]
        if self.is_learner:
            parts.append("learner")
        if self.is_paused():
            parts.append("paused")
        if self.pending_snapshot > 0:
            parts.append(f"pendingSnap={self.pending_snapshot}")
        if not self.recent_active:
            parts.append("inactive")
        if len(self.inflights) > 0:
            parts.append(f"inflight={len(self.inflights)}{'[full]' if self.inflights.full() else ''}")
        return " ".join(parts)
