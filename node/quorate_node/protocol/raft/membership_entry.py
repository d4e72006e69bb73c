"""Changes of membership as entries of the log."""

from __future__ import annotations

import msgspec

from quorate_node.protocol.entry import Entry, EntryType
from quorate_node.protocol.membership import MembershipChange

_decoder = msgspec.msgpack.Decoder(MembershipChange)
_encoder = msgspec.msgpack.Encoder()

LEAVE_JOINT_ENTRY = Entry(0, 0, EntryType.MEMBERSHIP, b"")
"""No data: it leaves the joint configuration, and is never refused for its size."""


def encode_change(change: MembershipChange) -> bytes:
    return _encoder.encode(change)


def decode_change(data: bytes) -> MembershipChange:
    """The change in a membership entry. Raises `msgspec.DecodeError` (also `ValidationError`) for anything else."""
    return _decoder.decode(data) if data else MembershipChange()


def is_membership(entry: Entry) -> bool:
    return entry.type in (EntryType.MEMBERSHIP, EntryType.MEMBERSHIP_SIMPLE)
