"""Ready: the one output of a protocol. Whoever drives it persists, sends and applies, and reports back. Pure plain data.

The driver must:
1. hand `send_now` to the transport at once;
2. make `persist` durable (hard state, snapshot marker, entries, in that order, one sync for any number of Readys, in order), then call
   `persisted(persist)` and only then hand `send_after_persist` to the transport (those addressed to the member itself: to `step`);
3. when `install` is set: have the machine at that snapshot durably before anything of this Ready is persisted;
4. apply `committed` in order, then call `applied(index)`; a membership entry is applied by `apply_membership` first.
"""

from __future__ import annotations

from enum import IntEnum

import msgspec

from quorate_node.protocol.entry import Entry
from quorate_node.protocol.message import Message, SnapshotMetadata


class Role(IntEnum):
    FOLLOWER = 0
    CANDIDATE = 1
    LEADER = 2
    PRE_CANDIDATE = 3


class HardState(msgspec.Struct, array_like=True, gc=False, frozen=True):
    """What a member must never forget (term, vote), and the commit index, which it may."""

    term: int = 0
    vote: int = 0
    commit: int = 0


class SoftState(msgspec.Struct, array_like=True, gc=False, frozen=True):
    leader: int
    role: Role


class Persist(msgspec.Struct, gc=False, frozen=True):
    """What must be durable. `entries` may begin at or below the last stored index: they replace everything from there on."""

    hard_state: HardState | None
    entries: list[Entry]
    snapshot: SnapshotMetadata | None
    must_sync: bool
    """False when only the commit index moved: it may be written with the next batch."""


class ReadState(msgspec.Struct, gc=False, frozen=True):
    """The read `context` may be served once `index` is applied."""

    index: int
    context: bytes


class EventKind(IntEnum):
    PROMOTION_DUE = 1
    """On the leader: learner `member_id` has caught up; propose its promotion."""
    LEAVE_JOINT_DUE = 2
    TRANSFER_ABORTED = 3
    STEPPED_DOWN = 4
    READS_DROPPED = 5
    """Pending reads of this member were dropped (change of leader): retry or fail them."""


class Event(msgspec.Struct, gc=False, frozen=True):
    kind: EventKind
    member_id: int = 0


class Ready(msgspec.Struct, gc=False, frozen=True):
    soft_state: SoftState | None
    persist: Persist | None
    install: SnapshotMetadata | None
    send_now: list[Message]
    send_after_persist: list[Message]
    committed: list[Entry]
    reads: list[ReadState]
    events: list[Event]
