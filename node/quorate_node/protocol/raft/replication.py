"""The leader's way of sending: appends, snapshots, heartbeats, and what it appends itself."""

from __future__ import annotations

from quorate_node.protocol.entry import Entry, EntryType, leaf_hash
from quorate_node.protocol.message import Message, MessageType
from quorate_node.protocol.raft.core import Core
from quorate_node.protocol.raft.leaving import own_share
from quorate_node.protocol.raft.log_view import Compacted, Unavailable
from quorate_node.protocol.raft.progress import Progress, ProgressEvent, ProgressState


def send_append(core: Core, to: int, *, if_empty: bool = True) -> bool:
    """Send `to` what it lacks, or a snapshot; an append without entries only `if_empty`. Whether anything was sent."""
    progress = core.tracker.progress[to]
    if progress.is_paused():
        return False
    log = core.log
    # A full window still lets empty appends through: were all of it lost, nothing else would ever be answered.
    full = progress.state is ProgressState.REPLICATE and progress.inflights.full()
    if not if_empty and (full or progress.next > log.last_index):
        return False
    previous = progress.next - 1
    try:
        previous_term = log.term(previous)
        entries = [] if full else log.entries_from(progress.next, core.config.append_bytes_max)
    except (Compacted, Unavailable):
        return _send_snapshot(core, to, progress)
    if to in core.tracker.members.witnesses:
        held, found = _held_with_data(core), len(entries)
        entries = [_stripped(entry) for entry in entries if entry.index <= held]
        if_empty = if_empty and (not found or progress.state is not ProgressState.REPLICATE)  # What was held back comes in a moment.
    if not entries and not if_empty:
        # What is still on its way to the disk may not be readable yet: a caller that repeats until nothing was sent must end.
        return False
    size = sum(len(entry.data) for entry in entries)
    core.send(
        Message(
            type=MessageType.APPEND,
            to=to,
            sender=core.id,
            index=previous,
            log_term=previous_term,
            entries=entries,
            commit=log.committed,
            sent_ms=core.now_ms,
        )
    )
    progress.sent_entries(len(entries), size)
    progress.sent_commit = log.committed
    return True


def _held_with_data(core: Core) -> int:
    """The newest entry that a voter which keeps data is known to have on its disk. A witness is told of no later one: it would vote for
    nobody without that entry, could lead nobody to it, and a leader that lost it with its power, or left with it, would leave those who
    stay without a quorum for ever."""
    members, held = core.tracker.members, own_share(core)
    for voter, progress in core.tracker.progress.items():
        if progress.match > held and voter != core.id and voter in members.voters() and voter not in members.witnesses:
            held = progress.match
    return held


def append_to_witnesses(core: Core) -> None:
    """A member with data has stored more: now they may too."""
    for witness in core.tracker.progress:
        if witness in core.tracker.members.witnesses and witness != core.id:
            while send_append(core, witness, if_empty=False):
                pass


def _stripped(entry: Entry) -> Entry:
    """What a witness stores: index, term and hash; changes of membership whole, because it votes by them."""
    if entry.type != EntryType.NORMAL:
        return entry
    return Entry(entry.index, entry.term, EntryType.STRIPPED, leaf_hash(entry))


def _send_snapshot(core: Core, to: int, progress: Progress) -> bool:
    if not progress.recent_active:
        core.tracer.debug("ignore sending snapshot to %x since it is not recently active", to)
        return False
    snapshot = core.log.snapshot()
    assert snapshot.index > 0, "a compacted log without a snapshot"
    core.tracer.debug(
        "%x [firstindex: %d, commit: %d] sent snapshot[index: %d, term: %d] to %x [%s]",
        core.id, core.log.first_index(), core.log.committed, snapshot.index, snapshot.term, to, progress,
    )  # fmt: skip
    progress.handle(ProgressEvent.COMPACTED, snapshot.index)
    core.tracer.debug("%x paused sending replication messages to %x [%s]", core.id, to, progress)
    core.send(Message(type=MessageType.SNAPSHOT, to=to, sender=core.id, snapshot=snapshot))
    return True


def broadcast_append(core: Core, *, if_empty: bool = True) -> None:
    for member in core.tracker.progress:
        if member != core.id:
            send_append(core, member, if_empty=if_empty)


def send_heartbeat(core: Core, to: int, context: bytes) -> None:
    """Tell `to` that this leader lives, and how far it may commit: never beyond what it is known to hold."""
    progress = core.tracker.progress[to]
    commit = min(progress.match, core.log.committed)
    core.send(
        Message(
            type=MessageType.HEARTBEAT,
            to=to,
            sender=core.id,
            commit=commit,
            context=context,
            sent_ms=core.now_ms,
        )
    )
    progress.sent_commit = commit


def broadcast_heartbeat(core: Core) -> None:
    """Also repeats the newest round of reads, whose first heartbeats may have been lost."""
    newest = core.reads.newest()
    context = newest.to_bytes(8, "big") if newest else b""
    for member in core.tracker.progress:
        if member != core.id:
            send_heartbeat(core, member, context)


def announce_commit(core: Core) -> None:
    """Tell members of a commit index that no append or heartbeat has told them yet."""
    for member, progress in core.tracker.progress.items():
        if member != core.id and progress.can_bump_commit(core.log.committed):
            send_append(core, member)


def maybe_commit(core: Core) -> bool:
    """Commit what a quorum holds, if it is of this leader's term. Whether the commit index moved."""
    moved = core.log.maybe_commit(core.tracker.committed(), core.term)
    core.tracker.recount_ahead(core.log.committed)
    return moved


def append_entries(core: Core, entries: list[Entry]) -> bool:
    """Give `entries` their index and term and append them to the leader's log. False when the uncommitted limit is reached.

    Empty entries are never refused: a new leader's first one, and the one that leaves a joint configuration.
    """
    last = core.log.last_index
    size = sum(len(entry.data) for entry in entries)
    limit = core.config.uncommitted_bytes_max
    if limit and size > 0 and core.uncommitted_bytes > 0 and core.uncommitted_bytes + size > limit:
        core.tracer.warning(
            "%x appending new entries to log would exceed uncommitted entry size limit; dropping proposal", core.id
        )
        return False
    core.uncommitted_bytes += size
    core.log.append(
        [Entry(last + 1 + offset, core.term, entry.type, entry.data) for offset, entry in enumerate(entries)]
    )
    # The leader acknowledges its own entries like any member does: when they are durable.
    core.send(Message(type=MessageType.APPEND_RESPONSE, to=core.id, sender=core.id, index=core.log.last_index))
    return True
