"""What the passing of time does: elections, heartbeats, checks of the quorum."""

from __future__ import annotations

from quorate_node.protocol.raft import election, leader, transfer
from quorate_node.protocol.raft.core import Core
from quorate_node.protocol.raft.progress import Progress, ProgressEvent, ProgressState
from quorate_node.protocol.raft.replication import broadcast_heartbeat
from quorate_node.protocol.ready import EventKind, Role

BARREN_TERMS_USUAL = 2
"""Terms in a row that nobody led: split votes are seldom more."""
DOUBLINGS_MAX = 3
"""Beyond them every further barren term doubles the election timeout, up to eight of them: where a vote takes longer to be written than
candidates wait, they would outbid each other for ever. A leader that is heard of ends it."""
STAND_IN_PATIENCE = 4
"""Election timeouts that a member without a vote leaves to the voters before it stands in for them."""


def tick(core: Core) -> None:
    if core.role is Role.LEADER:
        _tick_leader(core)
    else:
        _tick_election(core)


def _tick_election(core: Core) -> None:
    core.election_elapsed += 1
    barren_terms = max(0, core.term - core.led_term - BARREN_TERMS_USUAL)
    patience = (1 if core.is_voter() else STAND_IN_PATIENCE) << min(barren_terms, DOUBLINGS_MAX)
    due = core.election_elapsed >= core.randomized_election_ticks * patience
    bound = core.promise.remaining_ms(core.now_ms) > 0
    if core.campaign_countdown > 0 and not bound:
        # Only then: promises to a dead leader end together, and what keeps its followers' votes apart must begin after that.
        core.campaign_countdown -= 1
        due = due or core.campaign_countdown == 0
    if due and core.is_promotable():
        if bound:
            # Due, but bound: campaign with the first tick after the promise.
            core.campaign_countdown = max(1, core.campaign_countdown)
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
    if not transferring and core.is_voter():
        transfer.hand_over_by_priority(core)
    leader.check_quorum(core)
    if core.role is not Role.LEADER:
        return
    if transferring:
        # Not taken within an election timeout: it leads on.
        transfer.abort(core)
    transfer.retire(core)
    if core.tracker.members.is_joint() and core.log.applied >= core.pending_membership_index:
        core.emit(EventKind.LEAVE_JOINT_DUE)
    for member, progress in core.tracker.progress.items():
        progress.promotion_announced = False
        leader.announce_promotion(core, member, progress)
        if progress.state is ProgressState.SNAPSHOT:
            _retry_snapshot(core, progress)


def _retry_snapshot(core: Core, progress: Progress) -> None:
    """The snapshot, or the word of it, may be lost, and nobody may know: then the member would wait for ever."""
    progress.snapshot_ticks += core.config.election_ticks
    if 0 < core.config.snapshot_retry_ticks <= progress.snapshot_ticks:
        progress.handle(ProgressEvent.SNAPSHOT_FAILED)
        # Not at once: the answer to a heartbeat shows that the member lives, and sends it what it needs by then.
        progress.paused = True


def suspect(core: Core, delay_ticks: int) -> None:
    """The leader's process is gone: forget it and ask for pre-votes after `delay_ticks`, but keep every promise made to it."""
    if core.role is not Role.FOLLOWER or not core.leader:
        return
    core.tracer.info("%x suspects leader %x at term %d", core.id, core.leader, core.term)
    core.leader = 0
    core.campaign_countdown = max(1, delay_ticks)
