"""The applied membership of one member, with its progress table and the votes of the current election."""

from __future__ import annotations

from collections.abc import Iterable

from quorate_node.protocol.membership import Configuration
from quorate_node.protocol.quorum import INFINITE_INDEX, VoteResult, joint_index, joint_vote
from quorate_node.protocol.raft.inflights import Inflights
from quorate_node.protocol.raft.progress import Progress


class Members:
    """Who is what. `outgoing` is empty unless joint; learners and voters never overlap; witnesses are also voters.

    A voter that becomes a learner while it still votes in the outgoing half waits in `learners_next` until the joint
    configuration is left.
    """

    __slots__ = ("auto_leave", "incoming", "learners", "learners_next", "outgoing", "witnesses")

    def __init__(self) -> None:
        self.incoming: set[int] = set()
        self.outgoing: set[int] = set()
        self.learners: set[int] = set()
        self.learners_next: set[int] = set()
        self.witnesses: set[int] = set()
        self.auto_leave = False

    @classmethod
    def of(cls, configuration: Configuration) -> Members:
        members = cls()
        members.incoming.update(configuration.voters)
        members.outgoing.update(configuration.voters_outgoing)
        members.learners.update(configuration.learners)
        members.learners_next.update(configuration.learners_next)
        members.witnesses.update(configuration.witnesses)
        members.auto_leave = configuration.auto_leave
        return members

    def clone(self) -> Members:
        return Members.of(self.configuration())

    def configuration(self) -> Configuration:
        return Configuration(
            voters=tuple(sorted(self.incoming)),
            learners=tuple(sorted(self.learners)),
            voters_outgoing=tuple(sorted(self.outgoing)),
            learners_next=tuple(sorted(self.learners_next)),
            auto_leave=self.auto_leave,
            witnesses=tuple(sorted(self.witnesses)),
        )

    def is_joint(self) -> bool:
        return bool(self.outgoing)

    def voters(self) -> set[int]:
        """All that vote, in either half."""
        return self.incoming | self.outgoing

    def __str__(self) -> str:
        parts = [f"voters={_set_text(self.incoming)}"]
        if self.outgoing:
            parts[0] += f"&&{_set_text(self.outgoing)}"
        if self.learners:
            parts.append(f"learners={_set_text(self.learners)}")
        if self.learners_next:
            parts.append(f"learners_next={_set_text(self.learners_next)}")
        if self.witnesses:
            parts.append(f"witnesses={_set_text(self.witnesses)}")
        if self.auto_leave:
            parts.append("autoleave")
        return " ".join(parts)


def _set_text(members: Iterable[int]) -> str:
    return "(" + " ".join(map(str, sorted(members))) + ")"


class Tracker:
    __slots__ = ("_inflight_bytes_max", "_inflight_messages_max", "ahead", "members", "progress", "votes")

    def __init__(self, inflight_messages_max: int, inflight_bytes_max: int) -> None:
        self._inflight_messages_max = inflight_messages_max
        self._inflight_bytes_max = inflight_bytes_max
        self.members = Members()
        self.progress: dict[int, Progress] = {}
        """In the order of ids: everything that is sent to all is sent in this order."""
        self.votes: dict[int, bool] = {}
        self.ahead = 0
        """On a leader: at least as many as hold more than what is committed. Exact after `recount_ahead`, and counted up since."""

    def new_progress(self, match: int, next_index: int, *, is_learner: bool, recent_active: bool) -> Progress:
        inflights = Inflights(self._inflight_messages_max, self._inflight_bytes_max)
        return Progress(match, next_index, inflights, is_learner=is_learner, recent_active=recent_active)

    def install(self, members: Members, progress: dict[int, Progress]) -> None:
        """Take over a configuration and its progress table, which must name the same members."""
        named = members.voters() | members.learners
        assert named == progress.keys(), f"progress of {sorted(progress)} for members {sorted(named)}"
        assert not members.learners & members.voters(), "a member is learner and voter"
        assert members.learners_next <= members.outgoing, "a staged learner does not vote in the outgoing half"
        assert members.witnesses <= members.voters(), "a witness does not vote"
        assert members.is_joint() or not (members.learners_next or members.auto_leave)
        self.members = members
        self.progress = {member: progress[member] for member in sorted(progress)}
        self.ahead = len(progress)

    def restore(self, configuration: Configuration, last_index: int) -> None:
        """Start over with `configuration`: everybody is probed from the log's end."""
        members = Members.of(configuration)
        progress = {}
        for member in members.voters() | members.learners:
            is_learner = member in members.learners
            progress[member] = self.new_progress(0, max(last_index, 1), is_learner=is_learner, recent_active=True)
        self.votes = {}
        self.install(members, progress)

    def quorum_index(self, values: dict[int, int]) -> int:
        """The highest number that a quorum has reached, 0 for those that `values` does not name."""
        return joint_index(self.members.incoming, self.members.outgoing, lambda member: values.get(member, 0))

    def committed(self) -> int:
        """The highest index that a quorum holds, by what the members acknowledged."""
        progress = self.progress
        index = joint_index(self.members.incoming, self.members.outgoing, lambda member: progress[member].match)
        assert index != INFINITE_INDEX, "a leader without voters"
        return index

    def may_commit(self) -> bool:
        """False while too few hold more than what is committed: then the order of all need not be worked out for one's answer."""
        return self.ahead > len(self.members.incoming) // 2

    def recount_ahead(self, commit_index: int) -> None:
        self.ahead = sum(progress.match > commit_index for progress in self.progress.values())

    def quorum_active(self) -> bool:
        """Whether a quorum was heard from since the last check."""
        active = {member: progress.recent_active for member, progress in self.progress.items() if not progress.is_learner}
        return self.vote_result(active) is VoteResult.WON

    def vote_result(self, votes: dict[int, bool]) -> VoteResult:
        return joint_vote(self.members.incoming, self.members.outgoing, votes)

    def record_vote(self, member_id: int, granted: bool) -> None:
        """The first answer of a member counts: a repeated message changes nothing."""
        self.votes.setdefault(member_id, granted)

    def tally(self) -> tuple[int, int]:
        """(granted, rejected) of the current election, without learners and strangers."""
        granted = 0
        rejected = 0
        for member, progress in self.progress.items():
            vote = self.votes.get(member)
            if vote is None or progress.is_learner:
                continue
            granted += vote
            rejected += not vote
        return granted, rejected
