"""Read leases: promises made by followers, counted by the leader (DESIGN decision 14).

A follower's answer promises no vote for `lease_ms` from receipt. The leader counts from when it *sent* what is answered, on
its own clock, less drift: a quorum of live promises means that nobody else can have been elected.
"""

from __future__ import annotations

from quorate_node.protocol.message import Message
from quorate_node.protocol.quorum import INFINITE_INDEX
from quorate_node.protocol.raft.core import Core
from quorate_node.protocol.raft.progress import Progress
from quorate_node.protocol.ready import Role

TRANSFER_CONTEXT = b"CampaignTransfer"
"""Context of votes in a campaign that the leader asked for."""


def promise(core: Core, message: Message) -> int:
    """Promise no vote in answer to the leader's `message`; for how long, in ms."""
    lease_ms = core.config.read_lease_ms
    if lease_ms > 0:
        core.promise.make(core.now_ms, lease_ms, message.term, message.sent_ms)
    return lease_ms


def promised_ms(core: Core, *, context: bytes = b"", leader_term: int = 0, offered_ms: int = 0) -> int:
    """For how long this member must not vote, for others or for itself; 0 when it may.

    `leader_term` and `offered_ms` are those of the leader that asked for a campaign of context TRANSFER_CONTEXT.
    """
    if context == TRANSFER_CONTEXT and core.promise.yields_to(core.now_ms, leader_term, offered_ms):
        return 0
    return core.promise.remaining_ms(core.now_ms)


def record(core: Core, progress: Progress, message: Message) -> None:
    """The leader takes down the promise in an answer; not one for what it sent before it offered its leadership away."""
    if message.lease_ms > 0 and message.sent_ms > core.lease_floor_ms:
        until_ms = message.sent_ms + message.lease_ms - core.config.lease_drift_ms
        progress.lease_until_ms = max(progress.lease_until_ms, until_ms)


def give_up(core: Core) -> None:
    """Leadership is offered to another: from now on none of the promises so far counts, whatever comes of the offer."""
    core.lease_floor_ms = core.now_ms
    for progress in core.tracker.progress.values():
        progress.lease_until_ms = 0


def is_valid(core: Core, now_ms: int) -> bool:
    """Whether this leader may answer reads from its own state at `now_ms`. Ask after the value was read."""
    if core.role is not Role.LEADER or core.transferee or not core.has_committed_in_term():
        return False
    until = {member: progress.lease_until_ms for member, progress in core.tracker.progress.items()}
    until[core.id] = INFINITE_INDEX
    return now_ms < core.tracker.quorum_index(until)
