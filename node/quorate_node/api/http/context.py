"""What every handler of the general server needs, and the helpers that all of them share."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import TypeVar

import msgspec
from aiohttp import web

from quorate.wire.commands import Command
from quorate.wire.results import Failure, Result
from quorate_node.api.http.administration import Administrators
from quorate_node.api.http.cold import ColdHandler
from quorate_node.api.http.connection import judge_type
from quorate_node.api.http.encoding import encode_body
from quorate_node.api.http.head import Head
from quorate_node.api.http.integers import int64
from quorate_node.api.http.operations import Operations
from quorate_node.api.http.problem import Problem
from quorate_node.api.http.queries import Query, parse_query
from quorate_node.api.http.readiness import Readiness
from quorate_node.api.settings import ApiSettings
from quorate_node.identity.report import CertificateReporter
from quorate_node.replica.service import Consistency, ReplicaService, ServiceError
from quorate_node.telemetry.telemetry import Telemetry

Q = TypeVar("Q", bound=Query)
R = TypeVar("R")


@dataclass
class ApiContext:
    service: ReplicaService
    settings: ApiSettings
    telemetry: Telemetry
    operations: Operations
    loop: asyncio.AbstractEventLoop
    readiness: Readiness
    administrators: Administrators = field(default_factory=Administrators)
    certificate: CertificateReporter | None = None
    long_lived: set[asyncio.Task[object]] = field(default_factory=set)
    """Handlers of watches and streams: a shutdown tells them to end."""
    draining: bool = False

    async def execute(self, request: web.Request, command: Command, payload: bytes, expected: type[R]) -> R:
        """Carry out a command. Raises `ServiceError`, `Refused`, or `Problem` for one that was applied and refused."""
        head = head_of(request)
        self.service.machine.check(command.kind, payload)
        result: Result = await self.service.execute(command, forward=head.forward, timeout_s=head.timeout_s)
        if isinstance(result, Failure):
            raise ServiceError(result.error, result.message)
        assert isinstance(result, expected), f"{type(result).__name__} in place of {expected.__name__}"
        return result

    async def consistent(self, request: web.Request) -> None:
        """Wait until the machine may be read linearizably."""
        await self.service.read_barrier(Consistency.LINEARIZABLE, timeout_s=head_of(request).timeout_s)


CONTEXT = web.AppKey("context", ApiContext)
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def context_of(request: web.Request) -> ApiContext:
    return request.app[CONTEXT]


def head_of(request: web.Request) -> Head:
    """What the front parsed of this request's head."""
    handler = request.protocol
    assert isinstance(handler, ColdHandler) and handler.head is not None, "requests come through the front"
    return handler.head


def answer(body: msgspec.Struct, status: int = 200) -> web.Response:
    return web.Response(status=status, body=encode_body(body), content_type="application/json")


def query_of(request: web.Request, shape: type[Q]) -> Q:
    return parse_query(raw_target(request).partition(b"?")[2], shape)


def raw_target(request: web.Request) -> bytes:
    """The request's target as it was sent (origin form)."""
    target = request.raw_path.encode("latin-1", "replace")
    if target.startswith((b"http://", b"https://")):  # absolute form: what follows the authority
        return b"/" + target.split(b"//", 1)[1].partition(b"/")[2]
    return target


def identifier(request: web.Request, field_name: str = "id") -> int:
    """The 64-bit id in the path."""
    return int64(request.match_info[field_name], field_name, 1)


async def read_body(request: web.Request) -> bytes:
    """The whole body of a JSON request, in bounded memory and time. Raises `Problem`."""
    settings = context_of(request).settings
    head = head_of(request)
    limit = settings.body_bytes_max
    if head.content_length > limit:
        raise _too_large(request, limit)
    chunks: list[bytes] = []
    size = 0
    try:
        async with asyncio.timeout(settings.body_timeout_ms / 1000 + limit / settings.body_rate_min_bytes_per_s):
            async for chunk in request.content.iter_any():
                size += len(chunk)
                if size > limit:
                    raise _too_large(request, limit)
                chunks.append(chunk)
    except TimeoutError:
        raise Problem("Timeout", "the request's body was not complete in time: send it faster") from None
    if size:
        judge_type(head)
    return b"".join(chunks)


def _too_large(request: web.Request, limit: int) -> Problem:
    context_of(request).telemetry.api_limit_hits.add(("body_bytes_max",))
    return Problem("BodyTooLarge", f"the body is larger than {limit} bytes, which is the limit: split the request")
