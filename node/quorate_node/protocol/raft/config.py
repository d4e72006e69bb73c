"""Settings of one Raft member. Every limit is named here and enforced where it is used."""

from __future__ import annotations

from dataclasses import dataclass

MIB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class RaftConfig:
    """Times are in ticks of `tick_ms` except where the name says otherwise.

    The last group exists for etcd's golden traces; production leaves it at its defaults.
    """

    member_id: int
    tick_ms: int = 10
    """What one tick stands for; only used to turn the rest of a promise into ticks."""
    election_ticks: int = 50
    """A follower that hears nothing for [election_ticks, 2 * election_ticks) asks for votes."""
    heartbeat_ticks: int = 5
    pre_vote: bool = True
    check_quorum: bool = True
    append_bytes_max: int = MIB
    """Data of one append message; one entry is always sent whole."""
    inflight_messages_max: int = 256
    inflight_bytes_max: int = 64 * MIB
    """Unacknowledged appends to one member, by number and by bytes; whichever is reached first pauses it."""
    uncommitted_bytes_max: int = 256 * MIB
    """Proposals beyond this much data that is not yet applied are refused; 0 is no limit."""
    committed_bytes_per_ready_max: int = 16 * MIB
    """Entries handed out for applying and not yet reported as applied."""
    recent_bytes_max: int = 64 * MIB
    """The newest entries kept in memory, so that replication and apply do not read the disk."""
    reads_pending_max: int = 65536
    read_lease_ms: int = 0
    """How long this member promises no vote after it answered its leader; 0 promises nothing (DESIGN decision 14)."""
    lease_drift_ms: int = 10
    """What a leader takes off every promise: the most that two clocks may drift apart within one lease."""
    priority: int = 0
    """A member of lower priority lets an up-to-date one of higher priority lead."""
    promotion_lag_entries: int = 64
    """A learner no further behind than this is due for promotion."""
    snapshot_retry_ticks: int = 500
    """A live member that was sent a snapshot and did not acknowledge it for so long is told of one again; 0: never."""
    commit_eagerly: bool = True
    """Tell followers of a new commit index at once, not with the next append or heartbeat."""
    hand_over_on_removal: bool = True
    """A leader that is removed or demoted hands over to a voter. Also lets such a member stand in where nobody else can win."""

    confirm_by_quorum: bool = False
    """A round for reads asks only as many voters as it needs; False asks everybody, as etcd does."""
    step_down_on_removal: bool = False
    lease_based_reads: bool = False
    replace_refused_membership: bool = False
    disable_membership_validation: bool = False
    disable_proposal_forwarding: bool = True
    apply_unstable_entries: bool = False

    def __post_init__(self) -> None:
        _check("member_id", self.member_id, 1, 2**63 - 1, "take the id that the data directory holds")
        _check("tick_ms", self.tick_ms, 1, 60_000, "use 10")
        _check("heartbeat_ticks", self.heartbeat_ticks, 1, 2**31, "use at least one tick")
        _check("election_ticks", self.election_ticks, self.heartbeat_ticks + 1, 2**31, "use about ten times heartbeat_ticks")
        _check("inflight_messages_max", self.inflight_messages_max, 1, 2**31, "allow at least one message")
        _check("append_bytes_max", self.append_bytes_max, 0, 2**63, "use 0 for one entry a message")
        _check("inflight_bytes_max", self.inflight_bytes_max, max(1, self.append_bytes_max), 2**63, "allow at least one full append")
        _check("uncommitted_bytes_max", self.uncommitted_bytes_max, 0, 2**63, "use 0 for no limit")
        _check("committed_bytes_per_ready_max", self.committed_bytes_per_ready_max, 1, 2**63, "allow at least one byte")
        _check("recent_bytes_max", self.recent_bytes_max, 0, 2**63, "use 0 to keep nothing in memory")
        _check("reads_pending_max", self.reads_pending_max, 1, 2**31, "allow at least one read")
        _check("read_lease_ms", self.read_lease_ms, 0, 3_600_000, "use 0 to promise nothing")
        _check("lease_drift_ms", self.lease_drift_ms, 0, 3_600_000, "use less than read_lease_ms")
        _check("promotion_lag_entries", self.promotion_lag_entries, 0, 2**63, "use 0 for learners that lag by nothing")
        _check("snapshot_retry_ticks", self.snapshot_retry_ticks, 0, 2**31, "use 0 to leave it to report_snapshot")
        if self.lease_based_reads and not self.check_quorum:
            raise ValueError("lease_based_reads is True but check_quorum is False: a leader cut off would serve old reads; set it")


def _check(name: str, value: int, low: int, high: int, remedy: str) -> None:
    if not low <= value <= high:
        raise ValueError(f"{name} is {value}, allowed is {low} to {high}: {remedy}")
