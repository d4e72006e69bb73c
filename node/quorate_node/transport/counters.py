"""What the transport counts. Plain numbers: telemetry reads them, nothing here knows of metrics."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from enum import StrEnum

from quorate_node.crypto.epochs.opened import RecoveryReason


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
    dropped_not_sealed: int = 0
    """A key had sealed all that it may, or this member has just left its group."""
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


class UnsealedReason(StrEnum):
    """Why messages left under TLS alone: what the keyring says, or the connection."""

    NO_EPOCH = RecoveryReason.NO_EPOCH.value
    NOT_A_MEMBER = RecoveryReason.NOT_A_MEMBER.value
    NOT_ANNOUNCED = RecoveryReason.NOT_ANNOUNCED.value
    STEPS_SPENT = RecoveryReason.STEPS_SPENT.value
    NOT_OFFERED = "the peer's release or its keyring offered no sealing in the handshake"
    UNANSWERED = "nothing has come yet from the peer that dialled"


@dataclass(slots=True)
class SealingCounters:
    """What the transport knows of sealed frames beyond the keyring's own counters (`crypto.epochs.counters`)."""

    connections_sealing: int = 0
    """Connections, either way, whose ends agreed to seal."""
    connections_unsealed: int = 0
    connections_refused: int = 0
    """Those that this member's keyring did not take; they are of the recovery class, or dialled again."""
    announcements_sent: int = 0
    """Beside those of handshakes."""
    unsealed: Counter[UnsealedReason] = field(default_factory=Counter)
    """Messages and requests that left under TLS alone, by reason."""
    received_unsealed: int = 0
    """Frames of connections on which the peer offered no sealing."""
    refused: Counter[str] = field(default_factory=Counter)
    """Frames that did not open, and announcements that were not taken, by the name of the error."""


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
