"""What a watch asks for, and how its events look in JSON; for server-sent events and WebSocket alike."""

from __future__ import annotations

from typing import Any

from msgspec import UNSET

from quorate.wire.results import Event, EventType, WatchEvents
from quorate_node.api.http.answers import EventAnswer, WatchEventsAnswer
from quorate_node.api.http.bodies import Body, Encoding, Int64
from quorate_node.api.http.encoding import key_value
from quorate_node.api.http.integers import int64
from quorate_node.api.http.keys import key_range
from quorate_node.api.http.queries import WatchQuery, base64_key
from quorate_node.machine.interface import WatchRequest

_NAMES = {EventType.PUT: "put", EventType.DELETE: "delete"}


class WatchCreateBody(Body):
    """`create` of a watch WebSocket; the query of the server-sent events has the same fields."""

    key: str = ""
    range_end: str = ""
    prefix: bool = False
    start_revision: Int64 = 0
    previous: bool = False
    no_put: bool = False
    no_delete: bool = False
    progress: bool = False
    encoding: Encoding = "base64"


class SocketMessage(Body):
    """A client's message on a watch WebSocket: `create` with `watch`, or `cancel`, or `progress`."""

    watch: Int64 | None = None
    create: WatchCreateBody | None = None
    cancel: Int64 | None = None
    progress: bool = False


def watch_request(asked: WatchCreateBody | WatchQuery, resume_revision: int = 0) -> tuple[WatchRequest, bool]:
    """(request, text). `resume_revision` is the last revision a client that comes back has seen. Raises `Problem`."""
    text = asked.encoding == "text"
    key = asked.key.encode() if text else base64_key(asked.key, "field `key`")
    range_end = asked.range_end.encode() if text else base64_key(asked.range_end, "field `range_end`")
    if range_end or not asked.prefix:
        start, end = key_range(key, range_end, asked.prefix)
    else:
        start, end = key_range(key, UNSET, True)
    start_revision = int64(asked.start_revision, "start_revision")
    if resume_revision:
        start_revision = resume_revision + 1
    request = WatchRequest(start, end, start_revision, asked.previous, asked.no_put, asked.no_delete, asked.progress)
    return request, text


def events_answer(watch: str, events: WatchEvents, text: bool) -> WatchEventsAnswer[Any]:
    """Raises `Problem` when text was asked for and an event is not."""
    return WatchEventsAnswer(watch, str(events.revision), [_event(event, text) for event in events.events])


def _event(event: Event, text: bool) -> EventAnswer[Any]:
    previous = event.previous
    return EventAnswer(_NAMES[event.type], key_value(event.kv, text), None if previous is None else key_value(previous, text))
