"""The form of each request, whatever the state: checked before it is proposed, and again when it is applied."""

from __future__ import annotations

from typing import Any

from quorate.wire import commands as wire
from quorate.wire.commands import MAX_INT64
from quorate_node.machine.interface import Refused
from quorate_node.machine.rules import Rules


def nothing(_request: Any, _rules: Rules) -> None:
    """Every decoded request of this kind has a right form; what its ids name is the state's matter."""


def key(request: wire.DeleteRange | wire.Range, _rules: Rules) -> None:
    if not request.key:
        raise Refused("EmptyKey", "key is empty: name a key (b'\\x00' with range_end b'\\x00' is the whole store)")


def negative_revision(revision: int) -> Refused:
    """Refused before it is proposed or read; in the log it means now, as it always has."""
    return Refused("InvalidArgument", f"revision is {revision}; it must be 0 (now) or the number of one that was made")


def put(request: wire.Put, _rules: Rules) -> None:
    if not request.key:
        raise Refused("EmptyKey", "key is empty: name a key of at least one byte")
    if request.ignore_value and request.value:
        raise Refused("InvalidArgument", "value is given together with ignore_value: leave one of the two out")
    if request.ignore_lease and request.lease:
        raise Refused("InvalidArgument", f"lease {request.lease} is given together with ignore_lease: leave one of the two out")


def lease_grant(request: wire.LeaseGrant, rules: Rules) -> None:
    if request.ttl_ms > rules.lease_ttl_ms_max:
        raise Refused("LeaseTtlTooLarge", f"ttl_ms {request.ttl_ms} is over the limit of {rules.lease_ttl_ms_max}: ask for less")
    if not 0 <= request.lease <= MAX_INT64:
        raise Refused("InvalidArgument", f"lease {request.lease} is not within 1 and {MAX_INT64}: give such an id, or 0 to have one chosen")


def session_create(request: wire.SessionCreate, rules: Rules) -> None:
    low, high = rules.session_ttl_ms_min, rules.session_ttl_ms_max
    if not low <= request.ttl_ms <= high:
        raise Refused("InvalidArgument", f"ttl_ms {request.ttl_ms} of a session is not within {low} and {high}: choose one between them")


def cluster_version(request: wire.ClusterVersion, _rules: Rules) -> None:
    if request.version < 1:
        raise Refused("InvalidArgument", f"cluster version {request.version} is below 1: versions count from 1")


def application_version(request: wire.ApplicationVersion, rules: Rules) -> None:
    _text("name", request.name, rules)
    if not 0 <= request.version <= MAX_INT64:
        raise Refused("InvalidArgument", f"version {request.version} is not within 0 and {MAX_INT64}: give such a version")


def member_update(request: wire.MemberUpdate, rules: Rules) -> None:
    for field in ("name", "peer_url", "client_url"):
        _text(field, getattr(request, field), rules)


def _text(field: str, value: str, rules: Rules) -> None:
    size = len(value.encode(errors="surrogatepass"))
    if size > rules.name_bytes_max:
        raise Refused("InvalidArgument", f"{field} is {size} bytes, over the limit of {rules.name_bytes_max}: shorten it")
