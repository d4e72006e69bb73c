"""Command kinds: the struct of each, the check of its form, and what it does. The one table that dispatch and validation share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import msgspec
from msgspec import structs

from quorate.wire import commands as wire
from quorate.wire.commands import CommandKind
from quorate.wire.results import ApplicationResult, CompactResult, DoneResult, Result
from quorate_node.machine import forms, leases, mutations, sessions, txn
from quorate_node.machine.application_port import Pending
from quorate_node.machine.group import apply as group
from quorate_node.machine.interface import Refused, UnknownCommand
from quorate_node.machine.records import U64
from quorate_node.machine.rules import RULES, Rules
from quorate_node.machine.stage import Registration, Stage, Submission
from quorate_node.machine.txn_form import check_txn


def _put(stage: Stage, request: wire.Put) -> Result:
    mutations.check_put(stage, request)
    stage.sub = 0
    result = mutations.put_key(stage, request, stage.revision + 1)
    stage.revision += 1
    return result


def _delete_range(stage: Stage, request: wire.DeleteRange) -> Result:
    stage.sub = 0
    result = mutations.delete_range(stage, request, stage.revision + 1, stage.revision)
    stage.revision = result.revision
    return result


def _compact(stage: Stage, request: wire.Compact) -> Result:
    """Logical at once: what is older can no longer be read. `compaction.Purge` removes it later."""
    if request.revision <= stage.compacted_revision:
        raise Refused("Compacted", f"revision {request.revision} is already compacted (up to {stage.compacted_revision})")
    if request.revision > stage.revision:
        raise Refused("FutureRevision", f"revision {request.revision} is in the future: the store is at revision {stage.revision}")
    stage.compacted_revision = request.revision
    stage.effect("meta", b"compacted", U64.pack(request.revision))
    return CompactResult(stage.revision)


def _cluster_version(stage: Stage, request: wire.ClusterVersion) -> Result:
    """Never decreases: an older proposal that comes late changes nothing."""
    known_max = stage.committed.release.version_high
    if request.version > known_max:
        raise UnknownCommand(
            f"entry {stage.index} activates cluster version {request.version}, this release knows up to {known_max}: "
            "run a release that supports it"
        )
    if request.version > stage.cluster_version:
        stage.cluster_version = request.version
        stage.rules = RULES[request.version]
        stage.effect("meta", b"cluster_version", U64.pack(request.version))
    return DoneResult(stage.revision)


def _application(stage: Stage, payload: bytes) -> Result | Pending:
    """Ordered and remembered here, run by the port after the write: it must never see what the state may forget.

    Whether a machine is registered is replicated state; what this member happens to run must not decide what is stored.
    """
    if stage.application is None:
        return ApplicationResult(stage.index, b"")
    pending = Pending()
    stage.for_application.append(Submission(pending, stage.index, stage.position, stage.log_time_ms, payload))
    return pending


def _application_version(stage: Stage, request: wire.ApplicationVersion) -> Result:
    stage.application = (request.name, request.version)
    stage.effect("meta", b"application", U64.pack(request.version) + request.name.encode())
    stage.for_application.append(Registration(stage.index, request.name, request.version))
    return DoneResult(stage.revision)


def _member_update(stage: Stage, request: wire.MemberUpdate) -> Result:
    member = stage.member(request.member_id)
    if member is None:
        raise Refused("MemberNotFound", f"member {request.member_id} is not in the membership: it was removed or never added")
    updated = structs.replace(member, name=request.name, peer_url=request.peer_url, client_url=request.client_url)
    stage.write_member(request.member_id, updated)
    return DoneResult(stage.revision)


def _never(_stage: Stage, _request: Any) -> Result:
    raise Refused("InvalidArgument", "a range is read, not committed: send it as a read, or as an operation of a transaction")


class Kind(NamedTuple):
    decode: Callable[[bytes | msgspec.Raw], Any]
    check: Callable[[Any, Rules], None]
    """Raises `Refused` for the form alone; used before proposal and again at apply."""
    apply: Callable[[Stage, Any], Result | Pending]


def _kind(type_: Any, check: Callable[[Any, Rules], None], apply: Callable[[Stage, Any], Result | Pending]) -> Kind:
    return Kind(msgspec.msgpack.Decoder(type_).decode, check, apply)


KINDS: dict[int, Kind] = {
    CommandKind.PUT: _kind(wire.Put, forms.put, _put),
    CommandKind.DELETE_RANGE: _kind(wire.DeleteRange, forms.key, _delete_range),
    CommandKind.TXN: _kind(wire.Txn, check_txn, txn.execute),
    CommandKind.COMPACT: _kind(wire.Compact, forms.nothing, _compact),
    CommandKind.LEASE_GRANT: _kind(wire.LeaseGrant, forms.lease_grant, leases.grant),
    CommandKind.LEASE_REVOKE: _kind(wire.LeaseRevoke, forms.nothing, leases.revoke),
    CommandKind.LEASE_KEEPALIVE: _kind(wire.LeaseKeepAlive, forms.nothing, leases.keep_alive),
    CommandKind.LEASE_EXPIRE: _kind(wire.LeaseExpire, forms.nothing, leases.expire),
    CommandKind.SESSION_CREATE: _kind(wire.SessionCreate, forms.session_create, sessions.create),
    CommandKind.SESSION_CLOSE: _kind(wire.SessionClose, forms.nothing, sessions.close),
    CommandKind.SESSION_EXPIRE: _kind(wire.SessionExpire, forms.nothing, sessions.expire),
    CommandKind.CLUSTER_VERSION: _kind(wire.ClusterVersion, forms.cluster_version, _cluster_version),
    CommandKind.APPLICATION: _kind(bytes, forms.nothing, _application),
    CommandKind.APPLICATION_VERSION: _kind(wire.ApplicationVersion, forms.application_version, _application_version),
    CommandKind.MEMBER_UPDATE: _kind(wire.MemberUpdate, forms.member_update, _member_update),
    CommandKind.GROUP_CREATE: _kind(wire.GroupCreate, group.create_form, group.create),
    CommandKind.GROUP_COMMIT: _kind(wire.GroupCommit, group.commit_form, group.commit),
    CommandKind.RANGE: _kind(wire.Range, forms.key, _never),
}
