"""Elections: asking for votes and giving them (Raft 5.2, 5.4.1; pre-vote: Ongaro's thesis 9.6)."""

from __future__ import annotations

from enum import Enum

from quorate_node.protocol.entry import Entry, EntryType
from quorate_node.protocol.message import Message, MessageType
from quorate_node.protocol.quorum import VoteResult
from quorate_node.protocol.raft import lease, transfer
from quorate_node.protocol.raft.core import Core
from quorate_node.protocol.raft.replication import append_entries, broadcast_append
from quorate_node.protocol.raft.trace import TRACE_NAMES
from quorate_node.protocol.ready import Role

SCAN_BYTES_MAX = 1024 * 1024
"""How much of the committed but unapplied log is read at a time when looking for changes of membership."""


class Campaign(Enum):
    PRE_VOTE = 1
    VOTE = 2
    TRANSFER = 3
    """Asked for by the leader: no pre-vote, and voters do not wait for their leader to be silent."""


def start(core: Core) -> None:
    """Ask for votes, or for pre-votes where they are on."""
    hup(core, Campaign.PRE_VOTE if core.config.pre_vote else Campaign.VOTE)


def handle_timeout_now(core: Core, message: Message) -> None:
    """The leader hands over: campaign at once, without pre-vote (thesis 3.10)."""
    core.tracer.info(
        "%x [term %d] received MsgTimeoutNow from %x and starts an election to get leadership.",
        core.id, core.term, message.sender,
    )  # fmt: skip
    hup(core, Campaign.TRANSFER, offered_ms=message.sent_ms)
    if core.config.hand_over_on_removal and core.role is Role.FOLLOWER and _has_unapplied_membership(core):
        # A leader that was removed offers with the same breath that commits its removal: take it up when that is applied.
        core.offered_ms = message.sent_ms


def take_up_offer(core: Core) -> None:
    """More was applied: campaign if the leader of this term asked for it before that was possible."""
    if core.offered_ms is not None and core.role is Role.FOLLOWER and not _has_unapplied_membership(core):
        offered_ms, core.offered_ms = core.offered_ms, None
        hup(core, Campaign.TRANSFER, offered_ms=offered_ms)


def hup(core: Core, campaign: Campaign, *, offered_ms: int = 0) -> None:
    """Campaign if this member may: promotable, no unapplied change of membership, and not promised to another leader."""
    if core.role is Role.LEADER:
        core.tracer.debug("%x ignoring MsgHup because already leader", core.id)
        return
    if not core.is_promotable():
        core.tracer.warning("%x is unpromotable and can not campaign", core.id)
        return
    if _has_unapplied_membership(core):
        core.tracer.warning(
            "%x cannot campaign at term %d since there are still pending configuration changes to apply", core.id, core.term
        )
        return
    context = lease.TRANSFER_CONTEXT if campaign is Campaign.TRANSFER else b""
    if lease.promised_ms(core, context=context, leader_term=core.term, offered_ms=offered_ms) > 0:
        # A vote for itself would break the promise as any other would.
        core.tracer.debug("%x does not campaign at term %d while its read lease promise holds", core.id, core.term)
        return
    core.tracer.info("%x is starting a new election at term %d", core.id, core.term)
    _campaign(core, campaign, context, offered_ms)


def _has_unapplied_membership(core: Core) -> bool:
    log = core.log
    low = log.applied + 1
    while low <= log.committed:
        page = log.slice(low, log.committed + 1, SCAN_BYTES_MAX)
        if any(entry.type in (EntryType.MEMBERSHIP, EntryType.MEMBERSHIP_SIMPLE) for entry in page):
            return True
        low += len(page)
    return False


def _campaign(core: Core, campaign: Campaign, context: bytes, offered_ms: int) -> None:
    core.campaign_countdown = 0
    if campaign is Campaign.PRE_VOTE:
        core.become_pre_candidate()
        # Asked for the next term, which this member does not enter before a quorum would vote for it.
        kind, response, term = MessageType.PRE_VOTE, MessageType.PRE_VOTE_RESPONSE, core.term + 1
    else:
        core.become_candidate()
        kind, response, term = MessageType.VOTE, MessageType.VOTE_RESPONSE, core.term
    last_index = core.log.last_index
    last_term = core.log.last_term()
    for member in sorted(core.tracker.members.voters()):
        if member == core.id:
            # Its own vote counts like any: when it is durable.
            core.send(Message(type=response, to=member, sender=core.id, term=term))
            continue
        core.tracer.info(
            "%x [logterm: %d, index: %d] sent %s request to %x at term %d",
            core.id, last_term, last_index, TRACE_NAMES[kind], member, core.term,
        )  # fmt: skip
        core.send(
            Message(
                type=kind,
                to=member,
                sender=core.id,
                term=term,
                index=last_index,
                log_term=last_term,
                context=context,
                sent_ms=offered_ms,
                priority=core.config.priority,
            )
        )


def handle_vote_response(core: Core, message: Message) -> None:
    """Count a vote or pre-vote for the current candidacy."""
    name = TRACE_NAMES[message.type]
    rejection = " rejection" if message.reject else ""
    core.tracer.info("%x received %s%s from %x at term %d", core.id, name, rejection, message.sender, core.term)
    core.tracker.record_vote(message.sender, not message.reject)
    if core.tracer.listens:
        granted, rejected = core.tracker.tally()
        core.tracer.info("%x has received %d %s votes and %d vote rejections", core.id, granted, name, rejected)
    result = core.tracker.vote_result(core.tracker.votes)
    if message.reject and message.lease_ms > 0:
        _retry_after(core, message.lease_ms)
    if result is VoteResult.WON:
        if core.role is Role.PRE_CANDIDATE:
            hup_after_pre_vote(core)
        else:
            _win(core)
    elif result is VoteResult.LOST:
        countdown = core.campaign_countdown
        # A rejected pre-vote names a term that nobody has entered: keep our own.
        core.become_follower(core.term, 0)
        core.campaign_countdown = countdown


def hup_after_pre_vote(core: Core) -> None:
    """A quorum would vote: ask for real."""
    _campaign(core, Campaign.VOTE, b"", 0)


def _retry_after(core: Core, lease_ms: int) -> None:
    """A voter is still bound by its promise, for `lease_ms`: ask again when it is over, not a whole election timeout later."""
    ticks = max(1, lease_ms // core.config.tick_ms + core.random_ticks(1, core.config.heartbeat_ticks))
    core.campaign_countdown = max(core.campaign_countdown, ticks)


def _win(core: Core) -> None:
    core.become_leader()
    # An entry of its own term lets the leader commit what its predecessors left (Raft 5.4.2, 8).
    appended = append_entries(core, [Entry(0, 0, EntryType.NORMAL, b"")])
    assert appended, "an empty entry is never refused"
    core.tracer.info("%x became leader at term %d", core.id, core.term)
    broadcast_append(core)
    transfer.retire(core)


def handle_vote_request(core: Core, message: Message) -> None:
    """Vote, or not. Learners vote too: they may be voters already and not know it yet."""
    can_vote = (
        core.vote == message.sender
        or (core.vote == 0 and core.leader == 0)
        or (message.type == MessageType.PRE_VOTE and message.term > core.term)
    )
    grant = can_vote and core.log.is_up_to_date(message.index, message.log_term) and not _veto(core, message)
    core.tracer.info(
        "%x [logterm: %d, index: %d, vote: %x] %s %s %s %x [logterm: %d, index: %d] at term %d",
        core.id, core.log.last_term(), core.log.last_index, core.vote,
        "cast" if grant else "rejected", TRACE_NAMES[message.type], "for" if grant else "from",
        message.sender, message.log_term, message.index, core.term,
    )  # fmt: skip
    response = MessageType.PRE_VOTE_RESPONSE if message.type == MessageType.PRE_VOTE else MessageType.VOTE_RESPONSE
    # A grant carries the term that was asked for, which for a pre-vote is ahead of ours; a rejection our own. A member that
    # has no term yet has nothing to reject with: its silence does as well.
    term = message.term if grant else core.term
    if term > 0:
        core.send(Message(type=response, to=message.sender, sender=core.id, term=term, reject=not grant))
    if grant and message.type == MessageType.VOTE:
        core.election_elapsed = 0
        core.vote = message.sender
        core.own_term = 0


def _veto(core: Core, message: Message) -> bool:
    """Refuse a pre-vote to a candidate of lower priority, and campaign instead. Once only until a leader is heard of, so that a
    member which cannot win itself does not keep the others from electing one."""
    if message.type != MessageType.PRE_VOTE or message.priority >= core.config.priority or core.vetoes_left == 0:
        return False
    if not core.is_voter() or not core.is_promotable() or core.role is Role.LEADER:
        return False
    if message.index > core.log.last_index or message.log_term > core.log.last_term():
        return False
    core.vetoes_left -= 1
    if core.role is Role.FOLLOWER and core.campaign_countdown == 0:
        core.campaign_countdown = 1
    return True


def refuse_promised(core: Core, message: Message, remaining_ms: int) -> None:
    """Answer a (pre-)candidate that this member has promised its leader no vote, and for how much longer.

    A vote is not answered, and its term not taken over, like one that a live leader makes unnecessary.
    """
    core.tracer.info(
        "%x [logterm: %d, index: %d, vote: %x] ignored %s from %x [logterm: %d, index: %d] at term %d: "
        "read lease promise holds (remaining: %d ms)",
        core.id, core.log.last_term(), core.log.last_index, core.vote, TRACE_NAMES[message.type], message.sender,
        message.log_term, message.index, core.term, remaining_ms,
    )  # fmt: skip
    if message.type == MessageType.PRE_VOTE and core.term > 0:
        core.send(
            Message(
                type=MessageType.PRE_VOTE_RESPONSE,
                to=message.sender,
                sender=core.id,
                term=core.term,
                reject=True,
                lease_ms=remaining_ms,
            )
        )
