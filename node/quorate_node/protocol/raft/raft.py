"""Raft: the public face of the state machine. Inputs are calls, the one output is `ready()`."""

from __future__ import annotations

from collections.abc import Mapping

from quorate_node.protocol.entry import Entry, EntryType
from quorate_node.protocol.membership import Configuration, MembershipChange
from quorate_node.protocol.message import Message, MessageType
from quorate_node.protocol.raft import clock, dispatch, election, follower, lease, outbox, proposals, reads, replication, transfer
from quorate_node.protocol.raft.config import RaftConfig
from quorate_node.protocol.raft.core import Core, RandomTicks
from quorate_node.protocol.raft.errors import InvariantBroken
from quorate_node.protocol.raft.log_view import LogView
from quorate_node.protocol.raft.membership_rules import apply_change, restore_configuration
from quorate_node.protocol.raft.status import RaftStatus, status_of
from quorate_node.protocol.raft.trace import Trace, Tracer
from quorate_node.protocol.ready import HardState, Persist, Ready, Role


class Raft:
    """One member. `protocol/ready.py` says what its driver must do, and in which order.

    `now_ms` is the driver's clock, which runs during suspend and never goes back. Pass it with every message and tick:
    promises of read leases are made from it, and one made with an old reading ends too early.
    """

    __slots__ = ("_core",)

    def __init__(
        self,
        config: RaftConfig,
        log: LogView,
        *,
        random_ticks: RandomTicks,
        applied: int = 0,
        trace: Trace | None = None,
        now_ms: int = 0,
    ) -> None:
        """Resume from what `log` holds. `applied` is the machine's applied index, 0 for none: nothing at or below it is handed
        out again. Raises `InvariantBroken` when hard state and log contradict each other."""
        hard_state, configuration = log.initial()
        core = Core(config, log, random_ticks, Tracer(trace), now_ms)
        self._core = core
        restore_configuration(core, configuration)
        if hard_state != HardState():
            self._load(hard_state)
        if applied > 0:
            self._resume_at(applied)
        core.become_follower(core.term, 0)
        core.led_term = core.term
        core.events.clear()
        core.previous_soft_state = core.soft_state()
        core.previous_hard_state = core.hard_state()
        voters = ",".join(f"{member:x}" for member in sorted(core.tracker.members.voters()))
        core.tracer.info(
            "newRaft %x [peers: [%s], term: %d, commit: %d, applied: %d, lastindex: %d, lastterm: %d]",
            core.id, voters, core.term, core.log.committed, core.log.applied, core.log.last_index, core.log.last_term(),
        )  # fmt: skip

    def _load(self, hard_state: HardState) -> None:
        core = self._core
        if hard_state.commit > core.log.last_index:
            raise InvariantBroken(
                f"stored commit index {hard_state.commit} is beyond the log's end {core.log.last_index}: "
                "the log was damaged or rolled back; repair it from peers, or replace this member"
            )
        # A lower one than the log's start is only old: the commit index is not synced, and what was compacted was committed.
        core.log.commit_to(hard_state.commit)
        core.term = hard_state.term
        core.vote = hard_state.vote

    def _resume_at(self, applied: int) -> None:
        """What was applied was committed, even where the commit index was not written with it."""
        log = self._core.log
        if applied > log.last_index:
            raise InvariantBroken(
                f"the machine has applied index {applied}, but the log ends at {log.last_index}: "
                "reset the log to the machine's snapshot, or replace this member"
            )
        log.commit_to(applied)
        log.applied_to(max(applied, log.applied))

    # Inputs

    def tick(self, now_ms: int = 0) -> None:
        """One tick has passed."""
        self._advance(now_ms)
        clock.tick(self._core)

    def step(self, message: Message, now_ms: int = 0) -> None:
        """Take in a message. Raises `InvariantBroken` when the member must stop, `ProposalDropped` for a forwarded proposal."""
        self._advance(now_ms)
        dispatch.step(self._core, message)

    def propose(self, data: bytes) -> int:
        """Append an entry; its index (0 when it was passed on to the leader). Raises `ProposalDropped`."""
        return proposals.propose(self._core, [Entry(0, 0, EntryType.NORMAL, data)])

    def propose_membership(self, change: MembershipChange, *, simple: bool = False) -> int:
        """Append a change of membership; its index. `simple` takes etcd's V1 form. Raises `ProposalDropped`, `MembershipRefused`."""
        kind = EntryType.MEMBERSHIP_SIMPLE if simple else EntryType.MEMBERSHIP
        return proposals.propose_change(self._core, change, kind)

    def apply_membership(self, change: MembershipChange) -> Configuration:
        """A membership entry is being applied: it takes effect now. Raises `InvariantBroken` when it is impossible."""
        return apply_change(self._core, change)

    def read_index(self, context: bytes) -> None:
        """Ask for the index that a linearizable read has to see; it comes in `Ready.reads`. Raises `ReadDropped`."""
        reads.request(self._core, context)

    def lease_valid(self, now_ms: int) -> bool:
        """Whether this leader may answer reads from its own state. Ask after the value was read."""
        self._advance(now_ms)
        return lease.is_valid(self._core, now_ms)

    def lease_read_index(self) -> int:
        """What has to be applied before a lease read."""
        return self._core.log.committed

    def campaign(self) -> None:
        """Ask for votes now."""
        election.start(self._core)

    def transfer_leadership(self, to: int) -> None:
        """Hand over to `to`; on a follower the wish goes to the leader."""
        transfer.request(self._core, to)

    def announce_commit(self) -> None:
        """Without `commit_eagerly`, for the driver, a moment after a commit: tell those whom no append has told meanwhile."""
        if self.role is Role.LEADER:
            replication.announce_commit(self._core)

    def repeat_transfer(self) -> None:
        """While a hand-over is under way: offer again. The driver calls it now and then until leadership has moved."""
        transfer.repeat(self._core)

    def forget_leader(self) -> None:
        follower.forget_leader(self._core)

    def suspect_leader(self, delay_ticks: int) -> None:
        """The leader's process died: forget it, campaign after `delay_ticks` (the driver adds jitter), keep all promises."""
        clock.suspect(self._core, delay_ticks)

    def report_unreachable(self, member_id: int) -> None:
        """A message to it was dropped."""
        self.step(Message(MessageType.UNREACHABLE, to=self.id, sender=member_id))

    def report_snapshot(self, member_id: int, ok: bool) -> None:
        """The outcome of a snapshot's transfer to a member."""
        self.step(Message(MessageType.SNAPSHOT_STATUS, to=self.id, sender=member_id, reject=not ok))

    def set_priorities(self, priorities: Mapping[int, int]) -> None:
        """Election priorities by member id (0 for those not named), as the cluster's records have them."""
        self._core.priorities = dict(priorities)

    # Output

    def has_ready(self) -> bool:
        return outbox.has_ready(self._core)

    def ready(self) -> Ready:
        """What there is to do since the last call. May be called again before earlier writes are durable."""
        return outbox.ready(self._core)

    def persisted(self, persist: Persist, now_ms: int = 0) -> None:
        """`persist` is durable, and visible to the log view. Report each once, in order."""
        self._advance(now_ms)
        outbox.persisted(self._core, persist)

    def applied(self, index: int) -> None:
        """Committed entries up to `index` are applied."""
        outbox.applied(self._core, index)

    # Status

    def status(self) -> RaftStatus:
        return status_of(self._core)

    @property
    def core(self) -> Core:
        """The insides, for tests."""
        return self._core

    @property
    def id(self) -> int:
        return self._core.id

    @property
    def term(self) -> int:
        return self._core.term

    @property
    def vote(self) -> int:
        return self._core.vote

    @property
    def lead(self) -> int:
        return self._core.leader

    @property
    def role(self) -> Role:
        return self._core.role

    @property
    def commit_index(self) -> int:
        return self._core.log.committed

    @property
    def applied_index(self) -> int:
        return self._core.log.applied

    @property
    def last_index(self) -> int:
        return self._core.log.last_index

    @property
    def configuration(self) -> Configuration:
        return self._core.tracker.members.configuration()

    @property
    def lead_transferee(self) -> int:
        return self._core.transferee

    @property
    def led_last(self) -> bool:
        """Whether no leader after this member, which led in this life, can have had its vote: where every quorum needs that, nothing
        is committed beyond `commit_index`."""
        return 0 < self._core.own_term == self._core.led_term

    @property
    def pending_membership(self) -> bool:
        """A change of membership may be in the log and not applied yet."""
        return self._core.pending_membership_index > self._core.log.applied

    def _advance(self, now_ms: int) -> None:
        core = self._core
        if now_ms > core.now_ms:
            core.now_ms = now_ms
