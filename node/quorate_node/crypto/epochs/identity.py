"""How an epoch is named on the wire, and what is handed over when one begins."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import NamedTuple

from quorate_node.crypto.epochs.errors import ValidationError
from quorate_node.crypto.epochs.settings import EpochSettings
from quorate_node.crypto.mls.secret import Secret

TAG_BYTES = 8
EXPORTER_BYTES_MIN = 32
EPOCH_MAX = 2**64 - 1
MEMBER_MAX = 2**63 - 1


class EpochId(NamedTuple):
    """An epoch of one group: a fresh group counts from 0 again, so that the number alone would not do."""

    group_tag: bytes
    """The first 8 bytes of the group id's SHA-256: public, and different for any two groups that a member meets."""
    number: int

    @classmethod
    def of(cls, group_id: bytes, number: int) -> EpochId:
        return cls(sha256(group_id).digest()[:TAG_BYTES], number)

    def __str__(self) -> str:
        return f"{self.number} of group {self.group_tag.hex()}"


@dataclass(frozen=True, slots=True, repr=False)
class EpochGrant:
    """A new epoch, as the MLS group hands it over: `exporter` (MLS-Exporter, 32 bytes or more) is erased when it was used, or refused."""

    group_id: bytes
    number: int
    members: Sequence[int]
    """Ids of all members, this one among them."""
    exporter: Secret

    @property
    def id(self) -> EpochId:
        return EpochId.of(self.group_id, self.number)

    def __repr__(self) -> str:
        return f"EpochGrant({self.id}, {len(self.members)} members)"

    def erase(self) -> None:
        self.exporter.erase()

    def check(self, member_id: int, settings: EpochSettings) -> None:
        """Raises `ValidationError`."""
        if not 0 < len(self.group_id) <= settings.group_id_bytes_max:
            raise ValidationError(f"group_id has {len(self.group_id)} bytes; it must have 1 to {settings.group_id_bytes_max}")
        if not 0 <= self.number <= EPOCH_MAX:
            raise ValidationError(f"epoch is {self.number}; it must be 0 to 2^64-1")
        if self.exporter.erased:
            raise ValidationError("exporter secret was erased: a grant is used once")
        if len(self.exporter) < EXPORTER_BYTES_MIN:
            raise ValidationError(f"exporter secret has {len(self.exporter)} bytes; it must have at least {EXPORTER_BYTES_MIN}")
        if len(self.members) > settings.members_max:
            raise ValidationError(f"members are {len(self.members)}; epochs.members_max is {settings.members_max}: raise it everywhere")
        for peer in self.members:
            check_member(peer)
        if len(frozenset(self.members)) != len(self.members):
            raise ValidationError(f"members name one twice among {len(self.members)}: each member has one leaf")
        if member_id not in self.members:
            raise ValidationError(f"members do not have this member, {member_id}: it is not in the group")


def check_member(member_id: int) -> None:
    """Raises `ValidationError`."""
    if not 0 < member_id <= MEMBER_MAX:
        raise ValidationError(f"member id is {member_id}; it must be 1 to 2^63-1")
