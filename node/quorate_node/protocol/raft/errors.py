"""What Raft refuses, and what must stop a member. Misuse is ours (`ValueError`); `InvariantBroken` is damage or a peer's fault."""

from __future__ import annotations

from enum import IntEnum


class DropReason(IntEnum):
    NO_LEADER = 1
    NOT_LEADER = 2
    """There is a leader, elsewhere: send it there."""
    TRANSFER_IN_PROGRESS = 3
    UNCOMMITTED_LIMIT = 4
    """Too many bytes wait for their quorum: try again when some have been applied."""
    REMOVED = 5
    """This member leads, but is no longer in the configuration."""
    MEMBERSHIP = 6
    """The change of membership is not possible now, or not at all: the text says which."""
    READS_LIMIT = 7


class RaftError(Exception):
    """Base of all errors of Raft."""


class ProposalDropped(RaftError):
    """Nothing was appended: the caller may try again, here or at the leader, without risk of doing it twice."""

    def __init__(self, reason: DropReason, message: str) -> None:
        super().__init__(message)
        self.reason = reason


class MembershipRefused(ProposalDropped):
    """One change at a time, and none that leaves a configuration nobody could lead."""

    def __init__(self, message: str) -> None:
        super().__init__(DropReason.MEMBERSHIP, message)


class ReadDropped(RaftError):
    """The read was not asked for: no leader is known, or too many reads wait."""

    def __init__(self, reason: DropReason, message: str) -> None:
        super().__init__(message)
        self.reason = reason


class InvariantBroken(RaftError):
    """The log or a peer contradicts what was committed. The member must stop: going on could lose acknowledged writes."""
