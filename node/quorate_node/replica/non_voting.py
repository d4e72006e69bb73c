"""Members that never vote: who is one, how many there may be, and who may come back as one. What they are is in their records."""

from __future__ import annotations

from collections.abc import Mapping

from quorate_node.protocol.membership import MemberRecord
from quorate_node.replica.service import ServiceError
from quorate_node.transport.restricted import FOR_NON_VOTING

Members = Mapping[int, MemberRecord]


def is_non_voting(members: Members, member_id: int) -> bool:
    record = members.get(member_id)
    return record is not None and record.non_voting


def require_promotable(members: Members, member_id: int) -> None:
    """Raises `ServiceError` for one that is never promoted."""
    if is_non_voting(members, member_id):
        raise ServiceError(
            "MemberNotLearner",
            f"member {member_id} is non-voting and is never promoted: remove it, and let it join without member.non_voting",
        )


def require_no_vote(record: MemberRecord) -> None:
    """Raises `ServiceError` where who is held to never voting, by its certificate, asks for the place of one that may."""
    if not record.non_voting:
        text = f"the place of {record.name!r} at {record.peer_url!r} is of a member that may vote, and {FOR_NON_VOTING}"
        raise ServiceError("PermissionDenied", text)


def require_one_role(*, witness: bool, non_voting: bool) -> None:
    """Raises `ServiceError`. The protocol would count such a one: it knows a witness, and not the mark in its record."""
    if witness and non_voting:
        raise ServiceError("InvalidArgument", "witness and non_voting are both true: a witness does nothing but vote; choose one")


def require_room(members: Members, leaving: int | None, most: int) -> None:
    """Raises `ServiceError` where one more would be more than `most`: the leader sends everything to each of them."""
    there = sum(record.non_voting for record in members.values() if record.member_id != leaving)
    if there >= most:
        raise ServiceError(
            "InvalidArgument",
            f"there are {there} non-voting members, replica.non_voting_members_max is {most}: remove one, or raise it on every member",
        )


def has_moved(record: MemberRecord, name: str, peer_url: str, *, non_voting: bool) -> bool:
    """Whether who asks is called as this non-voting member, and only its address is another one: a pod whose network was made anew."""
    return record.non_voting and non_voting and bool(name) and record.name == name and record.peer_url != peer_url
