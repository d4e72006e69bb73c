"""What the passing of time does: elections, heartbeats, checks of the quorum."""

from __future__ import annotations

from quorate_node.protocol.raft import election, leader, transfer
from quorate_node.protocol.raft.core import Core
from quorate_node.protocol.raft.replication import broadcast_heartbeat
from quorate_node.protocol.ready import EventKind, Role


def tick(core: Core) -> None:
    if core.role is Role.LEADER:
        _tick_leader(core)
    else:
        _tick_election(core)


def _tick_election(core: Core) -> None:
    core.election_elapsed += 1
    due = core.election_elapsed >= core.randomized_election_ticks
    if core.campaign_countdown > 0:
        core.campaign_countdown -= 1
        due = due or core.campaign_countdown == 0
    if due and core.is_promotable():
        if core.promise.remaining_ms(core.now_ms) > 0:
            # Due, but bound: campaign with the first tick after the promise.
            core.campaign_countdown = 1
            return
        core.election_elapsed = 0
        election.start(core)


def _tick_leader(core: Core) -> None:
    core.heartbeat_elapsed += 1
    core.election_elapsed += 1
    if core.election_elapsed >= core.config.election_ticks:
        core.election_elapsed = 0
        _check_leadership(core)
    if core.role is Role.LEADER and core.heartbeat_elapsed >= core.config.heartbeat_ticks:
        core.heartbeat_elapsed = 0
        broadcast_heartbeat(core)


def _check_leadership(core: Core) -> None:
    """Once an election timeout: still a quorum, a transfer given up, and what the driver should be reminded of."""
    transferring = core.transferee
    if not transferring:
        transfer.hand_over_by_priority(core)
    if core.config.check_quorum:
        leader.check_quorum(core)
    if core.role is not Role.LEADER:
        return
    if transferring:
        # Not taken within an election timeout: it leads on.
        transfer.abort(core)
    if core.tracker.members.is_joint() and core.log.applied >= core.pending_membership_index:
        core.emit(EventKind.LEAVE_JOINT_DUE)
    for member, progress in core.tracker.progress.items():
        progress.promotion_announced = False
        leader.announce_promotion(core, member, progress)


def suspect(core: Core, delay_ticks: int) -> None:
    """The leader's process is gone: forget it and ask for pre-votes after `delay_ticks`, but keep every promise made to it."""
    if core.role is not Role.FOLLOWER or not core.leader:
        return
    core.tracer.info("%x suspects leader %x at term %d", core.id, core.leader, core.term)
    core.leader = 0
    core.campaign_countdown = max(1, delay_ticks)
