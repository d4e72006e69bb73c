"""What a simulated member is told to be: its options as the node's own settings."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from quorate_node.protocol.raft import RaftConfig
from quorate_node.replica.settings import ReplicaSettings
from quorate_node.simulator.options import Options


def replica_settings(options: Options, name: str, url: str, *, witness: bool, non_voting: bool, priority: int) -> ReplicaSettings:
    settings = ReplicaSettings(
        name=name,
        peer_url=url,
        client_url=url,
        witness=witness,
        non_voting=non_voting,
        priority=priority,
        tick_ms=options.tick_ms,
        heartbeat_ms=options.heartbeat_ms,
        election_timeout_ms=options.election_timeout_ms,
        read_lease_ms=options.read_lease_ms,
        read_lease_drift_ms=min(20, max(0, options.read_lease_ms - 1)),
        batch_commands_max=options.batch_commands_max,
        pipeline_entries_max=options.pipeline_entries_max,
        batch_linger_ms=options.batch_linger_ms,
        read_linger_ms=options.batch_linger_ms,
        announce_commit_ms=options.announce_commit_ms,
        request_timeout_ms=3_000,
        request_peer_timeout_ms=1_000,
        promotion_lag_entries=8,
        log_keep_entries=options.log_keep_entries,
        compact_every_entries=options.compact_every_entries,
        compact_check_ms=100,
        snapshot_idle_timeout_ms=3_000,
        digest_interval_ms=500,
        scrub_interval_ms=300,
        scrub_entries=50,
        shutdown_drain_ms=1_000,
    )
    limits = options.limits
    tight: dict[str, Any] = {
        "pending_commands_max": limits.pending_commands,
        "pending_bytes_max": limits.pending_bytes,
        "pending_reads_max": limits.pending_reads,
        "forward_batches_max": limits.forward_batches,
    }
    return replace(settings, **{name: limit for name, limit in tight.items() if limit})


def raft_config(options: Options, settings: ReplicaSettings, member_id: int) -> RaftConfig:
    """As `config.model.NodeConfig.raft_config` makes it."""
    return RaftConfig(
        member_id=member_id,
        tick_ms=options.tick_ms,
        priority=settings.priority,
        commit_eagerly=options.commit_eagerly,
        confirm_by_quorum=options.confirm_by_quorum,
        pre_vote=options.pre_vote,
        check_quorum=options.check_quorum,
        heartbeat_ticks=options.heartbeat_ms // options.tick_ms,
        election_ticks=options.election_timeout_ms // options.tick_ms,
        read_lease_ms=settings.read_lease_ms,
        lease_drift_ms=settings.read_lease_drift_ms,
        append_bytes_max=options.append_bytes_max,
        inflight_messages_max=options.inflight_messages_max,
        recent_bytes_max=options.recent_bytes_max,
        committed_bytes_per_ready_max=options.committed_bytes_per_ready_max,
        uncommitted_bytes_max=options.limits.uncommitted_bytes or 256 << 20,
        promotion_lag_entries=8,
        snapshot_retry_ticks=1_000 // options.tick_ms,
    )
