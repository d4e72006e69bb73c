"""The trace: one event a line, and what the specification holds each member to be, which is all that a restart may find again."""

from __future__ import annotations

from typing import IO, Any

import msgspec

from quorate_node.protocol.message import Message, MessageType
from quorate_node.protocol.raft.trace import TRACE_NAMES
from quorate_node.protocol.ready import Role

EVENTS = (
    "InitState",
    "BecomeCandidate",
    "BecomeFollower",
    "BecomeLeader",
    "Commit",
    "Replicate",
    "ChangeConf",
    "ApplyConfChange",
    "Ready",
    "SendAppendEntriesRequest",
    "ReceiveAppendEntriesRequest",
    "SendAppendEntriesResponse",
    "ReceiveAppendEntriesResponse",
    "SendRequestVoteRequest",
    "ReceiveRequestVoteRequest",
    "SendRequestVoteResponse",
    "ReceiveRequestVoteResponse",
    "SendSnapshot",
    "ReceiveSnapshot",
)
"""The kinds that etcd names. Its code sends and receives snapshots as AppendEntries, and so the last two never come; nor do they here."""
MESSAGES = {
    MessageType.APPEND: "AppendEntriesRequest",
    MessageType.HEARTBEAT: "AppendEntriesRequest",
    MessageType.SNAPSHOT: "AppendEntriesRequest",
    MessageType.APPEND_RESPONSE: "AppendEntriesResponse",
    MessageType.HEARTBEAT_RESPONSE: "AppendEntriesResponse",
    MessageType.VOTE: "RequestVoteRequest",
    MessageType.VOTE_RESPONSE: "RequestVoteResponse",
}
"""Those that the specification knows; pre-votes, reads and transfers are none of its business."""
ROLES = {
    Role.FOLLOWER: "StateFollower",
    Role.PRE_CANDIDATE: "StateFollower",
    Role.CANDIDATE: "StateCandidate",
    Role.LEADER: "StateLeader",
}
"""Whoever only asks whether it would be elected follows, as far as the specification is concerned."""


class Durable(msgspec.Struct, frozen=True):
    """Of one member, when it was last said to be on disk."""

    term: int = 0
    vote: int = 0
    last_index: int = 0
    commit: int = 0
    voters: tuple[int, ...] = ()


class TraceFile:
    def __init__(self, lines: IO[str]) -> None:
        self.count = 0
        self.stopped = ""
        """Why no more is written: what happened is nothing that the specification has. Empty while it goes on."""
        self.durable: dict[int, Durable] = {}
        self._lines = lines

    def stop(self, reason: str) -> None:
        self.stopped = self.stopped or reason

    def write(self, event: dict[str, Any]) -> None:
        if not self.stopped:
            self.count += 1
            self._lines.write(msgspec.json.encode({"tag": "trace", "event": event}).decode() + "\n")


def told(message: Message, *, reject: bool) -> dict[str, Any]:
    """A message as etcd's trace has it. An append's commit index is what the receiver can take from it; etcd's receiver and ours
    use no more of it."""
    entries, index, log_term, commit = len(message.entries), message.index, message.log_term, message.commit
    if message.type == MessageType.SNAPSHOT:
        entries, index, log_term = message.snapshot.index if message.snapshot is not None else 0, 0, 0
    elif message.type == MessageType.APPEND:
        commit = min(commit, index + entries)
    return {
        "type": TRACE_NAMES[message.type],
        "term": message.term,
        "from": str(message.sender),
        "to": str(message.to),
        "entries": entries,
        "logTerm": log_term,
        "index": index,
        "commit": commit,
        "vote": str(message.vote),
        "reject": reject,
        "rejectHint": message.reject_hint,
    }
