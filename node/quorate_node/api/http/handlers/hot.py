"""The hot routes as the general server serves them, when a request is unusual: by the same operations."""

from __future__ import annotations

from aiohttp import web

from quorate_node.api.http.context import Handler, context_of, head_of, query_of, raw_target, read_body
from quorate_node.api.http.exchange import AwaitedExchange
from quorate_node.api.http.middleware import REQUEST_ID
from quorate_node.api.http.problem import RETRY_AFTER_S, wants_retry_after
from quorate_node.api.http.queries import NoQuery


def hot(name: str) -> Handler:
    """A handler that runs the hot operation `name`."""

    async def handle(request: web.Request) -> web.StreamResponse:
        context = context_of(request)
        head = head_of(request)
        if name == "key":
            data = raw_target(request)
        else:
            query_of(request, NoQuery)
            data = await read_body(request)
        exchange = AwaitedExchange(context.service, head.forward, head.timeout_s, context.loop, request[REQUEST_ID])
        context.operations.start(name, exchange, data)
        status, body = await exchange.future
        response = web.Response(status=status, body=body, content_type="application/json")
        if wants_retry_after(status):
            response.headers["retry-after"] = str(RETRY_AFTER_S)
        return response

    return handle
