"""Changes of membership as functions: (members, progress, changes) -> new members and progress, or a refusal that changes nothing.

Ongaro's thesis 4.1 (one voter at a time) and 4.3 (joint consensus); the rules for learners are etcd's, those for witnesses ours.
"""

from __future__ import annotations

from collections.abc import Sequence

from quorate_node.protocol.membership import ChangeKind, MembershipChange, SingleChange, Transition
from quorate_node.protocol.raft.progress import Progress
from quorate_node.protocol.raft.tracker import Members, Tracker


class ChangeError(Exception):
    """The change is impossible on this configuration. At propose time it is refused; in an applied entry it stops the member."""


class Changer:
    """Works on copies of a tracker's members and progress; `result` hands them out."""

    def __init__(self, tracker: Tracker, last_index: int) -> None:
        self._tracker = tracker
        self._last_index = last_index
        self._members = tracker.members.clone()
        self._progress = {member: progress.clone() for member, progress in tracker.progress.items()}

    def change(self, change: MembershipChange) -> tuple[Members, dict[int, Progress]]:
        """Carry out `change` by the form it asks for. Raises `ChangeError`."""
        if not change.changes and change.transition == Transition.AUTO:
            return self.leave_joint()
        if change.transition != Transition.AUTO or len(change.changes) > 1:
            return self.enter_joint(change.transition != Transition.JOINT_EXPLICIT, change.changes)
        return self.simple(change.changes)

    def simple(self, changes: Sequence[SingleChange]) -> tuple[Members, dict[int, Progress]]:
        """At most one voter may come or go. Raises `ChangeError`."""
        if self._members.is_joint():
            raise ChangeError("can't apply simple config change in joint config")
        self._apply(changes)
        if len(self._tracker.members.incoming ^ self._members.incoming) > 1:
            raise ChangeError("more than one voter changed without entering joint config")
        return self._members, self._progress

    def enter_joint(self, auto_leave: bool, changes: Sequence[SingleChange]) -> tuple[Members, dict[int, Progress]]:
        """C_old becomes C_old,new: decisions need both halves from now on. Raises `ChangeError`."""
        members = self._members
        if members.is_joint():
            raise ChangeError("config is already joint")
        if not members.incoming:
            raise ChangeError("can't make a zero-voter config joint")
        members.outgoing = set(members.incoming)
        self._apply(changes)
        members.auto_leave = auto_leave
        return members, self._progress

    def leave_joint(self) -> tuple[Members, dict[int, Progress]]:
        """C_old,new becomes C_new; staged learners become learners. Raises `ChangeError`."""
        members = self._members
        if not members.is_joint():
            raise ChangeError("can't leave a non-joint config")
        for member in members.learners_next:
            members.learners.add(member)
            self._progress[member].is_learner = True
        members.learners_next = set()
        for member in members.outgoing - members.incoming - members.learners:
            del self._progress[member]
        members.outgoing = set()
        members.witnesses &= members.incoming
        members.auto_leave = False
        return members, self._progress

    def _apply(self, changes: Sequence[SingleChange]) -> None:
        for change in changes:
            if change.member_id == 0:
                # etcd's way of cancelling a change that is already in the log.
                continue
            match change.kind:
                case ChangeKind.ADD_VOTER:
                    self._make_voter(change.member_id)
                case ChangeKind.ADD_LEARNER:
                    self._make_learner(change.member_id)
                case ChangeKind.ADD_WITNESS:
                    self._make_witness(change.member_id)
                case ChangeKind.REMOVE:
                    self._remove(change.member_id)
                case ChangeKind.UPDATE:
                    pass
                case _:
                    raise ChangeError(f"unexpected conf type {change.kind}")
        if not self._members.incoming:
            raise ChangeError("removed all voters")
        if self._members.incoming <= self._members.witnesses:
            raise ChangeError("only witnesses would vote: nobody could lead; keep or add a voter that stores data")

    def _make_voter(self, member_id: int) -> None:
        self._refuse_witness(member_id)
        progress = self._progress.get(member_id)
        self._members.incoming.add(member_id)
        if progress is None:
            self._add_progress(member_id, is_learner=False)
            return
        progress.is_learner = False
        self._members.learners.discard(member_id)
        self._members.learners_next.discard(member_id)

    def _make_witness(self, member_id: int) -> None:
        if member_id in self._members.witnesses and member_id in self._members.incoming:
            return
        if member_id in self._progress:
            raise ChangeError(f"member {member_id} stores data and cannot become a witness: add a new member instead")
        self._members.incoming.add(member_id)
        self._members.witnesses.add(member_id)
        self._add_progress(member_id, is_learner=False)

    def _make_learner(self, member_id: int) -> None:
        self._refuse_witness(member_id)
        progress = self._progress.get(member_id)
        if progress is None:
            self._members.learners.add(member_id)
            self._add_progress(member_id, is_learner=True)
            return
        if progress.is_learner:
            return
        self._remove(member_id)
        self._progress[member_id] = progress
        if member_id in self._members.outgoing:
            self._members.learners_next.add(member_id)
        else:
            progress.is_learner = True
            self._members.learners.add(member_id)

    def _refuse_witness(self, member_id: int) -> None:
        if member_id in self._members.witnesses:
            raise ChangeError(f"member {member_id} is a witness and is never promoted: remove it and add a new member")

    def _remove(self, member_id: int) -> None:
        if member_id not in self._progress:
            return
        members = self._members
        members.incoming.discard(member_id)
        members.learners.discard(member_id)
        members.learners_next.discard(member_id)
        if member_id not in members.outgoing:
            # A voter of the outgoing half keeps being replicated to until the joint configuration is left.
            members.witnesses.discard(member_id)
            del self._progress[member_id]

    def _add_progress(self, member_id: int, *, is_learner: bool) -> None:
        # Active at first, so that a check of the quorum before it could answer does not depose the leader that added it.
        self._progress[member_id] = self._tracker.new_progress(
            0, max(self._last_index, 1), is_learner=is_learner, recent_active=True
        )
