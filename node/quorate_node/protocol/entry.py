"""Log entries and the chain of hashes over them. Pure."""

from __future__ import annotations

import hashlib
from enum import IntEnum
from struct import Struct

import msgspec

ENTRY_FORMAT = 1


class EntryType(IntEnum):
    """What an entry's data is. A member that meets an unknown committed type stops (DESIGN decision 8)."""

    NORMAL = 0
    """A `quorate.wire.commands.Batch`, or no data at all: the empty entry of a new leader."""
    MEMBERSHIP_SIMPLE = 1
    """One change, never joint (etcd's V1 form; kept for its golden traces)."""
    MEMBERSHIP = 2
    """A `membership.MembershipChange`; takes effect when it is applied."""
    STRIPPED = 3
    """What a witness stores in place of a normal entry: the data is the 32-byte leaf hash of the original."""


class Entry(msgspec.Struct, array_like=True, gc=False, frozen=True):
    index: int
    term: int
    type: int = EntryType.NORMAL
    data: bytes = b""


_LEAF_PREFIX = Struct(">BBQB")
_CHAIN = Struct(">QQ")
CHAIN_START = bytes(32)


def leaf_hash(entry: Entry) -> bytes:
    """The entry's Merkle leaf: SHA-256(0x00, format u8, index u64, type u8, data); without term (DESIGN decision 10, RFC 9162 2.1).

    A stripped entry carries its original's leaf, so a witness computes the same chain.
    """
    if entry.type == EntryType.STRIPPED:
        return entry.data
    return hashlib.sha256(_LEAF_PREFIX.pack(0, ENTRY_FORMAT, entry.index, entry.type) + entry.data).digest()


def chain_hash(previous: bytes, entry: Entry) -> bytes:
    """The log's checksum chain after `entry`: SHA-256(previous, index u64, term u64, leaf hash). Index 0 is `CHAIN_START`."""
    return hashlib.sha256(previous + _CHAIN.pack(entry.index, entry.term) + leaf_hash(entry)).digest()
