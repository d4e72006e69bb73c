"""What travels to the leader when somebody wants members or leadership changed, and the ids that new members get."""

from __future__ import annotations

from random import Random

import msgspec

MEMBER_ID_BITS = 63


class AdministrationCall(msgspec.Struct, array_like=True, frozen=True):
    """One call as it travels to the leader. `verb` names a method of `Administration`'s table."""

    verb: str
    member_id: int = 0
    peer_url: str = ""
    name: str = ""
    witness: bool = False
    priority: int = 0
    expected_configuration_index: int | None = None
    client_url: str = ""
    cluster_version: int = 0
    non_voting: bool = False
    non_voting_only: bool = False
    """Of a join: who asks has a certificate for members that never vote."""


def new_member_id(random: Random, taken: set[int]) -> int:
    """A random id in 1 .. 2^63-1 that is in nobody's use: identity belongs to a data directory, not to a name (DESIGN decision 2)."""
    while True:
        member_id = random.getrandbits(MEMBER_ID_BITS)
        if member_id and member_id not in taken:
            return member_id
