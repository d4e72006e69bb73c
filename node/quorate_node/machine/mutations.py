"""Put and delete range, the general lane: every option, inside a transaction or alone."""

from __future__ import annotations

from quorate.wire.commands import DeleteRange, Put
from quorate.wire.results import DeleteRangeResult, KeyValue, PutResult
from quorate_node.machine.interface import Refused
from quorate_node.machine.records import HEADER, HEADER_BYTES, key_value
from quorate_node.machine.scan import StageSource, bounds
from quorate_node.machine.stage import Stage


def check_put(stage: Stage, put: Put) -> None:
    """What must hold of the state before a put. Raises `Refused` (KeyNotFound, LeaseNotFound); nothing was written then."""
    if (put.ignore_value or put.ignore_lease) and stage.record(put.key) is None:
        flag = "ignore_value" if put.ignore_value else "ignore_lease"
        raise Refused("KeyNotFound", f"{flag} keeps what the key has, but key {put.key!r} is not there: put it without the flag first")
    if put.lease and stage.lease(put.lease) is None:
        raise Refused("LeaseNotFound", f"lease {put.lease} does not exist or has expired: grant it before putting keys under it")


def put_key(stage: Stage, put: Put, revision: int) -> PutResult:
    """Write at `revision`; `check_put` has passed."""
    old = stage.record(put.key)
    value, lease = put.value, put.lease
    if old is None:
        create, version = revision, 1
    else:
        create, _, version, old_lease = HEADER.unpack_from(old)
        version += 1
        if put.ignore_value:
            value = old[HEADER_BYTES:]
        if put.ignore_lease:
            lease = old_lease
    previous: KeyValue | None = key_value(put.key, old) if put.previous and old is not None else None
    stage.write_key(put.key, HEADER.pack(create, revision, version, lease) + value, revision)
    return PutResult(revision, previous)


def delete_keys(stage: Stage, keys: list[bytes], revision: int) -> int:
    """Delete those of `keys` that are there, in their order, at one revision; returns how many."""
    deleted = 0
    for key in keys:
        if stage.record(key) is not None:
            stage.write_key(key, None, revision)
            deleted += 1
    return deleted


def delete_range(stage: Stage, request: DeleteRange, revision: int, revision_before: int) -> DeleteRangeResult:
    """Delete at `revision`; the result names `revision_before` when there was nothing to delete."""
    if not request.range_end:
        record = stage.record(request.key)
        pairs = [] if record is None else [(request.key, record)]
    else:
        start, end = bounds(request.key, request.range_end)
        pairs = [] if end is not None and end <= start else list(StageSource(stage).items(start, end))
    previous = tuple(key_value(key, record) for key, record in pairs) if request.previous else ()
    for key, _ in pairs:
        stage.write_key(key, None, revision)
    return DeleteRangeResult(revision if pairs else revision_before, len(pairs), previous)
