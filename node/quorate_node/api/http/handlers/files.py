"""Snapshots down and up, and the first start of a cluster."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from aiohttp import web

from quorate_node.api.http.answers import ClusterAnswer
from quorate_node.api.http.bodies import BootstrapBody
from quorate_node.api.http.context import answer, context_of, head_of, query_of, read_body
from quorate_node.api.http.decoding import BodyDecoder
from quorate_node.api.http.middleware import REQUEST_ID
from quorate_node.api.http.problem import Problem
from quorate_node.api.http.queries import NoQuery, RestoreQuery

TOKEN_CHARACTERS_MAX = 256
BINARY = "application/octet-stream"
_bootstrap = BodyDecoder[BootstrapBody](BootstrapBody)


async def snapshot(request: web.Request) -> web.StreamResponse:
    """Streams the file. It is cut (no end of the chunked body) when it cannot be completed, so half a file is never taken for one."""
    query_of(request, NoQuery)
    service = context_of(request).service
    index, revision = service.machine.applied_index, service.machine.revision
    chunks = service.snapshot_stream()
    first = await anext(chunks)
    response = web.StreamResponse()
    response.content_type = BINARY
    response.headers["x-quorate-index"] = str(index)
    response.headers["x-quorate-revision"] = str(revision)
    response.headers["x-request-id"] = request[REQUEST_ID]
    response.headers["content-disposition"] = f'attachment; filename="quorate-{service.cluster_id}-{revision}.snapshot"'
    await response.prepare(request)
    try:
        await response.write(first)
        async for chunk in chunks:
            # failpoint: api.snapshot.before_piece, awaited
            await response.write(chunk)
    except BaseException:
        if request.transport is not None:
            request.transport.abort()
        raise
    await response.write_eof()
    return response


async def bootstrap(request: web.Request) -> web.StreamResponse:
    query_of(request, NoQuery)
    body = _bootstrap.decode(await read_body(request))
    service = context_of(request).service
    cluster_id = await service.bootstrap(_token(body.token))
    # failpoint: api.bootstrap.before_answer, awaited
    return answer(ClusterAnswer(str(cluster_id), str(service.status().member_id)))


async def restore(request: web.Request) -> web.StreamResponse:
    query = query_of(request, RestoreQuery)
    head = head_of(request)
    if head.content_type != BINARY:
        shown = head.content_type[:60] or "none"
        raise Problem("UnsupportedMediaType", f"header `content-type`: {shown} is not a snapshot; send {BINARY}")
    service = context_of(request).service
    cluster_id = await service.bootstrap(_token(query.token), _chunks(request))
    return answer(ClusterAnswer(str(cluster_id), str(service.status().member_id)))


async def _chunks(request: web.Request) -> AsyncIterator[bytes]:
    """The body as it arrives. Raises `Problem` when it is too large or stalls."""
    context = context_of(request)
    limit, size = context.settings.restore_bytes_max, 0
    if head_of(request).content_length > limit:
        raise Problem("BodyTooLarge", f"the snapshot is larger than {limit} bytes, which is the limit (setting `restore_bytes_max`)")
    while True:
        try:
            async with asyncio.timeout(context.settings.body_timeout_ms / 1000):
                chunk = await request.content.readany()
        except TimeoutError:
            raise Problem("Timeout", f"no byte of the snapshot came for {context.settings.body_timeout_ms} ms") from None
        if not chunk:
            return
        size += len(chunk)
        if size > limit:
            context.telemetry.api_limit_hits.add(("restore_bytes_max",))
            raise Problem("BodyTooLarge", f"the snapshot is larger than {limit} bytes, which is the limit (setting `restore_bytes_max`)")
        yield chunk


def _token(token: str) -> str:
    if not token or len(token) > TOKEN_CHARACTERS_MAX or not token.isprintable():
        raise Problem("InvalidArgument", f"field `token`: send 1 to {TOKEN_CHARACTERS_MAX} printable characters")
    return token
