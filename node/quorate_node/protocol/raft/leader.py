"""What a leader does with answers and reports."""

from __future__ import annotations

from quorate_node.protocol.message import Message, MessageType
from quorate_node.protocol.raft import lease, reads, transfer
from quorate_node.protocol.raft.core import Core
from quorate_node.protocol.raft.progress import Progress, ProgressEvent, ProgressState
from quorate_node.protocol.raft.replication import append_to_witnesses, broadcast_append, maybe_commit, send_append
from quorate_node.protocol.ready import EventKind


def _progress(core: Core, member_id: int) -> Progress | None:
    progress = core.tracker.progress.get(member_id)
    if progress is None:
        core.tracer.debug("%x no progress available for %x", core.id, member_id)
    return progress


def handle_append_response(core: Core, message: Message) -> None:
    progress = _progress(core, message.sender)
    if progress is None:
        return
    progress.recent_active = True
    lease.record(core, progress, message)
    if message.reject:
        _step_back(core, progress, message)
    else:
        _acknowledge(core, progress, message)


def _step_back(core: Core, progress: Progress, message: Message) -> None:
    """The logs differ before what was sent: probe again, further back.

    The answer hints at (index, term) where the member's log may agree. All of our entries above that with a higher term
    cannot match, because terms only rise along a log: skip them, so that there is at most one probe a term.
    """
    core.tracer.debug(
        "%x received MsgAppResp(rejected, hint: (index %d, term %d)) from %x for index %d",
        core.id, message.reject_hint, message.log_term, message.sender, message.index,
    )  # fmt: skip
    hint = message.reject_hint
    if message.log_term > 0:
        hint, _ = core.log.find_conflict_by_term(hint, message.log_term)
    if progress.step_back(message.index, hint):
        core.tracer.debug("%x decreased progress of %x to [%s]", core.id, message.sender, progress)
        progress.handle(ProgressEvent.REJECTED)
        send_append(core, message.sender)


def _acknowledge(core: Core, progress: Progress, message: Message) -> None:
    sender = message.sender
    if message.index > core.log.last_index:
        # Another cluster's, or this leader's log was lost: counting it would commit what does not exist.
        core.tracer.error("%x ignored an acknowledgement of index %d beyond its log by %x", core.id, message.index, sender)
        return
    recovered = progress.match == message.index and progress.state is ProgressState.PROBE
    if progress.match <= core.log.committed < message.index:
        core.tracker.ahead += 1
    if not progress.acknowledge(message.index) and not recovered:
        return
    if progress.state is ProgressState.SNAPSHOT:
        # Whatever snapshot it took and from whom: when the log goes on from there, so does replication.
        if progress.match + 1 >= core.log.first_index():
            core.tracer.debug(
                "%x recovered from needing snapshot, resumed sending replication messages to %x [%s]", core.id, sender, progress
            )
            progress.handle(ProgressEvent.RECONNECTED)
    elif not progress.handle(ProgressEvent.ACKNOWLEDGED):
        progress.inflights.free_up_to(message.index)

    if core.tracker.may_commit() and maybe_commit(core):
        reads.release_waiting(core)
        broadcast_append(core, if_empty=core.config.commit_eagerly)
    elif sender != core.id and progress.can_bump_commit(core.log.committed):
        send_append(core, sender, if_empty=core.config.commit_eagerly)
    if sender != core.id:
        while send_append(core, sender, if_empty=False):
            pass
    if core.tracker.members.witnesses and sender not in core.tracker.members.witnesses:
        append_to_witnesses(core)
    transfer.continue_when_caught_up(core, sender, progress.match)
    announce_promotion(core, sender, progress)


def announce_promotion(core: Core, member_id: int, progress: Progress) -> None:
    """A learner that has caught up is due for promotion. Told again once an election timeout while it stays a learner."""
    if not progress.is_learner or progress.promotion_announced or progress.state is not ProgressState.REPLICATE:
        return
    if core.log.last_index - progress.match <= core.config.promotion_lag_entries:
        progress.promotion_announced = True
        core.emit(EventKind.PROMOTION_DUE, member_id)


def handle_heartbeat_response(core: Core, message: Message) -> None:
    """The member lives: resume a probe or a full window, and confirm reads."""
    progress = _progress(core, message.sender)
    if progress is None:
        return
    progress.recent_active = True
    progress.paused = False
    lease.record(core, progress, message)
    if progress.match < core.log.last_index or progress.state is ProgressState.PROBE:
        send_append(core, message.sender)
    announce_promotion(core, message.sender, progress)
    reads.acknowledge(core, message)


def handle_snapshot_status(core: Core, message: Message) -> None:
    """The outcome of a snapshot's transfer, by its receiver or by whoever carried it."""
    progress = _progress(core, message.sender)
    if progress is None:
        return
    event = ProgressEvent.SNAPSHOT_FAILED if message.reject else ProgressEvent.SNAPSHOT_DONE
    if not progress.handle(event):
        return
    outcome = "failed" if message.reject else "succeeded"
    core.tracer.debug(
        "%x snapshot %s, resumed sending replication messages to %x [%s]", core.id, outcome, message.sender, progress
    )
    # Its acknowledgement comes by itself; after a failure the next heartbeat's answer begins another attempt.
    progress.paused = True


def handle_unreachable(core: Core, message: Message) -> None:
    """A message to it was dropped: what was sent optimistically is likely lost."""
    progress = _progress(core, message.sender)
    if progress is None:
        return
    progress.handle(ProgressEvent.UNREACHABLE)
    core.tracer.debug(
        "%x failed to send message to %x because it is unreachable [%s]", core.id, message.sender, progress
    )


def check_quorum(core: Core) -> None:
    """Once an election timeout: a leader that does not hear from a quorum stops leading, so that its clients look elsewhere. Who is heard
    is counted anew in any case: whether a member is there is asked by others too."""
    if core.config.check_quorum and not core.tracker.quorum_active():
        core.tracer.warning("%x stepped down to follower since quorum is not active", core.id)
        core.become_follower(core.term, 0)
    for member, progress in core.tracker.progress.items():
        if member != core.id:
            progress.recent_active = False


def note_stale_leader(core: Core, message: Message) -> None:
    """A leader of an earlier term still sends: answer, so that it learns of this term and steps down (thesis 9.6)."""
    core.send(Message(type=MessageType.APPEND_RESPONSE, to=message.sender, sender=core.id))
