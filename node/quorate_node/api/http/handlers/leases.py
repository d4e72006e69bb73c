"""Leases, sessions, compaction."""

from __future__ import annotations

import msgspec
from aiohttp import web

from quorate.wire.commands import CommandKind, Compact, LeaseGrant, LeaseRevoke, SessionClose, SessionCreate
from quorate.wire.results import CompactResult, DoneResult, LeaseResult, SessionResult
from quorate_node.api.http.answers import (
    EmptyAnswer,
    LeaseAnswer,
    LeaseDetailAnswer,
    LeaseListAnswer,
    RevisionAnswer,
    SessionAnswer,
)
from quorate_node.api.http.bodies import CompactBody, LeaseGrantBody, LeaseKeepAliveBody, SessionCreateBody
from quorate_node.api.http.codec import command
from quorate_node.api.http.context import answer, context_of, head_of, identifier, query_of, read_body
from quorate_node.api.http.decoding import BodyDecoder
from quorate_node.api.http.encoding import as_text
from quorate_node.api.http.integers import int64
from quorate_node.api.http.keepalives import KEEPALIVES
from quorate_node.api.http.problem import Problem
from quorate_node.api.http.queries import LeaseQuery, NoQuery

_pack = msgspec.msgpack.Encoder().encode
_compact = BodyDecoder[CompactBody](CompactBody)
_grant = BodyDecoder[LeaseGrantBody](LeaseGrantBody)
_keepalive = BodyDecoder[LeaseKeepAliveBody](LeaseKeepAliveBody)
_session = BodyDecoder[SessionCreateBody](SessionCreateBody)


async def compact(request: web.Request) -> web.StreamResponse:
    query_of(request, NoQuery)
    body = _compact.decode(await read_body(request))
    payload = _pack(Compact(int64(body.revision, "revision", 1)))
    result = await context_of(request).execute(
        request, command(CommandKind.COMPACT, payload, body.session), payload, CompactResult
    )
    return answer(RevisionAnswer(str(result.revision)))


async def lease_grant(request: web.Request) -> web.StreamResponse:
    query_of(request, NoQuery)
    body = _grant.decode(await read_body(request))
    payload = _pack(LeaseGrant(int64(body.ttl_ms, "ttl_ms", 1), int64(body.lease, "lease")))
    granting = command(CommandKind.LEASE_GRANT, payload, body.session)
    result = await context_of(request).execute(request, granting, payload, LeaseResult)
    return answer(LeaseAnswer(str(result.lease), str(result.ttl_ms)))


async def lease_keepalive(request: web.Request) -> web.StreamResponse:
    query_of(request, NoQuery)
    body = _keepalive.decode(await read_body(request))
    limit = context_of(request).settings.keepalive_leases_max
    if len(body.leases) > limit:
        context_of(request).telemetry.api_limit_hits.add(("keepalive_leases_max",))
        raise Problem("TooManyOperations", f"field `leases`: {len(body.leases)} leases; at most {limit} go in one request")
    leases = tuple(int64(lease, "leases[]", 1) for lease in body.leases)
    if not leases:
        return answer(LeaseListAnswer([]))
    remaining = await request.app[KEEPALIVES].keep_alive(leases, head_of(request))
    return answer(LeaseListAnswer([LeaseAnswer(str(lease), str(remaining.get(lease, -1))) for lease in leases]))


async def lease_list(request: web.Request) -> web.StreamResponse:
    query_of(request, NoQuery)
    context = context_of(request)
    await context.consistent(request)
    result = context.service.machine.leases()
    return answer(LeaseListAnswer([LeaseAnswer(str(lease), str(ttl_ms)) for lease, ttl_ms in result.leases]))


async def lease_get(request: web.Request) -> web.StreamResponse:
    lease = identifier(request)
    query = query_of(request, LeaseQuery)
    context = context_of(request)
    await context.consistent(request)
    result = context.service.machine.lease(lease, query.keys)
    if result.ttl_ms < 0:
        raise Problem("LeaseNotFound", f"lease {lease}: there is none; it expired, was revoked, or never was")
    keys: list[bytes | str] = [as_text(key, "key") if query.encoding == "text" else key for key in result.keys]
    detail = LeaseDetailAnswer[bytes | str](str(lease), str(result.ttl_ms), str(result.granted_ttl_ms), keys)
    return answer(detail)


async def lease_revoke(request: web.Request) -> web.StreamResponse:
    query_of(request, NoQuery)
    payload = _pack(LeaseRevoke(identifier(request)))
    revoking = command(CommandKind.LEASE_REVOKE, payload, None)
    result = await context_of(request).execute(request, revoking, payload, LeaseResult)
    return answer(RevisionAnswer(str(result.revision)))


async def session_create(request: web.Request) -> web.StreamResponse:
    query_of(request, NoQuery)
    body = _session.decode(await read_body(request))
    payload = _pack(SessionCreate(int64(body.ttl_ms, "ttl_ms", 1)))
    creating = command(CommandKind.SESSION_CREATE, payload, None)
    result = await context_of(request).execute(request, creating, payload, SessionResult)
    return answer(SessionAnswer(str(result.session)))


async def session_close(request: web.Request) -> web.StreamResponse:
    query_of(request, NoQuery)
    payload = _pack(SessionClose(identifier(request)))
    closing = command(CommandKind.SESSION_CLOSE, payload, None)
    await context_of(request).execute(request, closing, payload, DoneResult)
    return answer(EmptyAnswer())
