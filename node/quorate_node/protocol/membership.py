"""Membership: who votes, who learns, who only witnesses; and the changes of it. Pure plain data."""

from __future__ import annotations

from enum import IntEnum

import msgspec


class ChangeKind(IntEnum):
    ADD_VOTER = 0
    REMOVE = 1
    UPDATE = 2
    ADD_LEARNER = 3
    ADD_WITNESS = 4
    """A voter that stores term and hash only; it never leads, serves, repairs or is promoted."""


class Transition(IntEnum):
    """How a joint configuration is entered and left (Ongaro's thesis 4.3; etcd's names)."""

    AUTO = 0
    """Simple when at most one voter changes, else joint and left automatically."""
    JOINT_IMPLICIT = 1
    JOINT_EXPLICIT = 2


class SingleChange(msgspec.Struct, array_like=True, gc=False, frozen=True):
    kind: ChangeKind
    member_id: int


class MembershipChange(msgspec.Struct, array_like=True, gc=False, frozen=True):
    """Data of a MEMBERSHIP entry, as msgpack. No changes and AUTO means: leave the joint configuration.

    `context` is opaque to the protocol: the msgpack of the new members' `MemberRecord`s.
    """

    changes: tuple[SingleChange, ...] = ()
    transition: Transition = Transition.AUTO
    context: bytes = b""


class Configuration(msgspec.Struct, array_like=True, gc=False, frozen=True):
    """The applied membership (etcd's ConfState, with witnesses). All tuples sorted. Witnesses are also in `voters`."""

    voters: tuple[int, ...] = ()
    learners: tuple[int, ...] = ()
    voters_outgoing: tuple[int, ...] = ()
    learners_next: tuple[int, ...] = ()
    auto_leave: bool = False
    witnesses: tuple[int, ...] = ()


class MemberRecord(msgspec.Struct, array_like=True, gc=False, frozen=True):
    """What the cluster remembers of a member, replicated in the state (family `members`)."""

    member_id: int
    name: str
    peer_url: str
    client_url: str
    witness: bool = False
    priority: int = 0
    non_voting: bool = False
    """A learner for good: it copies and serves, never votes, and is never promoted (what Consul calls non-voting). The protocol knows it
    as a learner; who proposes promotions asks this record."""
