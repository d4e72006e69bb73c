"""The JSON API's shapes of keys, values and events: base64 for bytes, strings for 64-bit numbers (read by msgspec, lax)."""

from __future__ import annotations

import msgspec

from quorate.exceptions import MalformedAnswer
from quorate.wire.results import Event, EventType, KeyValue

EVENT_TYPES = {"put": EventType.PUT, "delete": EventType.DELETE}


class JsonKeyValue(msgspec.Struct):
    key: bytes
    value: bytes = b""
    create_revision: int = 0
    mod_revision: int = 0
    version: int = 0
    lease: int = 0

    def plain(self) -> KeyValue:
        return KeyValue(self.key, self.value, self.create_revision, self.mod_revision, self.version, self.lease)


class JsonEvent(msgspec.Struct):
    type: str
    kv: JsonKeyValue
    previous: JsonKeyValue | None = None

    def plain(self) -> Event:
        """Raises `MalformedAnswer` for a type that is neither put nor delete."""
        number = EVENT_TYPES.get(self.type)
        if number is None:
            raise MalformedAnswer(f"a watch event has type {self.type!r}; this release knows put and delete")
        return Event(number, self.kv.plain(), None if self.previous is None else self.previous.plain())


class JsonCreated(msgspec.Struct):
    revision: int


class JsonCompacted(msgspec.Struct):
    compact_revision: int


class JsonLeader(msgspec.Struct):
    member_id: int = 0
    client_url: str = ""


class JsonProblem(msgspec.Struct):
    error: str
    message: str = ""
    leader: JsonLeader | None = None
    request_id: str = ""


class JsonWatchMessage(msgspec.Struct):
    """One message of a watch's WebSocket: exactly one of its kinds is set (docs/api.md, Watches)."""

    created: JsonCreated | None = None
    revision: int = 0
    events: list[JsonEvent] = []
    compacted: JsonCompacted | None = None
    error: JsonProblem | None = None
    canceled: bool = False
