"""What a member says of itself. A copy: it does not change afterwards."""

from __future__ import annotations

from dataclasses import dataclass

from quorate_node.protocol.membership import Configuration
from quorate_node.protocol.raft.core import Core
from quorate_node.protocol.raft.progress import ProgressState
from quorate_node.protocol.ready import Role


@dataclass(frozen=True, slots=True)
class ProgressStatus:
    match: int
    next: int
    state: ProgressState
    recent_active: bool
    is_learner: bool
    is_paused: bool
    lag: int
    """Entries of the leader that the member is not known to hold."""
    pending_snapshot: int
    inflight_messages: int


@dataclass(frozen=True, slots=True)
class RaftStatus:
    id: int
    term: int
    vote: int
    lead: int
    """0 when no leader is known."""
    role: Role
    commit_index: int
    applied_index: int
    first_index: int
    last_index: int
    configuration: Configuration
    progress: dict[int, ProgressStatus]
    """Of every member, by id; empty except on the leader."""
    lead_transferee: int
    pending_membership: bool
    """A change of membership may be in the log and not applied yet."""
    uncommitted_bytes: int


def status_of(core: Core) -> RaftStatus:
    log = core.log
    progress = {}
    if core.role is Role.LEADER:
        for member, known in core.tracker.progress.items():
            progress[member] = ProgressStatus(
                match=known.match,
                next=known.next,
                state=known.state,
                recent_active=known.recent_active,
                is_learner=known.is_learner,
                is_paused=known.is_paused(),
                lag=log.last_index - known.match,
                pending_snapshot=known.pending_snapshot,
                inflight_messages=len(known.inflights),
            )
    return RaftStatus(
        id=core.id,
        term=core.term,
        vote=core.vote,
        lead=core.leader,
        role=core.role,
        commit_index=log.committed,
        applied_index=log.applied,
        first_index=log.first_index(),
        last_index=log.last_index,
        configuration=core.tracker.members.configuration(),
        progress=progress,
        lead_transferee=core.transferee,
        pending_membership=core.pending_membership_index > log.applied,
        uncommitted_bytes=core.uncommitted_bytes,
    )
