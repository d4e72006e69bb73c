"""What a member does with a leader's messages."""

from __future__ import annotations

from quorate_node.protocol.message import Message, MessageType, SnapshotMetadata
from quorate_node.protocol.raft import lease
from quorate_node.protocol.raft.core import Core
from quorate_node.protocol.raft.membership_rules import restore_configuration
from quorate_node.protocol.ready import Role


def _follow(core: Core, leader: int) -> None:
    """The leader was heard of: no election, no suspicion, and the vetoes of priority begin anew."""
    core.election_elapsed = 0
    core.campaign_countdown = 0
    core.vetoes_left = 1
    core.leader = leader
    core.led_term = core.term


def handle_append(core: Core, message: Message) -> None:
    _follow(core, message.sender)
    _append(core, message)


def handle_heartbeat(core: Core, message: Message) -> None:
    _follow(core, message.sender)
    core.log.commit_to(message.commit)
    core.send(
        Message(
            type=MessageType.HEARTBEAT_RESPONSE,
            to=message.sender,
            sender=core.id,
            context=message.context,
            sent_ms=message.sent_ms,
            lease_ms=lease.promise(core, message),
        )
    )


def handle_snapshot(core: Core, message: Message) -> None:
    _follow(core, message.sender)
    snapshot = message.snapshot
    if snapshot is None:
        core.tracer.warning("%x ignored a MsgSnap without a snapshot from %x", core.id, message.sender)
        return
    if _restore(core, snapshot):
        outcome, index = "restored", core.log.last_index
    else:
        outcome, index = "ignored", core.log.committed
    core.tracer.info(
        "%x [commit: %d] %s snapshot [index: %d, term: %d]",
        core.id, core.log.committed, outcome, snapshot.index, snapshot.term,
    )  # fmt: skip
    core.send(Message(type=MessageType.APPEND_RESPONSE, to=message.sender, sender=core.id, index=index))


def follow_and_append(core: Core, message: Message) -> None:
    """A candidate meets the leader of its term."""
    core.become_follower(message.term, message.sender)
    handle_append(core, message)


def follow_and_heartbeat(core: Core, message: Message) -> None:
    core.become_follower(message.term, message.sender)
    handle_heartbeat(core, message)


def follow_and_snapshot(core: Core, message: Message) -> None:
    core.become_follower(message.term, message.sender)
    handle_snapshot(core, message)


def forget_leader(core: Core) -> None:
    """Stop believing in the leader, so that this member may vote before an election timeout. It follows it if it is heard again."""
    if core.role is not Role.FOLLOWER:
        return
    if core.config.lease_based_reads:
        # etcd's leases rest on this very belief; ours are promises of their own.
        core.tracer.error("ignoring MsgForgetLeader due to ReadOnlyLeaseBased")
        return
    if core.leader:
        core.tracer.info("%x forgetting leader %x at term %d", core.id, core.leader, core.term)
        core.leader = 0


def _append(core: Core, message: Message) -> None:
    log = core.log
    lease_ms = lease.promise(core, message)
    response = Message(
        type=MessageType.APPEND_RESPONSE,
        to=message.sender,
        sender=core.id,
        sent_ms=message.sent_ms,
        lease_ms=lease_ms,
    )
    if message.index < log.committed:
        response.index = log.committed
        core.send(response)
        return
    last = log.maybe_append(message.index, message.log_term, message.commit, message.entries)
    if last is not None:
        response.index = last
        core.send(response)
        return
    core.tracer.debug(
        "%x [logterm: %d, index: %d] rejected MsgApp [logterm: %d, index: %d] from %x",
        core.id, log.term_or_zero(message.index), message.index, message.log_term, message.index, message.sender,
    )  # fmt: skip
    # Hint at the last place where the logs may agree: entries of a higher term than the leader's there cannot.
    hint = min(message.index, log.last_index)
    response.reject_hint, response.log_term = log.find_conflict_by_term(hint, message.log_term)
    response.index = message.index
    response.reject = True
    core.send(response)


def _restore(core: Core, snapshot: SnapshotMetadata) -> bool:
    """Start over from `snapshot`. False when it is of no use: old, not for this member, or the log has it all."""
    log = core.log
    if snapshot.index <= log.committed:
        return False
    configuration = snapshot.configuration
    if core.id not in (*configuration.voters, *configuration.learners, *configuration.voters_outgoing):
        core.tracer.warning(
            "%x attempted to restore snapshot but it is not in the ConfState %s; should never happen", core.id, configuration
        )
        return False
    if log.matches(snapshot.index, snapshot.term):
        core.tracer.info(
            "%x [commit: %d, lastindex: %d, lastterm: %d] fast-forwarded commit to snapshot [index: %d, term: %d]",
            core.id, log.committed, log.last_index, log.last_term(), snapshot.index, snapshot.term,
        )  # fmt: skip
        log.commit_to(snapshot.index)
        return False
    log.restore(snapshot)
    restore_configuration(core, configuration)
    core.tracer.info(
        "%x [commit: %d, lastindex: %d, lastterm: %d] restored snapshot [index: %d, term: %d]",
        core.id, log.committed, log.last_index, log.last_term(), snapshot.index, snapshot.term,
    )  # fmt: skip
    return True
