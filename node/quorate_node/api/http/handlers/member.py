"""This member: status, version, health, metrics, the API's own document."""

from __future__ import annotations

from aiohttp import web

from quorate_node.api.http.answers import CertificateAnswer, HealthAnswer, StatusAnswer, VersionAnswer
from quorate_node.api.http.context import answer, context_of, query_of
from quorate_node.api.http.openapi import document
from quorate_node.api.http.queries import NoQuery
from quorate_node.identity.report import CertificateReporter
from quorate_node.replica.service import MemberStatus

API_VERSION = "v1"
_STARTING = frozenset({"repairing", "joining"})


async def status(request: web.Request) -> web.StreamResponse:
    query_of(request, NoQuery)
    context = context_of(request)
    return answer(status_answer(context.service.cluster_id, context.service.status(), context.certificate))


def status_answer(cluster_id: int, member: MemberStatus, certificate: CertificateReporter | None = None) -> StatusAnswer:
    report = certificate.report() if certificate is not None else None
    return StatusAnswer(
        str(cluster_id),
        str(member.member_id),
        member.name,
        member.role,
        member.peer_url,
        member.client_url,
        str(member.leader_id),
        str(member.term),
        str(member.commit_index),
        str(member.applied_index),
        str(member.first_index),
        str(member.last_index),
        str(member.revision),
        str(member.compacted_revision),
        str(member.log_size_bytes),
        str(member.state_size_bytes),
        member.cluster_version,
        member.version,
        str(member.boot_counter),
        [*member.errors, *(certificate.alarms() if certificate is not None else ())],
        CertificateAnswer(report.not_before, report.expires_at, report.authority, list(report.trusted)) if report is not None else None,
    )


async def version(request: web.Request) -> web.StreamResponse:
    query_of(request, NoQuery)
    member = context_of(request).service.status()
    return answer(VersionAnswer(member.version, API_VERSION, member.cluster_version))


async def health_live(request: web.Request) -> web.StreamResponse:
    """The loop turns and the member has not stopped itself: restarting it would not help a cluster without quorum."""
    query_of(request, NoQuery)
    member = context_of(request).service.status()
    return _health("" if member.role != "stopped" else f"the member stopped: {', '.join(member.errors) or 'see its log'}")


async def health_ready(request: web.Request) -> web.StreamResponse:
    """A voter that has caught up (`readiness`): clients can be served, and a cluster that loses another member can count on this one."""
    query_of(request, NoQuery)
    context = context_of(request)
    return _health("the member is shutting down" if context.draining else await context.readiness.reason())


async def health_startup(request: web.Request) -> web.StreamResponse:
    """The store is open and repaired. A member that waits for its first bootstrap, or for an operator's decision about damage, has
    started: to start it again would not help."""
    query_of(request, NoQuery)
    role = context_of(request).service.status().role
    return _health(f"the member is {role}" if role in _STARTING else "")


def _health(reason: str) -> web.Response:
    return answer(HealthAnswer(not reason, reason), 503 if reason else 200)


async def metrics(request: web.Request) -> web.StreamResponse:
    text = context_of(request).telemetry.exposition()
    return web.Response(body=text, headers={"content-type": "text/plain; version=0.0.4; charset=utf-8"})


async def openapi(request: web.Request) -> web.StreamResponse:
    query_of(request, NoQuery)
    return web.Response(body=document(), content_type="application/json")
