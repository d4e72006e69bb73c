"""Answers of the JSON API as the client returns them. Fields of a newer release are ignored; numbers may come as strings."""

from __future__ import annotations

import msgspec

from quorate.wire.results import Event, KeyValue


class Progress(msgspec.Struct, frozen=True):
    """The leader's view of a member."""

    member_id: int = 0
    state: str = ""
    match_index: int = 0
    recent_active: bool = False
    lag_entries: int = 0


class Member(msgspec.Struct, frozen=True):
    member_id: int
    name: str = ""
    role: str = ""
    """voter | learner | non-voting | witness"""
    peer_url: str = ""
    client_url: str = ""
    priority: int = 0
    progress: Progress | None = None


class Members(msgspec.Struct, frozen=True):
    """`configuration_index` is what a membership call may expect, so that two operators do not undo each other's work."""

    cluster_id: int
    configuration_index: int
    members: list[Member]


class LeaderInfo(msgspec.Struct, frozen=True):
    member_id: int = 0
    client_url: str = ""


class CertificateInfo(msgspec.Struct, frozen=True):
    """A member's certificate; times in RFC 3339. `authority`: fingerprint (SHA-256) of the CA that signed it, one of `trusted`."""

    not_before: str = ""
    expires_at: str = ""
    authority: str = ""
    trusted: tuple[str, ...] = ()


class Status(msgspec.Struct, frozen=True):
    """One member's view of itself. `errors` are its alarms in words, empty when all is well."""

    member_id: int = 0
    cluster_id: int = 0
    name: str = ""
    role: str = ""
    peer_url: str = ""
    client_url: str = ""
    leader_id: int = 0
    term: int = 0
    commit_index: int = 0
    applied_index: int = 0
    first_index: int = 0
    last_index: int = 0
    revision: int = 0
    compacted_revision: int = 0
    log_size_bytes: int = 0
    state_size_bytes: int = 0
    cluster_version: int = 0
    version: str = ""
    boot_counter: int = 0
    errors: tuple[str, ...] = ()
    certificate: CertificateInfo | None = None


class LeaseInfo(msgspec.Struct, frozen=True):
    """`ttl_ms` is what is left, -1 when there is no such lease."""

    lease: int
    ttl_ms: int
    granted_ttl_ms: int = 0
    keys: tuple[bytes, ...] = ()


class Leases(msgspec.Struct, frozen=True):
    leases: list[LeaseInfo] = []


class MemberAdded(msgspec.Struct, frozen=True):
    member_id: int


class Restored(msgspec.Struct, frozen=True):
    cluster_id: int
    member_id: int


class Applied(msgspec.Struct, frozen=True):
    """One command of the ordered log. An entry may hold several: (`index`, `position`) names one."""

    index: int
    payload: bytes
    term: int = 0
    log_time_ms: int = 0
    position: int = 0


class Proposed(msgspec.Struct, frozen=True):
    """What the application's machine answered; `rejected` is its own refusal, a result and not a failure."""

    index: int
    value: bytes = b""
    rejected: bool = False


class WatchBatch(msgspec.Struct, frozen=True):
    """Whole revisions of a watch, in order; without events it is progress: nothing up to `revision` is still to come."""

    revision: int
    events: tuple[Event, ...] = ()


class SnapshotInfo(msgspec.Struct, frozen=True):
    path: str
    size_bytes: int
    sha256: str
    index: int = 0
    revision: int = 0


class LeaderAnswer(msgspec.Struct, frozen=True):
    member_id: int = 0
    client_url: str = ""


class ErrorAnswer(msgspec.Struct, frozen=True):
    """Every error of the API (docs/api.md)."""

    error: str
    message: str = ""
    code: int = 2
    leader: LeaderAnswer | None = None
    request_id: str = ""


class Empty(msgspec.Struct, frozen=True):
    """For answers whose content does not matter."""


__all__ = [
    "Applied",
    "Empty",
    "ErrorAnswer",
    "Event",
    "KeyValue",
    "LeaderAnswer",
    "LeaderInfo",
    "LeaseInfo",
    "Leases",
    "Member",
    "MemberAdded",
    "Members",
    "Progress",
    "Proposed",
    "Restored",
    "SnapshotInfo",
    "Status",
    "WatchBatch",
]
