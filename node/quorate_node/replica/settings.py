"""Every limit and interval of the replica, named, with its default and its reason."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ReplicaSettings:
    """How this member keeps time with its peers, how much may be under way at once, and when it tends its log and state."""

    name: str = ""
    """This member's name, unique in the cluster; replicated in its member record."""
    peer_url: str = ""
    client_url: str = ""
    witness: bool = False
    priority: int = 0
    non_voting: bool = False

    tick_ms: int = 10
    """The protocol's clock. Finer than a heartbeat so that election jitter is too."""
    heartbeat_ms: int = 50
    election_timeout_ms: int = 500
    """Lower bound; the upper is twice that."""
    read_lease_ms: int = 100
    """For so long a reply promises no vote. It delays fast failover by as much, so it stays well below the election timeout."""
    read_lease_drift_ms: int = 20
    """What two members' clocks may drift apart within one lease."""

    batch_commands_max: int = 4096
    batch_bytes_max: int = 1 << 20
    pipeline_entries_max: int = 1
    """Entries proposed and not yet committed before further commands wait and gather. An entry costs all members together about
    2 ms of CPU and a command 0.05 ms: one full entry at a time beats two half full ones, measured at 64 clients by a fifth."""
    batch_linger_ms: int = 1
    """How long an entry may wait for the clients that were answered by the last one (`replica.linger`); 0: never."""
    announce_commit_ms: int = 10
    """So long after a commit the followers are told of it, unless an append has told them before: under load always."""
    pending_commands_max: int = 65_536
    pending_bytes_max: int = 64 << 20
    pending_reads_max: int = 65_536
    read_linger_ms: int = 1
    """How long a round for reads may wait for the readers that the last one served (`replica.linger`); 0: never."""
    read_rounds_max: int = 1
    """Quorum rounds for reads under way at once; what arrives meanwhile shares the next."""
    read_retry_ms: int = 200
    """A round that was not confirmed within this is asked again: reads are safe to repeat."""
    request_timeout_ms: int = 5_000
    forward_batches_max: int = 16
    apply_slice_ms: int = 5
    """After so long of applying, the loop gets a turn."""
    apply_bytes_max: int = 4 << 20

    promotion_lag_entries: int = 64
    """A learner no further behind than this may be promoted."""
    non_voting_members_max: int = 32
    """Members that never vote, at most: the leader sends each of them everything, and nobody else limits how many come."""

    log_keep_entries: int = 5_000
    """Kept below the flushed applied index for members that are a little behind."""
    compact_every_entries: int = 50_000
    compact_every_bytes: int = 256 << 20
    compact_check_ms: int = 1_000
    snapshot_sources_max: int = 2
    snapshot_idle_timeout_ms: int = 30_000
    """A pinned snapshot that nobody fetches from is let go, and the follower is probed again."""
    snapshot_chunk_requests_max: int = 4
    request_peer_timeout_ms: int = 5_000

    expiry_interval_ms: int = 250
    digest_interval_ms: int = 2_000
    scrub_interval_ms: int = 10_000
    scrub_entries: int = 2_000
    disk_stall_ms: int = 1_000
    """A write under way for longer makes a leader hand over to a member that has on disk what it has not, once in ten such times at most:
    hard disks and networks answer within this, sick ones do not."""
    space_check_ms: int = 500
    shutdown_drain_ms: int = 5_000
    bootstrap_retry_ms: int = 200
    join_retry_ms: int = 200

    def __post_init__(self) -> None:
        if not self.tick_ms <= self.heartbeat_ms < self.election_timeout_ms:
            raise ValueError(
                f"heartbeat_ms is {self.heartbeat_ms}; it must be at least tick_ms ({self.tick_ms}) and below "
                f"election_timeout_ms ({self.election_timeout_ms})"
            )
        if not 0 <= self.read_lease_drift_ms < max(self.read_lease_ms, 1) <= self.election_timeout_ms:
            raise ValueError(
                f"read_lease_ms is {self.read_lease_ms}; it must be above read_lease_drift_ms ({self.read_lease_drift_ms}) "
                f"and at most election_timeout_ms ({self.election_timeout_ms})"
            )
