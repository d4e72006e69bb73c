"""Raft as a pure state machine. Transition rules follow etcd's Raft, whose golden traces check them; see docs/raft.md."""

from quorate_node.protocol.raft.config import RaftConfig
from quorate_node.protocol.raft.errors import (
    DropReason,
    InvariantBroken,
    MembershipRefused,
    ProposalDropped,
    RaftError,
    ReadDropped,
)
from quorate_node.protocol.raft.log_view import Compacted, LogView, Unavailable
from quorate_node.protocol.raft.membership_entry import decode_change, encode_change
from quorate_node.protocol.raft.progress import ProgressState
from quorate_node.protocol.raft.raft import Raft
from quorate_node.protocol.raft.status import ProgressStatus, RaftStatus
from quorate_node.protocol.raft.trace import Trace, TraceLevel

__all__ = [
    "Compacted",
    "DropReason",
    "InvariantBroken",
    "LogView",
    "MembershipRefused",
    "ProgressState",
    "ProgressStatus",
    "ProposalDropped",
    "Raft",
    "RaftConfig",
    "RaftError",
    "RaftStatus",
    "ReadDropped",
    "Trace",
    "TraceLevel",
    "Unavailable",
    "decode_change",
    "encode_change",
]
