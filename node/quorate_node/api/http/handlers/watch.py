"""Watches as server-sent events. The same path takes a WebSocket for many watches (`watch_socket.py`)."""

from __future__ import annotations

from typing import cast

from aiohttp import web

from quorate.wire.results import WatchEvents
from quorate_node.api.http.answers import WatchCompactedAnswer, WatchCreatedAnswer, WatchProgressAnswer
from quorate_node.api.http.context import context_of, head_of, query_of
from quorate_node.api.http.handlers.watch_socket import watch_socket
from quorate_node.api.http.integers import int64
from quorate_node.api.http.problem import Problem
from quorate_node.api.http.queries import NoQuery, WatchQuery
from quorate_node.api.http.server_sent import EventStream, serve_events, with_comments
from quorate_node.api.http.watching import events_answer, watch_request

LAST_EVENT_ID = "last-event-id"


async def watch(request: web.Request) -> web.StreamResponse:
    if head_of(request).upgrade:
        query_of(request, NoQuery)
        return await watch_socket(request)
    asked, text = watch_request(query_of(request, WatchQuery), resumed(request))
    context = context_of(request)
    opened = context.service.machine.watch(asked)
    gauge = context.telemetry.api_watches
    gauge.set(gauge.value + 1)

    async def feed(stream: EventStream) -> None:
        await stream.send("created", WatchCreatedAnswer("0", str(context.service.machine.revision)))
        delivered = asked.start_revision - 1
        async for item in with_comments(stream, context, opened.next):
            events = cast(WatchEvents, item)
            if events.compact_revision:
                await stream.send("compacted", WatchCompactedAnswer("0", str(events.compact_revision)))
                return
            if not events.events:
                # Events of `revision` itself may still come: coming back with this id asks for it again.
                delivered = max(delivered, events.revision - 1)
                await stream.send("progress", WatchProgressAnswer("0", str(events.revision)), str(delivered) if delivered > 0 else "")
                continue
            delivered = events.revision
            try:
                shown = events_answer("0", events, text)
            except Problem as problem:
                await stream.error(problem.error, problem.message)
                return
            await stream.send("events", shown, str(delivered))
            context.telemetry.api_watch_events.add(len(events.events))

    try:
        return await serve_events(request, feed)
    finally:
        opened.cancel()
        gauge.set(gauge.value - 1)


def resumed(request: web.Request) -> int:
    """The revision in `Last-Event-ID`, 0 without one. Raises `Problem`."""
    value = request.headers.get(LAST_EVENT_ID, "")
    return int64(value, LAST_EVENT_ID) if value else 0
