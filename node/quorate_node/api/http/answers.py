"""JSON bodies of answers. 64-bit integers are strings; `T` is bytes for base64 and str for text. Zero and false fields are present."""

from __future__ import annotations

from typing import Generic, TypeVar

import msgspec

T = TypeVar("T")


class KeyValueAnswer(msgspec.Struct, Generic[T], gc=False):
    key: T
    value: T
    create_revision: str
    mod_revision: str
    version: str
    lease: str


class PutAnswer(msgspec.Struct, Generic[T], gc=False):
    revision: str
    previous: KeyValueAnswer[T] | None = None


class RangeAnswer(msgspec.Struct, Generic[T], gc=False):
    revision: str
    kvs: list[KeyValueAnswer[T]]
    count: str
    more: bool


class KeyAnswer(msgspec.Struct, Generic[T], gc=False):
    revision: str
    kv: KeyValueAnswer[T]


class DeleteAnswer(msgspec.Struct, Generic[T], gc=False):
    revision: str
    deleted: str
    previous: list[KeyValueAnswer[T]]


class OperationAnswer(msgspec.Struct, Generic[T], omit_defaults=True, gc=False):
    """Exactly one field is set, that of the operation."""

    put: PutAnswer[T] | None = None
    delete: DeleteAnswer[T] | None = None
    range: RangeAnswer[T] | None = None
    txn: TxnAnswer[T] | None = None


class TxnAnswer(msgspec.Struct, Generic[T], gc=False):
    revision: str
    succeeded: bool
    results: list[OperationAnswer[T]]


class RevisionAnswer(msgspec.Struct):
    revision: str


class LeaseAnswer(msgspec.Struct):
    lease: str
    ttl_ms: str


class LeaseDetailAnswer(msgspec.Struct, Generic[T]):
    lease: str
    ttl_ms: str
    granted_ttl_ms: str
    keys: list[T]


class LeaseListAnswer(msgspec.Struct):
    leases: list[LeaseAnswer]


class SessionAnswer(msgspec.Struct):
    session: str


class ProposeAnswer(msgspec.Struct, Generic[T]):
    index: str
    value: T
    rejected: bool


class EventAnswer(msgspec.Struct, Generic[T]):
    """`type` is `put` or `delete`; a delete's `kv` holds the key and the mod revision only."""

    type: str
    kv: KeyValueAnswer[T]
    previous: KeyValueAnswer[T] | None


class WatchCreatedAnswer(msgspec.Struct):
    watch: str
    revision: str


class WatchEventsAnswer(msgspec.Struct, Generic[T]):
    """No events: progress."""

    watch: str
    revision: str
    events: list[EventAnswer[T]]


class WatchProgressAnswer(msgspec.Struct):
    watch: str
    revision: str


class WatchCompactedAnswer(msgspec.Struct):
    watch: str
    compact_revision: str


class ApplyAnswer(msgspec.Struct):
    """One application command of the ordered log; `session` and `seq` let a follower drop a repeated one."""

    index: str
    position: int
    term: str
    log_time_ms: str
    session: str
    seq: str
    payload: bytes


class ProgressAnswer(msgspec.Struct):
    state: str
    match_index: str
    recent_active: bool
    lag_entries: str


class MemberAnswer(msgspec.Struct):
    member_id: str
    name: str
    role: str
    peer_url: str
    client_url: str
    priority: int
    progress: ProgressAnswer | None


class MembersAnswer(msgspec.Struct):
    cluster_id: str
    configuration_index: str
    members: list[MemberAnswer]


class MemberIdAnswer(msgspec.Struct):
    member_id: str


class LeaderAnswer(msgspec.Struct):
    member_id: str
    client_url: str


class ClusterAnswer(msgspec.Struct):
    cluster_id: str
    member_id: str


class CertificateAnswer(msgspec.Struct):
    """Times in RFC 3339. `authority`: SHA-256 fingerprint of the CA that signed it, empty when none of the `trusted` did."""

    not_before: str
    expires_at: str
    authority: str
    trusted: list[str]


class StatusAnswer(msgspec.Struct):
    """This member; every index, size and revision as a string."""

    cluster_id: str
    member_id: str
    name: str
    role: str
    peer_url: str
    client_url: str
    leader_id: str
    term: str
    commit_index: str
    applied_index: str
    first_index: str
    last_index: str
    revision: str
    compacted_revision: str
    log_size_bytes: str
    state_size_bytes: str
    cluster_version: int
    version: str
    boot_counter: str
    errors: list[str]
    certificate: CertificateAnswer | None
    """Of this member, for peers and clients; null without TLS, and while its files cannot be read."""


class VersionAnswer(msgspec.Struct):
    version: str
    api: str
    cluster_version: int


class HealthAnswer(msgspec.Struct):
    """`reason` is empty when healthy."""

    healthy: bool
    reason: str


class EmptyAnswer(msgspec.Struct):
    """`{}`: done."""
