"""Which rule a message meets: first its term, then the table of (role, type).

What the table does not list is ignored. docs/raft.md shows it.
"""

from __future__ import annotations

from collections.abc import Callable

from quorate_node.protocol.message import Message, MessageType
from quorate_node.protocol.raft import election, follower, leader, lease, proposals, reads, transfer
from quorate_node.protocol.raft.core import Core
from quorate_node.protocol.raft.trace import TRACE_NAMES
from quorate_node.protocol.ready import Role

Handler = Callable[[Core, Message], None]


def ignore_timeout_now(core: Core, message: Message) -> None:
    """It campaigns already."""
    core.tracer.debug(
        "%x [term %d state %s] ignored MsgTimeoutNow from %x", core.id, core.term, ROLE_NAMES[core.role], message.sender
    )


ROLE_NAMES: dict[Role, str] = {
    Role.FOLLOWER: "StateFollower",
    Role.CANDIDATE: "StateCandidate",
    Role.LEADER: "StateLeader",
    Role.PRE_CANDIDATE: "StatePreCandidate",
}

_CANDIDATES: dict[MessageType, Handler] = {
    MessageType.APPEND: follower.follow_and_append,
    MessageType.HEARTBEAT: follower.follow_and_heartbeat,
    MessageType.SNAPSHOT: follower.follow_and_snapshot,
    MessageType.TIMEOUT_NOW: ignore_timeout_now,
    MessageType.PROPOSE: proposals.handle_proposal,
}
_ALL: dict[MessageType, Handler] = {
    MessageType.VOTE: election.handle_vote_request,
    MessageType.PRE_VOTE: election.handle_vote_request,
}

RULES: dict[Role, dict[MessageType, Handler]] = {
    Role.FOLLOWER: _ALL
    | {
        MessageType.APPEND: follower.handle_append,
        MessageType.HEARTBEAT: follower.handle_heartbeat,
        MessageType.SNAPSHOT: follower.handle_snapshot,
        MessageType.TIMEOUT_NOW: election.handle_timeout_now,
        MessageType.TRANSFER_LEADER: transfer.handle_forwarded,
        MessageType.READ_INDEX_RESPONSE: reads.handle_response,
        MessageType.PROPOSE: proposals.handle_proposal,
    },
    Role.PRE_CANDIDATE: _ALL | _CANDIDATES | {MessageType.PRE_VOTE_RESPONSE: election.handle_vote_response},
    Role.CANDIDATE: _ALL | _CANDIDATES | {MessageType.VOTE_RESPONSE: election.handle_vote_response},
    Role.LEADER: _ALL
    | {
        MessageType.APPEND_RESPONSE: leader.handle_append_response,
        MessageType.HEARTBEAT_RESPONSE: leader.handle_heartbeat_response,
        MessageType.SNAPSHOT_STATUS: leader.handle_snapshot_status,
        MessageType.UNREACHABLE: leader.handle_unreachable,
        MessageType.TRANSFER_LEADER: transfer.handle_request,
        MessageType.READ_INDEX: reads.handle_request,
        MessageType.PROPOSE: proposals.handle_proposal,
    },
}

_RESPONSES = frozenset(
    (
        MessageType.APPEND_RESPONSE,
        MessageType.VOTE_RESPONSE,
        MessageType.PRE_VOTE_RESPONSE,
        MessageType.HEARTBEAT_RESPONSE,
        MessageType.READ_INDEX_RESPONSE,
    )
)
_VOTE_REQUESTS = frozenset((MessageType.VOTE, MessageType.PRE_VOTE))
_FROM_LEADER = frozenset((MessageType.APPEND, MessageType.HEARTBEAT, MessageType.SNAPSHOT))
_WITHOUT_TERM = frozenset(
    (MessageType.PROPOSE, MessageType.READ_INDEX, MessageType.SNAPSHOT_STATUS, MessageType.UNREACHABLE)
)


def step(core: Core, message: Message) -> None:
    """Take in one message. Raises `ProposalDropped` for a forwarded proposal, `InvariantBroken` when the member must stop."""
    kind = message.type
    if kind in _RESPONSES and message.sender != core.id and message.sender not in core.tracker.progress:
        # From before it was removed, or not of this cluster: nothing here depends on it.
        return
    term = message.term
    if kind in _VOTE_REQUESTS and term >= core.term and _is_bound(core, message):
        return
    if term > core.term:
        _enter_term(core, message)
    elif term < core.term and not (term == 0 and kind in _WITHOUT_TERM):
        _answer_old_term(core, message)
        return
    handler = RULES[core.role].get(kind)  # type: ignore[call-overload]
    if handler is not None:
        handler(core, message)


def _is_bound(core: Core, message: Message) -> bool:
    """Whether this member may not even consider a vote: its leader is alive as far as it knows, or it promised none."""
    forced = message.context == lease.TRANSFER_CONTEXT
    if message.term > core.term and core.config.check_quorum and core.leader and not forced:
        remaining = core.config.election_ticks - core.election_elapsed
        if remaining > 0:
            core.tracer.info(
                "%x [logterm: %d, index: %d, vote: %x] ignored %s from %x [logterm: %d, index: %d] at term %d: "
                "lease is not expired (remaining ticks: %d)",
                core.id, core.log.last_term(), core.log.last_index, core.vote, TRACE_NAMES[message.type], message.sender,
                message.log_term, message.index, core.term, remaining,
            )  # fmt: skip
            return True
    if message.term == core.term and core.vote == message.sender:
        # It has this member's vote already: saying so again promises nothing new.
        return False
    promised_ms = lease.promised_ms(
        core, context=message.context, leader_term=message.term - 1, offered_ms=message.sent_ms
    )
    if promised_ms == 0:
        return False
    election.refuse_promised(core, message, promised_ms)
    return True


def _enter_term(core: Core, message: Message) -> None:
    """A newer term ends ours, except for pre-votes, which are about a term that nobody has entered yet."""
    kind = message.type
    if kind == MessageType.PRE_VOTE or (kind == MessageType.PRE_VOTE_RESPONSE and not message.reject):
        return
    core.tracer.info(
        "%x [term: %d] received a %s message with higher term from %x [term: %d]",
        core.id, core.term, TRACE_NAMES[kind], message.sender, message.term,
    )  # fmt: skip
    elapsed = core.election_elapsed if kind == MessageType.VOTE and core.role is Role.FOLLOWER else 0
    core.become_follower(message.term, message.sender if kind in _FROM_LEADER else 0)
    # Only who is granted the vote puts off our own campaign (Raft 5.2): a candidate whose log is too old for anybody's vote, and whose
    # timeout is the shortest by its priority, would else keep those from campaigning who can win.
    core.election_elapsed = elapsed


def _answer_old_term(core: Core, message: Message) -> None:
    kind = message.type
    if (core.config.check_quorum or core.config.pre_vote) and kind in (MessageType.HEARTBEAT, MessageType.APPEND):
        # This member may be ahead in term by a campaign while cut off, and its votes are ignored now: the leader has to
        # learn of the term, or this member would stay out for ever.
        leader.note_stale_leader(core, message)
    elif kind == MessageType.PRE_VOTE:
        # Candidates with an older term and a longer log must hear of ours, or two sides could deadlock.
        core.tracer.info(
            "%x [logterm: %d, index: %d, vote: %x] rejected %s from %x [logterm: %d, index: %d] at term %d",
            core.id, core.log.last_term(), core.log.last_index, core.vote, TRACE_NAMES[kind], message.sender,
            message.log_term, message.index, core.term,
        )  # fmt: skip
        core.send(
            Message(
                type=MessageType.PRE_VOTE_RESPONSE, to=message.sender, sender=core.id, term=core.term, reject=True
            )
        )
    else:
        core.tracer.info(
            "%x [term: %d] ignored a %s message with lower term from %x [term: %d]",
            core.id, core.term, TRACE_NAMES[kind], message.sender, message.term,
        )  # fmt: skip
