"""Around every request of the general server: the head's verdict, one shape for all errors, the request id, counters."""

from __future__ import annotations

import time

from aiohttp import web
from aiohttp.typedefs import Handler

from quorate_node.api.http.cold import ColdHandler
from quorate_node.api.http.context import context_of, head_of
from quorate_node.api.http.problem import RETRY_AFTER_S, Problem, error_body, wants_retry_after
from quorate_node.api.http.routes import ROUTES
from quorate_node.machine.interface import Refused
from quorate_node.replica.service import ServiceError
from quorate_node.store.errors import StoreError

_BY_NAME = {route.name: route for route in ROUTES}
REQUEST_ID = web.RequestKey("request_id", str)
CLIENT_GONE = 499
"""The client hung up before it was answered (a common extension of HTTP's table; such a client sees nothing of it)."""


@web.middleware
async def around(request: web.Request, handler: Handler) -> web.StreamResponse:
    began_s = time.monotonic()
    request[REQUEST_ID] = _request_id(request)
    response = await _guarded(request, handler)
    route = request.match_info.route.name or "unknown"
    telemetry = context_of(request).telemetry
    telemetry.api_requests.add((route, str(response.status)))
    if not response.prepared:
        response.headers["x-request-id"] = request[REQUEST_ID]
    if response.content_type == "application/json":
        telemetry.api_request_seconds.of((route,)).observe(time.monotonic() - began_s)
    return response


async def _guarded(request: web.Request, handler: Handler) -> web.StreamResponse:
    try:
        problem = head_of(request).problem
        if problem is not None:
            raise problem
        _judge_access(request)
        return await handler(request)
    except (Problem, Refused, ServiceError) as refused:
        return error_response(request, refused.error, refused.message)
    except ConnectionResetError:
        return web.Response(status=CLIENT_GONE)  # for the counters: there is nobody to send it to
    except StoreError as error:
        return error_response(request, "StoreUnavailable", f"the store cannot be used: {error}")
    except web.HTTPNotFound:
        return error_response(request, "NotFound", f"no route {request.method} {request.path[:100]!r}: see /openapi.json")
    except web.HTTPMethodNotAllowed as refused:
        allowed = ", ".join(sorted(refused.allowed_methods))
        response = error_response(request, "MethodNotAllowed", f"{request.method} is not served on this path; use {allowed}")
        response.headers["allow"] = allowed
        return response
    except web.HTTPException as refused:
        if refused.status == 101 or refused.status >= 500:
            raise
        return error_response(request, "InvalidArgument", (refused.text or refused.reason)[:200])


def _judge_access(request: web.Request) -> None:
    """Raises `Problem`. Before the body is read: nobody uploads a snapshot only to hear that it is not for them."""
    route = _BY_NAME.get(request.match_info.route.name or "")
    if route is not None:
        context = context_of(request)
        context.administrators.judge(route, request, lambda: (context.service.cluster_id, context.service.status().member_id))


def error_response(request: web.Request, error: str, message: str) -> web.Response:
    status, body = error_body(error, message, context_of(request).service.leader(), request[REQUEST_ID])
    response = web.Response(status=status, body=body, content_type="application/json")
    if wants_retry_after(status):
        response.headers["retry-after"] = str(RETRY_AFTER_S)
    return response


async def prepare(request: web.Request, response: web.StreamResponse) -> None:
    """A connection that the front gave away for good (chunked body, HTTP/1.0 ...) ends with its answer. No versions are told."""
    response.headers.popall("server", None)
    handler = request.protocol
    assert isinstance(handler, ColdHandler)
    if (handler.connection.cold.sticky or handler.connection.front.draining) and response.status != 101:
        response.force_close()
        response.headers["connection"] = "close"  # aiohttp has written the field already when it calls us, if it was to


def _request_id(request: web.Request) -> str:
    handler = request.protocol
    assert isinstance(handler, ColdHandler)
    return (head_of(request).request_id or handler.connection.front.new_request_id()).decode("ascii")
