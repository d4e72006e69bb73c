"""What the transport counts. Plain numbers: telemetry reads them, nothing here knows of metrics."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class TransportCounters:
    """Totals since the start."""

    frames_sent: int = 0
    frames_received: int = 0
    bytes_sent: int = 0
    """Frame bytes as written, after compression, without WebSocket and TLS headers."""
    bytes_received: int = 0
    messages_sent: int = 0
    messages_received: int = 0
    dropped_disconnected: int = 0
    dropped_queue_full: int = 0
    dropped_oversize: int = 0
    dropped_unknown_peer: int = 0
    dials: int = 0
    dials_failed: int = 0
    connections: int = 0
    """Dialled connections that finished their handshake."""
    accepted: int = 0
    accepted_over_limit: int = 0
    refused_by_us: int = 0
    refused_by_peer: int = 0
    faults: int = 0
    """Connections closed because the peer broke the protocol."""
    write_stalls: int = 0
    idle_timeouts: int = 0
    deaths: int = 0
    requests_sent: int = 0
    requests_served: int = 0
    requests_over_limit: int = 0
    requests_timed_out: int = 0
    non_voting_handshakes: int = 0
    """With the two below: refused to holders of certificates for members that never vote."""
    non_voting_messages: int = 0
    non_voting_requests: int = 0


@dataclass(frozen=True, slots=True)
class LinkStatus:
    """One dialled connection, as status and metrics show it."""

    member_id: int
    url: str
    connection_class: str
    connected: bool
    queued_messages: int
    queued_bytes: int
    reconnects: int
    last_error: str
    """Why it is not connected, or was lost last; empty when nothing ever went wrong."""
