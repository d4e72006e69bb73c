"""Linearizable reads by ReadIndex, at the leader and passed on by followers (Ongaro's thesis 6.4)."""

from __future__ import annotations

from quorate_node.protocol.message import Message, MessageType
from quorate_node.protocol.raft.core import Core
from quorate_node.protocol.raft.errors import DropReason, ReadDropped
from quorate_node.protocol.raft.read_queue import PendingRead
from quorate_node.protocol.raft.replication import broadcast_heartbeat, send_heartbeat
from quorate_node.protocol.ready import ReadState, Role


def request(core: Core, context: bytes) -> None:
    """Ask for a read index for this member. Raises `ReadDropped`."""
    if core.reads.size() >= core.config.reads_pending_max:
        raise ReadDropped(
            DropReason.READS_LIMIT,
            f"{core.reads.size()} reads wait, reads_pending_max is {core.config.reads_pending_max}: let one context stand for many reads",
        )
    if core.role is Role.LEADER:
        _lead(core, core.id, context)
    elif core.leader:
        core.reads.forwarded += 1
        core.send(Message(type=MessageType.READ_INDEX, to=core.leader, sender=core.id, context=context))
    else:
        core.tracer.info("%x no leader at term %d; dropping index reading msg", core.id, core.term)
        raise ReadDropped(DropReason.NO_LEADER, f"no leader is known at term {core.term}: try again when there is one")


def handle_request(core: Core, message: Message) -> None:
    """A follower's reads reach the leader. Beyond the limit they are dropped: the follower asks again.

    A member that no longer leads drops them too, and does not pass them on as etcd's does: who asked it hears of the new leader and
    asks that one, and a connection carries messages of the member at its other end and of nobody else.
    """
    if core.reads.size() < core.config.reads_pending_max:
        _lead(core, message.sender, message.context)


def handle_response(core: Core, message: Message) -> None:
    core.reads.forwarded = max(0, core.reads.forwarded - 1)
    core.read_states.append(ReadState(message.index, message.context))


def _lead(core: Core, requester: int, context: bytes) -> None:
    if not core.has_committed_in_term():
        # A new leader does not know yet what its predecessors committed (thesis 6.4, step 1). That holds for a single voter
        # too: after a crash its stored commit index may be older than what it acknowledged.
        core.reads.waiting.append((requester, context))
    else:
        _start(core, requester, context)


def _start(core: Core, requester: int, context: bytes) -> None:
    read = PendingRead(requester, context, core.log.committed)
    if core.config.lease_based_reads:
        _answer(core, read)
        return
    core.reads.acknowledge(core.id, core.reads.add(read))
    _confirm(core)
    if core.reads.unconfirmed:
        _ask_for_confirmation(core)


def _ask_for_confirmation(core: Core) -> None:
    """Begin a round. With `confirm_by_quorum` only as many voters are asked as are needed: those that confirmed last.

    A quorum's answers are all that a round waits for, so the rest is work for nothing. Should one of those asked be gone, the next
    heartbeat, which everybody gets, repeats the round; from then on another one has confirmed last.
    """
    members = core.tracker.members
    if not core.config.confirm_by_quorum or members.is_joint():
        broadcast_heartbeat(core)
        return
    others = sorted(members.incoming - {core.id}, key=lambda member: (-core.reads.acknowledged.get(member, 0), member))
    context = core.reads.newest().to_bytes(8, "big")
    for member in others[: len(members.incoming) // 2]:
        send_heartbeat(core, member, context)


def release_waiting(core: Core) -> None:
    """The leader has committed in its term: reads that waited for that begin their round."""
    waiting = core.reads.waiting
    if not waiting:
        return
    assert core.has_committed_in_term()
    core.reads.waiting = []
    for requester, context in waiting:
        _start(core, requester, context)


def acknowledge(core: Core, message: Message) -> None:
    """A member's answer to a heartbeat confirms the reads up to the number that it echoes."""
    if not message.context:
        return
    core.reads.acknowledge(message.sender, int.from_bytes(message.context, "big"))
    _confirm(core)


def _confirm(core: Core) -> None:
    """Answer what a quorum has confirmed: for a single voter that is itself."""
    if core.reads.ahead <= len(core.tracker.members.incoming) // 2:
        # Too few: the order of all need not be worked out for one's answer.
        return
    for read in core.reads.confirm(core.tracker.quorum_index(core.reads.acknowledged)):
        _answer(core, read)


def _answer(core: Core, read: PendingRead) -> None:
    if read.requester == core.id:
        core.read_states.append(ReadState(read.read_index, read.context))
        return
    core.send(
        Message(
            type=MessageType.READ_INDEX_RESPONSE,
            to=read.requester,
            sender=core.id,
            index=read.read_index,
            context=read.context,
        )
    )
