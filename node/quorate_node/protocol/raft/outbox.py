"""The way out: `Ready`, and what comes back when it was persisted or applied."""

from __future__ import annotations

from quorate_node.protocol.raft.core import Core
from quorate_node.protocol.raft.election import take_up_offer
from quorate_node.protocol.raft.proposals import leave_joint
from quorate_node.protocol.raft.storage_ack import StorageAck
from quorate_node.protocol.ready import Persist, Ready, Role


def has_ready(core: Core) -> bool:
    """Whether `ready` has anything to say. Most frequent reasons first.

    Its questions are not asked by calls: it is asked eight times a write, and they were a tenth of all a lone write's calls.
    """
    log, previous = core.log, core.previous_hard_state
    unstable, committed = log.unstable, log.committed
    return bool(
        core.messages
        or core.messages_after_persist
        or unstable.offset_in_progress - unstable.offset < len(unstable.entries)
        or (
            log.applying < (committed if core.config.apply_unstable_entries else min(committed, unstable.offset - 1))
            and not log.applying_paused
            and unstable.snapshot is None
        )
        or core.read_states
        or core.events
        or (unstable.snapshot is not None and not unstable.snapshot_in_progress)
        or committed != previous.commit
        or core.term != previous.term
        or core.vote != previous.vote
        or core.leader != core.previous_soft_state.leader
        or core.role is not core.previous_soft_state.role
    )


def _hard_state_changed(core: Core) -> bool:
    previous = core.previous_hard_state
    return core.log.committed != previous.commit or core.term != previous.term or core.vote != previous.vote


def _soft_state_changed(core: Core) -> bool:
    previous = core.previous_soft_state
    return core.leader != previous.leader or core.role is not previous.role


def ready(core: Core) -> Ready:
    """Everything there is to do, handed out once."""
    log = core.log
    allow_unstable = core.config.apply_unstable_entries
    committed = log.next_committed(allow_unstable=allow_unstable)
    if committed:
        log.accept_applying(committed, allow_unstable=allow_unstable)
    snapshot = log.unstable.next_snapshot()
    persist = _next_persist(core)
    log.unstable.accept()
    soft_state = core.soft_state() if _soft_state_changed(core) else None
    result = Ready(
        soft_state=soft_state,
        persist=persist,
        install=snapshot,
        send_now=core.messages,
        send_after_persist=core.messages_after_persist,
        committed=committed,
        reads=core.read_states,
        events=core.events,
    )
    if soft_state is not None:
        core.previous_soft_state = soft_state
    core.messages = []
    core.messages_after_persist = []
    core.read_states = []
    core.events = []
    return result


def _next_persist(core: Core) -> Persist | None:
    """What has to be written, None when nothing has.

    Answers that must wait for writes still under way get a `Persist` of their own, even an empty one: it is durable when
    all before it are.
    """
    unstable = core.log.unstable
    entries = unstable.next_entries()
    snapshot = unstable.next_snapshot()
    hard_state = core.hard_state() if _hard_state_changed(core) else None
    nothing_new = not entries and hard_state is None and snapshot is None
    if nothing_new and not (core.messages_after_persist and core.storage_acks):
        return None
    must_sync = bool(entries) or snapshot is not None
    if hard_state is not None:
        previous = core.previous_hard_state
        must_sync = must_sync or hard_state.term != previous.term or hard_state.vote != previous.vote
        core.previous_hard_state = hard_state
    persist = Persist(hard_state=hard_state, entries=entries, snapshot=snapshot, must_sync=must_sync)
    core.storage_acks.append(storage_ack(core, persist))
    return persist


def storage_ack(core: Core, persist: Persist | None) -> StorageAck:
    unstable = core.log.unstable
    snapshot_index = persist.snapshot.index if persist is not None and persist.snapshot is not None else 0
    if not unstable.entries:
        return StorageAck(persist, core.term, 0, 0, snapshot_index)
    return StorageAck(persist, core.term, core.log.last_index, core.log.last_term(), snapshot_index)


def persisted(core: Core, persist: Persist) -> None:
    """`persist`, the oldest that is not yet reported, is durable."""
    if not core.storage_acks or core.storage_acks[0].persist is not persist:
        raise ValueError("persist is not the oldest outstanding one: report each Persist once, in the order they were handed out")
    acknowledge(core, core.storage_acks.popleft())


def acknowledge(core: Core, ack: StorageAck) -> None:
    if ack.last_index:
        if ack.term < core.term:
            # Those entries may have been replaced since, and their replacement not be written yet.
            core.tracer.info(
                "%x [term: %d] ignored entry appends from a MsgStorageAppendResp message with lower term [term: %d]",
                core.id, core.term, ack.term,
            )  # fmt: skip
        else:
            core.log.unstable.stable_to(ack.last_index, ack.log_term)
    if ack.snapshot_index:
        # Whatever the term: a snapshot holds only what was committed.
        core.log.unstable.stable_snapshot_to(ack.snapshot_index)
        applied(core, ack.snapshot_index)


def applied(core: Core, index: int) -> None:
    """Everything up to `index` is applied. A leader leaves a joint configuration by itself when it was asked to."""
    payload = core.log.applied_to(max(index, core.log.applied))
    if (
        core.tracker.members.auto_leave
        and core.log.applied >= core.pending_membership_index
        and core.role is Role.LEADER
    ):
        leave_joint(core)
    core.uncommitted_bytes = max(0, core.uncommitted_bytes - payload)
    take_up_offer(core)
