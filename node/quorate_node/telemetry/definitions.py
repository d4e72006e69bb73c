"""Every metric of the node: name, kind, labels, buckets, help. `docs/metrics.md` lists the same, and a test holds them equal."""

from __future__ import annotations

from enum import Enum
from typing import NamedTuple


class Kind(Enum):
    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"


class Definition(NamedTuple):
    attribute: str
    """Name of the instrument on `Telemetry`."""
    name: str
    kind: Kind
    help: str
    labels: tuple[str, ...] = ()
    bounds: tuple[float, ...] = ()


SECONDS = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
COUNTS = (1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 512.0, 1024.0, 4096.0)

_C, _G, _H = Kind.COUNTER, Kind.GAUGE, Kind.HISTOGRAM

API = (
    Definition("api_requests", "quorate_api_requests_total", _C, "Requests answered, by route and HTTP status.", ("route", "status")),
    Definition("api_request_seconds", "quorate_api_request_duration_seconds", _H, "Time from a request's last byte to its answer.",
               ("route",), SECONDS),
    Definition("api_connections", "quorate_api_connections", _G, "Open client connections."),
    Definition("api_connections_accepted", "quorate_api_connections_accepted_total", _C, "Client connections accepted."),
    Definition("api_requests_inflight", "quorate_api_requests_inflight", _G, "Requests of the hot routes that are open."),
    Definition("api_handovers", "quorate_api_handovers_total", _C, "Requests served by the general server, not by the hot path."),
    Definition("api_limit_hits", "quorate_api_limit_hits_total", _C, "Times a limit was hit, by the name of its setting.", ("limit",)),
    Definition("api_received_bytes", "quorate_api_received_bytes_total", _C, "Bytes received from clients over HTTP."),
    Definition("api_read_batch", "quorate_api_read_batch_requests", _H, "Reads that shared one consistency barrier.", (), COUNTS),
    Definition("api_watches", "quorate_api_watches", _G, "Open watches."),
    Definition("api_watch_events", "quorate_api_watch_events_total", _C, "Events sent to watches."),
    Definition("api_streams", "quorate_api_streams", _G, "Open binary streams."),
    Definition("api_stream_requests", "quorate_api_stream_requests_total", _C, "Requests received on binary streams."),
)
REPLICA = (
    Definition("proposals", "quorate_proposals_total", _C, "Commands proposed by this member."),
    Definition("proposals_pending", "quorate_proposals_pending", _G, "Commands proposed and not yet applied."),
    Definition("proposal_batch", "quorate_proposal_batch_commands", _H, "Commands of one log entry.", (), COUNTS),
    Definition("forwards", "quorate_forwards_total", _C, "Commands forwarded to the leader."),
    Definition("reads", "quorate_reads_total", _C, "Groups of reads, by consistency; reads that arrive together are one group.",
               ("consistency",)),
    Definition("read_barrier_seconds", "quorate_read_barrier_duration_seconds", _H, "Time of one quorum round for reads.", (), SECONDS),
    Definition("commit_seconds", "quorate_commit_duration_seconds", _H, "Time from a proposal to its commit.", (), SECONDS),
    Definition("apply_seconds", "quorate_apply_duration_seconds", _H, "Time to apply a batch of entries.", (), SECONDS),
    Definition("commit_index", "quorate_commit_index", _G, "Highest committed index this member knows."),
    Definition("applied_index", "quorate_applied_index", _G, "Highest applied index."),
    Definition("term", "quorate_term", _G, "Current term."),
    Definition("is_leader", "quorate_is_leader", _G, "1 when this member leads."),
    Definition("has_leader", "quorate_has_leader", _G, "1 when this member knows a leader."),
    Definition("leader_changes", "quorate_leader_changes_total", _C, "Changes of leader seen by this member."),
    Definition("elections", "quorate_elections_total", _C, "Elections this member began."),
    Definition("snapshots_sent", "quorate_snapshots_sent_total", _C, "Snapshots sent to members that were behind."),
    Definition("snapshots_installed", "quorate_snapshots_installed_total", _C, "Snapshots installed by this member."),
    Definition("divergences", "quorate_divergences_total", _C, "Times a state hash was found to differ between members."),
    Definition("replica_limit_hits", "quorate_replica_limit_hits_total", _C, "Times a queue was full, by the name of its setting.",
               ("limit",)),
)
MACHINE = (
    Definition("revision", "quorate_revision", _G, "Revision of the store."),
    Definition("compacted_revision", "quorate_compacted_revision", _G, "Highest compacted revision."),
    Definition("leases", "quorate_leases", _G, "Leases that are alive."),
    Definition("sessions", "quorate_sessions", _G, "Client sessions that are alive."),
    Definition("watches_behind", "quorate_watches_behind", _G, "Watches that read history because they are behind."),
    Definition("commands_applied", "quorate_commands_applied_total", _C, "Commands applied, by kind.", ("kind",)),
)
STORE = (
    Definition("fsync_seconds", "quorate_log_fsync_duration_seconds", _H, "Time of one sync of the log.", (), SECONDS),
    Definition("log_written_bytes", "quorate_log_written_bytes_total", _C, "Bytes written to the log."),
    Definition("log_size_bytes", "quorate_log_size_bytes", _G, "Size of the log on disk."),
    Definition("state_size_bytes", "quorate_state_size_bytes", _G, "Size of the state on disk."),
    Definition("disk_free_bytes", "quorate_disk_free_bytes", _G, "Free space of the data directory's file system."),
    Definition("store_backpressure", "quorate_store_backpressure_total", _C, "Writes held back because the database would stall."),
    Definition("no_space", "quorate_store_no_space_total", _C, "Log writes held back for lack of space."),
    Definition("damaged_entries", "quorate_log_damaged_entries_total", _C, "Log entries found damaged."),
    Definition("repaired_entries", "quorate_log_repaired_entries_total", _C, "Damaged log entries repaired from peers."),
)
TRANSPORT = (
    Definition("peer_connected", "quorate_peer_connected", _G, "1 when connected to the peer.", ("peer",)),
    Definition("peer_sent_bytes", "quorate_peer_sent_bytes_total", _C, "Bytes sent to other members."),
    Definition("peer_received_bytes", "quorate_peer_received_bytes_total", _C, "Bytes received from other members."),
    Definition("peer_dropped", "quorate_peer_dropped_messages_total", _C, "Messages to other members that were dropped, by reason.",
               ("reason",)),
    Definition("peer_handshakes_refused", "quorate_peer_handshakes_refused_total", _C, "Handshakes refused, by whom: us or the peer.",
               ("by",)),
    Definition("peer_non_voting_refused", "quorate_peer_non_voting_refused_total", _C,
               "Refused to holders of certificates for members that never vote: handshake, message or request.", ("what",)),
)
PROCESS = (
    Definition("loop_lag_seconds", "quorate_event_loop_lag_seconds", _H, "How late the event loop ran a timer.", (), SECONDS),
    Definition("log_lines_suppressed", "quorate_log_lines_suppressed_total", _C, "Log lines suppressed by the rate limit."),
    Definition("notable_events", "quorate_notable_events_total", _C, "Events written to the operation timeline, by kind.", ("kind",)),
)
METRICS: tuple[Definition, ...] = API + REPLICA + MACHINE + STORE + TRANSPORT + PROCESS
