"""Layouts of the state's column families: what lies under which key, byte for byte. All integers are big-endian.

    current     key                            -> create u64, mod u64, version u64, lease u64, value
    history     escape(key), mod u64           -> superseded_at u64: an index of few versions (`is_indexed`)
    revisions   revision u64, sub u32          -> a run of events from there on, with the records that they superseded (`events`)
    leases      lease u64                      -> granted ttl_ms u64, deadline_ms u64
    lease_keys  lease u64, key                 -> empty
    sessions    session u64                    -> ttl_ms u64, deadline_ms u64, acked_below u64, seq_max u64
    replies     session u64, seq u64           -> reply (machine.sessions)
    members     member id u64                  -> msgpack of MemberRecord

A version of a key lives in exactly one place: in `current`, or, once superseded at revision w, in the event at w. So there are no
tombstones, and a version is garbage exactly when w <= the compacted revision: with its event. Events of a key form a chain (previous
mod), and `history` says where to step into it (`past`): an index record for every version would cost a put as much as the put itself.
A key changes at most once a revision (`txn_form` refuses more).
"""

from __future__ import annotations

from struct import Struct

from quorate.wire.results import EventType, KeyValue

HEADER = Struct(">QQQQ")
HEADER_BYTES = HEADER.size
REVISION_KEY = Struct(">QI")
U64 = Struct(">Q")
PAIR = Struct(">QQ")
INDEXED_EVERY = 8
"""A version of the past is at most so many steps along its key's events away from an indexed one."""
SESSION = Struct(">QQQQ")

_ZERO = b"\x00"
_ESCAPED_ZERO = b"\x00\xff"
_TERMINATOR = b"\x00\x00"


def escape(key: bytes) -> bytes:
    """`key` so that byte order is kept when a fixed-size suffix follows: 00 becomes 00 FF, and 00 00 ends it."""
    return key.replace(_ZERO, _ESCAPED_ZERO) + _TERMINATOR


def split_history_key(history_key: bytes) -> tuple[bytes, int]:
    """The inverse of `escape(key) + U64.pack(mod)`."""
    return history_key[:-10].replace(_ESCAPED_ZERO, _ZERO), U64.unpack(history_key[-8:])[0]


def key_value(key: bytes, record: bytes) -> KeyValue:
    create, mod, version, lease = HEADER.unpack_from(record)
    return KeyValue(key, record[HEADER_BYTES:], create, mod, version, lease)


def key_only(key: bytes, record: bytes) -> KeyValue:
    create, mod, version, lease = HEADER.unpack_from(record)
    return KeyValue(key, b"", create, mod, version, lease)


def version_of(record: bytes) -> int:
    return int.from_bytes(record[16:24])


def is_indexed(superseded: bytes, *, deleted: bool) -> bool:
    """Whether `history` has a record of a superseded version: every `INDEXED_EVERY`-th of a key, and its last one before a deletion,
    behind which no chain of events leads from `current`."""
    return deleted or version_of(superseded) % INDEXED_EVERY == 0


def mod_revision(record: bytes) -> int:
    return int.from_bytes(record[8:16])


def lease_of(record: bytes) -> int:
    return int.from_bytes(record[24:32])


PUT = EventType.PUT
DELETE = EventType.DELETE

LOCAL_PREFIX = b"local/"
"""Keys of `meta` that belong to this member alone and never to a snapshot."""


def is_canonical(family: str, key: bytes, value: bytes, compacted_revision: int) -> bool:
    """Whether a pair belongs to the state that all members share at one index, for snapshots and comparisons.

    Compaction is logical at once and physical later (`compaction.Purge`), at each member's own pace: what it has not yet
    removed, and the notes on how far it came (`meta` keys under `metadata.LOCAL_PREFIX`), are not canonical.
    """
    if family == "history":
        superseded_at: int = U64.unpack_from(value)[0]
        return superseded_at > compacted_revision
    if family == "revisions":
        revision: int = U64.unpack_from(key)[0]
        return revision >= compacted_revision
    return not (family == "meta" and key.startswith(LOCAL_PREFIX))
