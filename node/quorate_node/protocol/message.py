"""Messages between members. One struct for all kinds, as etcd has it, so that its golden traces map one to one. Pure plain data."""

from __future__ import annotations

from enum import IntEnum

import msgspec

from quorate_node.protocol.entry import Entry
from quorate_node.protocol.membership import Configuration


class MessageType(IntEnum):
    """Kinds that cross the wire between members. Local inputs are methods, not messages."""

    APPEND = 1
    APPEND_RESPONSE = 2
    VOTE = 3
    VOTE_RESPONSE = 4
    PRE_VOTE = 5
    PRE_VOTE_RESPONSE = 6
    HEARTBEAT = 7
    HEARTBEAT_RESPONSE = 8
    SNAPSHOT = 9
    TIMEOUT_NOW = 10
    READ_INDEX = 11
    READ_INDEX_RESPONSE = 12
    TRANSFER_LEADER = 13
    PROPOSE = 14
    """Only in the golden traces: members forward commands above the protocol, where sessions make a retry safe."""
    SNAPSHOT_STATUS = 15
    UNREACHABLE = 16
    FORGET_LEADER = 17


class SnapshotMetadata(msgspec.Struct, array_like=True, gc=False, frozen=True):
    """Names a snapshot; its bytes travel beside the protocol. `chain` is the chain hash at `index`."""

    index: int
    term: int
    configuration: Configuration
    chain: bytes = b""


class Message(msgspec.Struct, array_like=True, gc=False):
    type: int
    to: int
    sender: int
    term: int = 0
    log_term: int = 0
    index: int = 0
    commit: int = 0
    entries: list[Entry] = []
    reject: bool = False
    reject_hint: int = 0
    context: bytes = b""
    snapshot: SnapshotMetadata | None = None
    vote: int = 0
    sent_ms: int = 0
    """Heartbeats and appends: the leader's own clock at sending; the response echoes it (DESIGN decision 14)."""
    lease_ms: int = 0
    """Responses: for so long from receipt the sender promises no vote; 0 promises nothing."""
    priority: int = 0
    """Votes: the candidate's election priority."""
