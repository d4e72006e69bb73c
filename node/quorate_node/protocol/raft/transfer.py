"""Handing leadership over, by request or to a member of higher priority (Ongaro's thesis 3.10)."""

from __future__ import annotations

from quorate_node.protocol.message import Message, MessageType
from quorate_node.protocol.raft import lease
from quorate_node.protocol.raft.core import Core
from quorate_node.protocol.raft.progress import ProgressState
from quorate_node.protocol.raft.replication import send_append
from quorate_node.protocol.ready import EventKind, Role

HAND_OVER_BACKOFF_MAX = 64
"""Election timeouts between attempts to hand over to a member that keeps not taking it."""


def request(core: Core, to: int) -> None:
    """Hand leadership to `to`; on a follower, pass the wish on to the leader. Nothing happens where it cannot be done."""
    if core.role is Role.LEADER:
        begin(core, to)
    elif core.role is Role.FOLLOWER:
        forward(core, to)


def handle_request(core: Core, message: Message) -> None:
    begin(core, message.index)


def handle_forwarded(core: Core, message: Message) -> None:
    forward(core, message.index)


def forward(core: Core, to: int) -> None:
    if not core.leader:
        core.tracer.info("%x no leader at term %d; dropping leader transfer msg", core.id, core.term)
        return
    core.send(Message(type=MessageType.TRANSFER_LEADER, to=core.leader, sender=core.id, index=to))


def begin(core: Core, to: int) -> None:
    """Stop accepting proposals, bring `to` up to date, then tell it to campaign. Given up after an election timeout."""
    tracer = core.tracer
    progress = core.tracker.progress.get(to)
    if progress is None:
        tracer.debug("%x no progress available for %x", core.id, to)
        return
    if progress.is_learner:
        tracer.debug("%x is learner. Ignored transferring leadership", core.id)
        return
    if to in core.tracker.members.witnesses:
        tracer.debug("%x is a witness. Ignored transferring leadership", to)
        return
    if core.transferee:
        if core.transferee == to:
            tracer.info(
                "%x [term %d] transfer leadership to %x is in progress, ignores request to same node %x",
                core.id, core.term, to, to,
            )  # fmt: skip
            return
        previous = core.transferee
        abort(core)
        tracer.info("%x [term %d] abort previous transferring leadership to %x", core.id, core.term, previous)
    if to == core.id:
        tracer.debug("%x is already leader. Ignored transferring leadership to self", core.id)
        return
    tracer.info("%x [term %d] starts to transfer leadership to %x", core.id, core.term, to)
    core.election_elapsed = 0
    core.transferee = to
    if progress.match == core.log.last_index:
        send_timeout_now(core, to)
        tracer.info("%x sends MsgTimeoutNow to %x immediately as %x already has up-to-date log", core.id, to, to)
    else:
        send_append(core, to)


def repeat(core: Core) -> None:
    """Offer again to the member that is to lead: the first offer was lost, or met a promise that has ended since."""
    if core.role is Role.LEADER and core.transferee:
        continue_when_caught_up(core, core.transferee, core.tracker.progress[core.transferee].match)


def send_timeout_now(core: Core, to: int) -> None:
    # The lease goes first: whoever wins by this offer overrides the promises made so far.
    lease.give_up(core)
    core.send(Message(type=MessageType.TIMEOUT_NOW, to=to, sender=core.id, sent_ms=core.now_ms))


def abort(core: Core) -> None:
    """Lead on. A campaign that the offer started may still win: then this leader steps down as before any newer term."""
    assert core.transferee
    transferee, core.transferee = core.transferee, 0
    core.emit(EventKind.TRANSFER_ABORTED, transferee)


def continue_when_caught_up(core: Core, member_id: int, match: int) -> None:
    """The member that is to lead has acknowledged everything: it may campaign."""
    if member_id == core.transferee and match == core.log.last_index:
        core.tracer.info("%x sent MsgTimeoutNow to %x after received MsgAppResp", core.id, member_id)
        send_timeout_now(core, member_id)


def retire(core: Core) -> None:
    """A leader without a vote hands over to the voter that is furthest. Tried again once an election timeout."""
    if core.is_voter() or core.transferee or not core.config.hand_over_on_removal:
        return
    best = 0
    best_match = -1
    for member in sorted(core.tracker.members.incoming - core.tracker.members.witnesses):
        progress = core.tracker.progress[member]
        if progress.match > best_match and progress.state is not ProgressState.SNAPSHOT:
            best, best_match = member, progress.match
    if best:
        begin(core, best)


def hand_over_by_priority(core: Core) -> None:
    """Once an election timeout: hand over to a live, caught-up voter of higher priority. Less and less often while it fails."""
    target = _better_leader(core)
    if target == 0:
        core.hand_over_wait = 0
        core.hand_over_backoff = 1
        return
    if core.hand_over_wait > 0:
        core.hand_over_wait -= 1
        return
    core.hand_over_wait = core.hand_over_backoff
    core.hand_over_backoff = min(core.hand_over_backoff * 2, HAND_OVER_BACKOFF_MAX)
    begin(core, target)


def _better_leader(core: Core) -> int:
    if core.transferee or core.tracker.members.is_joint():
        return 0
    best = 0
    best_priority = core.config.priority
    for member in sorted(core.tracker.members.incoming - core.tracker.members.witnesses):
        priority = core.priorities.get(member, 0)
        progress = core.tracker.progress[member]
        if priority <= best_priority or not progress.recent_active or progress.state is not ProgressState.REPLICATE:
            continue
        if core.log.last_index - progress.match <= core.config.promotion_lag_entries:
            best, best_priority = member, priority
    return best
