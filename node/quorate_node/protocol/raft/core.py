"""The state of one Raft member and what every rule needs: sending, and the changes of role as a table."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping

from quorate_node.protocol.message import Message, MessageType
from quorate_node.protocol.raft.config import RaftConfig
from quorate_node.protocol.raft.log import RaftLog
from quorate_node.protocol.raft.log_view import LogView
from quorate_node.protocol.raft.promise import VotePromise
from quorate_node.protocol.raft.read_queue import ReadQueue
from quorate_node.protocol.raft.storage_ack import StorageAck
from quorate_node.protocol.raft.trace import Tracer
from quorate_node.protocol.raft.tracker import Tracker
from quorate_node.protocol.ready import Event, EventKind, HardState, ReadState, Role, SoftState

RandomTicks = Callable[[int, int], int]
"""A random number between two bounds, both included: all the randomness that Raft uses."""
VOTERS_FEW = 50
"""Up to so many voters timeouts fall within twice the election timeout, as in the paper (9.3)."""

ROLE_CHANGES: dict[tuple[Role, Role], str] = {
    (Role.FOLLOWER, Role.FOLLOWER): "newer term, or a leader found",
    (Role.FOLLOWER, Role.PRE_CANDIDATE): "election timeout, suspicion (pre-vote)",
    (Role.FOLLOWER, Role.CANDIDATE): "election timeout without pre-vote, or told to take over",
    (Role.PRE_CANDIDATE, Role.PRE_CANDIDATE): "election timeout again",
    (Role.PRE_CANDIDATE, Role.CANDIDATE): "a quorum would vote for it",
    (Role.PRE_CANDIDATE, Role.FOLLOWER): "a quorum would not, newer term, or a leader found",
    (Role.CANDIDATE, Role.CANDIDATE): "election timeout again",
    (Role.CANDIDATE, Role.PRE_CANDIDATE): "election timeout (pre-vote)",
    (Role.CANDIDATE, Role.LEADER): "votes of a quorum",
    (Role.CANDIDATE, Role.FOLLOWER): "a quorum refused, newer term, or a leader found",
    (Role.LEADER, Role.FOLLOWER): "newer term, quorum lost, or removed",
}
"""Every change of role there is. A leader never campaigns, and nobody leads without having been a candidate."""

_VOTE_TYPES = frozenset(
    (MessageType.VOTE, MessageType.VOTE_RESPONSE, MessageType.PRE_VOTE, MessageType.PRE_VOTE_RESPONSE)
)
_AFTER_PERSIST = frozenset((MessageType.APPEND_RESPONSE, MessageType.VOTE_RESPONSE, MessageType.PRE_VOTE_RESPONSE))
"""Answers that promise something about what is on disk: they leave when it is there (Ongaro's thesis 3.8)."""

_WITHOUT_TERM = frozenset((MessageType.PROPOSE, MessageType.READ_INDEX))
"""Requests passed on to the leader, whatever its term is by then."""


class Core:
    """Plain state; the rules are the functions of the other modules. Only `Raft` is public."""

    def __init__(self, config: RaftConfig, view: LogView, random_ticks: RandomTicks, tracer: Tracer, now_ms: int) -> None:
        self.config = config
        self.id = config.member_id
        self.tracer = tracer
        self.random_ticks = random_ticks
        self.now_ms = now_ms
        self.log = RaftLog(
            view,
            tracer,
            applying_bytes_max=config.committed_bytes_per_ready_max,
            recent_bytes_max=config.recent_bytes_max,
        )
        self.tracker = Tracker(config.inflight_messages_max, config.inflight_bytes_max)
        self.priorities: Mapping[int, int] = {}

        self.term = 0
        self.vote = 0
        self.leader = 0
        self.led_term = 0
        """The newest term whose leader this member heard of, or was; at its start the term that it had."""
        self.own_term = 0
        """The newest term that it led itself, in this life; 0 when it has given its vote away since."""
        self.own_first_index = 0
        """A leader's: from here on all entries are its own."""
        self.role = Role.FOLLOWER

        self.election_elapsed = 0
        self.heartbeat_elapsed = 0
        self.randomized_election_ticks = config.election_ticks
        self.campaign_countdown = 0
        """Ticks until a campaign that does not wait for the election timeout (suspicion); 0: none."""
        self.offered_ms: int | None = None
        """The leader of this term offered to hand over, at this time on its clock, before this member could campaign."""
        self.vetoes_left = 1
        """How often this member may still refuse a pre-vote to a candidate of lower priority before a leader is heard of."""

        self.transferee = 0
        self.hand_over_wait = 0
        self.hand_over_backoff = 1
        self.pending_membership_index = 0
        """A membership change may wait in the log up to here: no other is accepted before this is applied."""
        self.leaves_at: tuple[tuple[int, int], int] | None = None
        """((term, `pending_membership_index`) when it was looked for, where the log ends this leader's vote)."""
        self.uncommitted_bytes = 0
        self.reads = ReadQueue()
        self.promise = VotePromise(now_ms, config.read_lease_ms)
        self.lease_floor_ms = -1
        """Only promises for what was sent after this count: it is when leadership was last offered to another."""

        self.messages: list[Message] = []
        self.messages_after_persist: list[Message] = []
        self.read_states: list[ReadState] = []
        self.events: list[Event] = []
        self.storage_acks: deque[StorageAck] = deque()
        self.previous_soft_state = SoftState(0, Role.FOLLOWER)
        self.previous_hard_state = HardState()

    # State in one value

    def soft_state(self) -> SoftState:
        return SoftState(self.leader, self.role)

    def hard_state(self) -> HardState:
        return HardState(self.term, self.vote, self.log.committed)

    def is_learner(self) -> bool:
        progress = self.tracker.progress.get(self.id)
        return progress is not None and progress.is_learner

    def is_voter(self) -> bool:
        return self.id in self.tracker.members.incoming or self.id in self.tracker.members.outgoing

    def is_promotable(self) -> bool:
        """Whether this member may campaign: a voter that stores data and is not waiting for a snapshot."""
        if self.id in self.tracker.members.witnesses or self.log.unstable.snapshot is not None:
            return False
        return self.is_voter() or self.may_stand_in()

    def may_stand_in(self) -> bool:
        """Whether a member without a vote may campaign, to finish what a change of membership left undone.

        A leader that was removed or demoted may be the only one that knows the change to be committed, and its log may be
        longer than anybody's: then those who still count its vote can elect nobody. It wins by the votes of the new
        configuration alone, brings them up to date and hands over (compare Ongaro's thesis 4.2.2).
        """
        log = self.log
        return self.config.hand_over_on_removal and bool(self.tracker.members.incoming) and log.last_index > log.committed

    def has_committed_in_term(self) -> bool:
        """Whether a leader knows its commit index to be current: only once an entry of its own term is committed. Reads nothing of the log:
        every lease read asks, also where an entry of it is damaged."""
        return self.role is Role.LEADER and self.log.committed >= self.own_first_index

    # Output

    def send(self, message: Message) -> None:
        """Queue a message; answers that depend on what is being written wait for it."""
        kind = message.type
        if kind in _VOTE_TYPES:
            assert message.term > 0, "a vote message names the term that it is about"
        elif kind not in _WITHOUT_TERM:
            message.term = self.term
        if kind in _AFTER_PERSIST:
            self.messages_after_persist.append(message)
            return
        assert message.to != self.id, f"message of type {kind} to itself"
        self.messages.append(message)

    def emit(self, kind: EventKind, member_id: int = 0) -> None:
        self.events.append(Event(kind, member_id))

    # Roles

    def become_follower(self, term: int, leader: int) -> None:
        stepped_down = self.role is Role.LEADER
        self._change_role(Role.FOLLOWER, term)
        self.leader = leader
        if stepped_down:
            self.emit(EventKind.STEPPED_DOWN)
        self.tracer.info("%x became follower at term %d", self.id, self.term)

    def become_candidate(self) -> None:
        self._change_role(Role.CANDIDATE, self.term + 1)
        self.vote = self.id
        self.tracer.info("%x became candidate at term %d", self.id, self.term)

    def become_pre_candidate(self) -> None:
        """Ask first: neither term nor vote change, so a member that was cut off disturbs nobody when it returns."""
        self._check_role(Role.PRE_CANDIDATE)
        self.role = Role.PRE_CANDIDATE
        self.tracker.votes = {}
        self.leader = 0
        self.tracer.info("%x became pre-candidate at term %d", self.id, self.term)

    def become_leader(self) -> None:
        self._change_role(Role.LEADER, self.term)
        self.leader = self.id
        self.led_term = self.own_term = self.term
        self.own_first_index = self.log.last_index + 1
        own_progress = self.tracker.progress.get(self.id)
        if own_progress is not None:
            own_progress.lead()
        # There may be a membership change in the tail of the log: until all of it is applied no other is accepted,
        # which is cheaper than searching the tail.
        self.pending_membership_index = self.log.last_index

    def _check_role(self, role: Role) -> None:
        assert (self.role, role) in ROLE_CHANGES, f"a {self.role.name} cannot become a {role.name}"

    def _change_role(self, role: Role, term: int) -> None:
        self._check_role(role)
        leads_or_led = Role.LEADER in (role, self.role)
        self.role = role
        if self.term != term:
            assert term > self.term, f"term {term} after {self.term}"
            self.term = term
            self.vote = 0
        self.leader = 0
        self.election_elapsed = 0
        self.heartbeat_elapsed = 0
        self.campaign_countdown = 0
        self.offered_ms = None
        self.reset_election_timeout()
        self.transferee = 0
        self.lease_floor_ms = -1
        self.tracker.votes = {}
        if leads_or_led:
            # Only a leader replicates: the others' tables say who is a learner, and no more.
            self._reset_progress()
        self.pending_membership_index = 0
        self.uncommitted_bytes = 0
        if self.reads.reset():
            self.emit(EventKind.READS_DROPPED)

    def _reset_progress(self) -> None:
        last_index = self.log.last_index
        self.tracker.ahead = len(self.tracker.progress)
        for member, progress in self.tracker.progress.items():
            match = last_index if member == self.id else 0
            self.tracker.progress[member] = self.tracker.new_progress(
                match, last_index + 1, is_learner=progress.is_learner, recent_active=False
            )

    def reset_election_timeout(self) -> None:
        """Between one and two election timeouts. With more than `VOTERS_FEW` there is a tick for each of them: else the first to be due
        would not be alone for as long as a campaign takes. It is due hardly later for that: it is the earliest of them all."""
        ticks, voters = self.config.election_ticks, len(self.tracker.members.voters())
        spread_ticks = max(ticks, voters) if voters > VOTERS_FEW else ticks
        self.randomized_election_ticks = self.random_ticks(ticks, ticks + spread_ticks - 1) + self._priority_ticks()

    def _priority_ticks(self) -> int:
        """Half an election timeout more for a member while others of higher priority could lead."""
        voters = self.tracker.members.voters()
        if any(priority > self.config.priority and member in voters for member, priority in self.priorities.items()):
            return self.config.election_ticks // 2
        return 0
