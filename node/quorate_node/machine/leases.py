"""Leases: granted, renewed and revoked by entries, expired by log time alone (DESIGN decision 9)."""

from __future__ import annotations

from quorate.wire.commands import MAX_INT64, LeaseExpire, LeaseGrant, LeaseKeepAlive, LeaseRevoke
from quorate.wire.results import LeaseListResult, LeaseResult
from quorate_node.machine.committed import Lease
from quorate_node.machine.interface import Refused
from quorate_node.machine.mutations import delete_keys
from quorate_node.machine.stage import Stage

ABSENT = -1


def grant(stage: Stage, request: LeaseGrant) -> LeaseResult:
    rules = stage.rules
    if stage.lease_count >= rules.leases_max:
        raise Refused("TooManyRequests", f"there are {stage.lease_count} leases, the limit is {rules.leases_max}: share or revoke some")
    number = request.lease or _chosen(stage)
    if stage.lease(number) is not None:
        raise Refused("LeaseExists", f"lease {number} exists already: choose another id, or 0 to have one chosen")
    ttl_ms = max(request.ttl_ms, rules.lease_ttl_ms_min)
    stage.write_lease(number, Lease(ttl_ms, stage.log_time_ms + ttl_ms))
    return LeaseResult(stage.revision, number, ttl_ms, ttl_ms)


def _chosen(stage: Stage) -> int:
    """An id from where the command stands in the log: equal on all members, and free."""
    number = ((stage.index << 16) + stage.position + 1) & MAX_INT64
    while number == 0 or stage.lease(number) is not None:
        number = (number + 1) & MAX_INT64
    return number


def revoke(stage: Stage, request: LeaseRevoke) -> LeaseResult:
    if stage.lease(request.lease) is None:
        raise Refused("LeaseNotFound", f"lease {request.lease} does not exist or has expired")
    remove(stage, request.lease)
    return LeaseResult(stage.revision, request.lease, ABSENT)


def remove(stage: Stage, number: int) -> None:
    """End a lease and delete its keys, in their order, as one revision (none when it has no keys)."""
    revision = stage.revision + 1
    stage.sub = 0
    if delete_keys(stage, stage.keys_of_lease(number), revision):
        stage.revision = revision
    stage.write_lease(number, None)


def keep_alive(stage: Stage, request: LeaseKeepAlive) -> LeaseListResult:
    """A lease whose deadline has passed is still alive until its expiry is applied: renewing it then saves it."""
    renewed = []
    for number in request.leases:
        lease = stage.lease(number)
        if lease is None:
            renewed.append((number, ABSENT))
            continue
        stage.write_lease(number, Lease(lease.ttl_ms, stage.log_time_ms + lease.ttl_ms))
        renewed.append((number, lease.ttl_ms))
    return LeaseListResult(stage.revision, tuple(renewed))


def expire(stage: Stage, request: LeaseExpire) -> LeaseListResult:
    """Expire those whose deadline has passed by this entry's log time; one that was renewed meanwhile stays."""
    answered = []
    for number in request.leases:
        lease = stage.lease(number)
        if lease is not None and lease.deadline_ms <= stage.log_time_ms:
            remove(stage, number)
            lease = None
        answered.append((number, ABSENT if lease is None else lease.deadline_ms - stage.log_time_ms))
    return LeaseListResult(stage.revision, tuple(answered))
