"""Proposing entries: here when this member leads, passed on or refused when it does not."""

from __future__ import annotations

from quorate_node.protocol.entry import Entry, EntryType
from quorate_node.protocol.membership import MembershipChange
from quorate_node.protocol.message import Message, MessageType
from quorate_node.protocol.raft.core import Core
from quorate_node.protocol.raft.errors import DropReason, MembershipRefused, ProposalDropped
from quorate_node.protocol.raft.membership_entry import LEAVE_JOINT_ENTRY, decode_change, encode_change, is_membership
from quorate_node.protocol.raft.membership_rules import impossible, refusal
from quorate_node.protocol.raft.replication import append_entries, broadcast_append
from quorate_node.protocol.ready import Role

_KIND_NAMES = ("ConfChangeAddNode", "ConfChangeRemoveNode", "ConfChangeUpdateNode", "ConfChangeAddLearnerNode", "AddWitness")
_TRANSITION_NAMES = ("ConfChangeTransitionAuto", "ConfChangeTransitionJointImplicit", "ConfChangeTransitionJointExplicit")


def propose(core: Core, entries: list[Entry]) -> int:
    """Append `entries` as leader and send them out; the last one's index, 0 when they were passed on. Raises `ProposalDropped`."""
    if core.role is Role.LEADER:
        return _lead(core, entries)
    if core.role is not Role.FOLLOWER or not core.leader:
        core.tracer.info("%x no leader at term %d; dropping proposal", core.id, core.term)
        raise ProposalDropped(DropReason.NO_LEADER, f"no leader is known at term {core.term}: try again when there is one")
    if core.config.disable_proposal_forwarding:
        core.tracer.info("%x not forwarding to leader %x at term %d; dropping proposal", core.id, core.leader, core.term)
        raise ProposalDropped(DropReason.NOT_LEADER, f"member {core.leader} leads at term {core.term}: propose there")
    core.send(Message(type=MessageType.PROPOSE, to=core.leader, sender=core.id, entries=entries))
    return 0


def propose_change(core: Core, change: MembershipChange, kind: EntryType) -> int:
    """Propose a change of membership. Raises `ProposalDropped`, `MembershipRefused`."""
    if core.role is Role.LEADER and not core.config.replace_refused_membership:
        reason = refusal(core, change) or impossible(core, change)
        if reason:
            raise MembershipRefused(f"{reason}; wait for the change before it, or correct this one")
    return propose(core, [Entry(0, 0, kind, encode_change(change))])


def handle_proposal(core: Core, message: Message) -> None:
    """Another member passes proposals on. Only where that is configured: commands are forwarded above the protocol, where a
    session makes repeating them safe. Raises `ProposalDropped`."""
    if not core.config.disable_proposal_forwarding:
        propose(core, message.entries)


def _lead(core: Core, entries: list[Entry]) -> int:
    assert entries, "a proposal without entries"
    if core.id not in core.tracker.progress or (core.config.hand_over_on_removal and not core.is_voter()):
        raise ProposalDropped(DropReason.REMOVED, "this member was removed from the configuration: propose to another")
    if core.transferee:
        core.tracer.debug(
            "%x [term %d] transfer leadership to %x is in progress; dropping proposal", core.id, core.term, core.transferee
        )
        raise ProposalDropped(
            DropReason.TRANSFER_IN_PROGRESS, f"leadership is being handed to member {core.transferee}: try again after that"
        )
    pending = core.pending_membership_index
    admitted = [_admit(core, entry, core.log.last_index + 1 + offset) for offset, entry in enumerate(entries)]
    if not append_entries(core, admitted):
        core.pending_membership_index = pending
        raise ProposalDropped(
            DropReason.UNCOMMITTED_LIMIT,
            f"{core.uncommitted_bytes} bytes wait to be applied, uncommitted_bytes_max is {core.config.uncommitted_bytes_max}: "
            "try again when some have been",
        )
    broadcast_append(core)
    return core.log.last_index


def _admit(core: Core, entry: Entry, index: int) -> Entry:
    """Check a change of membership once more, where everything passes; etcd puts an empty entry in place of a refused one."""
    if not is_membership(entry):
        return entry
    change = decode_change(entry.data)
    reason = refusal(core, change)
    if reason and not core.config.disable_membership_validation:
        core.tracer.info(
            "%x ignoring conf change %s at config %s: %s", core.id, _describe(change, entry.type), core.tracker.members, reason
        )
        if not core.config.replace_refused_membership:
            raise MembershipRefused(f"{reason}; wait for the change before it, or correct this one")
        return Entry(0, 0, EntryType.NORMAL, b"")
    core.pending_membership_index = index
    return entry


def _describe(change: MembershipChange, kind: int) -> str:
    """The change as etcd's log lines show it (the text form of its protocol buffer)."""
    singles = [f"type:{_KIND_NAMES[single.kind]} node_id:{single.member_id}" for single in change.changes]
    if kind == EntryType.MEMBERSHIP_SIMPLE:
        return singles[0]
    return " ".join(
        [f"transition:{_TRANSITION_NAMES[change.transition]}", *(f"changes:{{{single}}}" for single in singles)]
    )


def leave_joint(core: Core) -> bool:
    """Propose to leave the joint configuration; False when that is not possible now."""
    members = str(core.tracker.members)
    try:
        propose(core, [LEAVE_JOINT_ENTRY])
    except ProposalDropped:
        core.tracer.debug("not initiating automatic transition out of joint configuration %s: raft proposal dropped", members)
        return False
    core.tracer.info("initiating automatic transition out of joint configuration %s", members)
    return True

