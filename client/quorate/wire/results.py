"""Results of the key-value machine, in the same array form as the requests of `commands`."""

from __future__ import annotations

import msgspec


class KeyValue(msgspec.Struct, array_like=True, gc=False, frozen=True):
    key: bytes
    value: bytes
    create_revision: int
    mod_revision: int
    version: int
    lease: int = 0


class PutResult(msgspec.Struct, array_like=True, gc=False, frozen=True, tag=1):
    revision: int
    previous: KeyValue | None = None


class DeleteRangeResult(msgspec.Struct, array_like=True, gc=False, frozen=True, tag=2):
    revision: int
    deleted: int
    previous: tuple[KeyValue, ...] = ()


class RangeResult(msgspec.Struct, array_like=True, gc=False, frozen=True, tag=3):
    """`revision` is the store's revision when it was read; `count` counts the whole range, `more` says the limit cut it."""

    revision: int
    kvs: list[KeyValue]
    count: int
    more: bool = False


class TxnResult(msgspec.Struct, array_like=True, gc=False, frozen=True, tag=4):
    revision: int
    succeeded: bool
    results: tuple[Result, ...] = ()


class CompactResult(msgspec.Struct, array_like=True, gc=False, frozen=True, tag=5):
    revision: int


class LeaseResult(msgspec.Struct, array_like=True, gc=False, frozen=True, tag=6):
    """Grant, revoke and look-up. `ttl_ms` is the remaining time by log time, -1 when there is no such lease."""

    revision: int
    lease: int
    ttl_ms: int
    granted_ttl_ms: int = 0
    keys: tuple[bytes, ...] = ()


class LeaseListResult(msgspec.Struct, array_like=True, gc=False, frozen=True, tag=7):
    """Keep-alive of many and list: (lease, remaining ttl_ms), -1 for one that is not there."""

    revision: int
    leases: tuple[tuple[int, int], ...]


class SessionResult(msgspec.Struct, array_like=True, gc=False, frozen=True, tag=8):
    session: int


class ApplicationResult(msgspec.Struct, array_like=True, gc=False, frozen=True, tag=9):
    """What the application's machine answered. `rejected` is its own `Rejected`: a result, not a failure."""

    index: int
    value: bytes
    rejected: bool = False


class DoneResult(msgspec.Struct, array_like=True, gc=False, frozen=True, tag=10):
    revision: int


class Failure(msgspec.Struct, array_like=True, gc=False, frozen=True, tag=11):
    """A command that was applied and refused, equally on every member. `error` is a name of `quorate.wire.errors`."""

    error: str
    message: str
    revision: int = 0


Result = (
    PutResult
    | DeleteRangeResult
    | RangeResult
    | TxnResult
    | CompactResult
    | LeaseResult
    | LeaseListResult
    | SessionResult
    | ApplicationResult
    | DoneResult
    | Failure
)


class EventType:
    PUT = 0
    DELETE = 1


class Event(msgspec.Struct, array_like=True, gc=False, frozen=True):
    """One change. A delete's `kv` holds the key and the mod_revision only. `previous` when it was asked for and not compacted."""

    type: int
    kv: KeyValue
    previous: KeyValue | None = None


class WatchEvents(msgspec.Struct, array_like=True, gc=False, frozen=True):
    """A message of a watch: whole revisions in order. No events: progress, nothing below `revision` is still to come.

    `compact_revision` > 0 ends the watch: its next revision was compacted.
    """

    watch: int
    revision: int
    events: tuple[Event, ...] = ()
    compact_revision: int = 0


class StreamFailure(msgspec.Struct, array_like=True, gc=False, frozen=True, tag=12):
    """On the binary stream: the request was not carried out, or its outcome is unknown (`quorate.wire.errors` says which)."""

    error: str
    message: str
    leader_member_id: int = 0
    leader_client_url: str = ""
