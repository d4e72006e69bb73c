"""A member on loopback that speaks docs/api.md over a `FakeState`, and misbehaves on request."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Callable

import msgspec
from aiohttp import WSMsgType, web

from quorate.wire.commands import CommandKind
from quorate.wire.errors import ERRORS
from quorate.wire.results import Event, KeyValue, StreamFailure
from quorate.wire.stream import StreamRequest
from tests.unit.client.fake_state import FakeState

_requests = msgspec.msgpack.Decoder(list[StreamRequest]).decode
_pack = msgspec.msgpack.Encoder().encode


class FakeMember:
    """`refuse` answers the next stream requests with these errors; `cut_after` executes, then cuts the connection, so many times."""

    def __init__(self, state: FakeState, member_id: int = 1) -> None:
        self.state = state
        self.member_id = member_id
        self.url = ""
        self.leader_url = ""
        self.belongs_nowhere = False
        self.asked_who_leads = 0
        self.refuse: list[str] = []
        self.refuse_leader_url = ""
        self.cut_after = 0
        self.when_cut: Callable[[], object] = lambda: None
        self.silent = False
        self.messages = 0
        self.requests: list[StreamRequest] = []
        self.calls: list[tuple[str, str, dict[str, object]]] = []
        self.http_answers: list[tuple[int, dict[str, object]]] = []
        self.http_delay_s = 0.0
        self.cut_watch_after_events = 0
        self.watch_repeats = 0
        self.watches = 0
        self.snapshot = b""
        self.restored = b""
        self.sockets: set[web.WebSocketResponse] = set()
        self._runner: web.AppRunner | None = None
        self._port = 0

    async def start(self) -> FakeMember:
        app = web.Application(client_max_size=64 * 1024 * 1024)
        app.router.add_get("/v1/stream", self._stream)
        app.router.add_get("/v1/watch", self._watch)
        app.router.add_get("/v1/apply", self._apply)
        app.router.add_get("/v1/leader", self._leader)
        app.router.add_get("/v1/snapshot", self._snapshot)
        app.router.add_post("/v1/restore", self._restore)
        app.router.add_route("*", "/{tail:.*}", self._other)
        self._runner = web.AppRunner(app, shutdown_timeout=0.05)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", self._port)
        await site.start()
        self._port = site._server.sockets[0].getsockname()[1]  # type: ignore[union-attr]
        self.url = f"http://127.0.0.1:{self._port}"
        return self

    async def stop(self) -> None:
        self.cut()
        assert self._runner is not None
        await self._runner.cleanup()

    def cut(self) -> None:
        """Cut every WebSocket without a goodbye."""
        for socket in list(self.sockets):
            self._abort(socket)

    def _abort(self, socket: web.WebSocketResponse) -> None:
        transport = socket._req.transport if socket._req is not None else None
        if transport is not None:
            transport.abort()
        self.sockets.discard(socket)

    async def _stream(self, request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse(max_msg_size=0)
        await socket.prepare(request)
        self.sockets.add(socket)
        async for message in socket:
            assert message.type is WSMsgType.BINARY
            self.messages += 1
            answers = []
            cut = False
            for each in _requests(message.data):
                self.requests.append(each)
                if self.refuse and each.kind not in (CommandKind.SESSION_CREATE, CommandKind.SESSION_CLOSE):
                    error = self.refuse.pop(0)
                    answers.append((each.id, StreamFailure(error, f"test: {error}", 2, self.refuse_leader_url)))
                    continue
                result = self.state.submit(each.kind, each.session, each.seq, each.acked_below, bytes(each.payload))
                if self.cut_after and each.kind not in (CommandKind.SESSION_CREATE, CommandKind.SESSION_CLOSE):
                    self.cut_after -= 1
                    cut = True
                    self.when_cut()
                answers.append((each.id, result))
            if cut:
                self._abort(socket)
                break
            if not self.silent:
                await socket.send_bytes(_pack(answers))
        self.sockets.discard(socket)
        return socket

    async def _watch(self, request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        self.sockets.add(socket)
        self.watches += 1
        create = json.loads((await socket.receive()).data)["create"]
        key, range_end = base64.b64decode(create["key"]), base64.b64decode(create["range_end"])
        revision = int(create["start_revision"]) or self.state.revision + 1
        await socket.send_json({"watch": "1", "created": {"revision": str(self.state.revision)}})
        if revision <= self.state.compacted:
            await socket.send_json({"watch": "1", "compacted": {"compact_revision": str(self.state.compacted)}})
            await socket.close()
            return socket
        reading = asyncio.create_task(socket.receive())
        while not socket.closed and not reading.done() and socket in self.sockets:
            for event in self.state.since(revision - self.watch_repeats, key, range_end):
                await socket.send_json(
                    {"watch": "1", "revision": str(event.kv.mod_revision), "events": [_event_json(event, create["previous"])]}
                )
                revision = max(revision, event.kv.mod_revision + 1)
                if self.cut_watch_after_events and event.kv.mod_revision % self.cut_watch_after_events == 0:
                    self._abort(socket)
                    reading.cancel()
                    return socket
            await asyncio.sleep(0.005)
        reading.cancel()
        return socket

    async def _apply(self, request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        self.sockets.add(socket)
        sent = 0
        reading = asyncio.create_task(socket.receive())
        while not socket.closed and not reading.done() and socket in self.sockets:
            entries = [each for each in self.state.applied if each[0] >= int(request.query["from"])]
            for index, position, session, seq, payload in entries[sent:]:
                sent += 1
                data = base64.b64encode(payload).decode()
                await socket.send_json(
                    {
                        "index": str(index),
                        "position": position,
                        "term": "1",
                        "log_time_ms": "5",
                        "session": str(session),
                        "seq": str(seq),
                        "payload": data,
                    }
                )
            await asyncio.sleep(0.005)
        reading.cancel()
        return socket

    async def _leader(self, request: web.Request) -> web.Response:
        self.asked_who_leads += 1
        if self.belongs_nowhere:
            return problem("NotReady", "this member belongs to no cluster yet")
        return web.json_response({"member_id": str(self.member_id), "client_url": self.leader_url or self.url})

    async def _snapshot(self, request: web.Request) -> web.Response:
        return web.Response(body=self.snapshot, headers={"x-quorate-index": "7", "x-quorate-revision": "9"})

    async def _restore(self, request: web.Request) -> web.Response:
        self.restored = await request.read()
        return web.json_response({"cluster_id": "77", "member_id": "5"})

    async def _other(self, request: web.Request) -> web.StreamResponse:
        content = await request.read()
        self.calls.append((request.method, request.path_qs, json.loads(content) if content else {}))
        if self.http_delay_s:
            await asyncio.sleep(self.http_delay_s)
        if not self.http_answers:
            return problem("NotFound", "test: no answer was prepared")
        status, body = self.http_answers.pop(0)
        if status == 0:
            assert request.transport is not None
            request.transport.abort()
            return web.Response()
        return web.json_response(body, status=status)


def problem(error: str, message: str, leader: dict[str, str] | None = None) -> web.Response:
    kind = ERRORS[error]
    body = {"error": error, "code": kind.code, "message": message, "leader": leader, "request_id": "r-1"}
    return web.json_response(body, status=kind.status)


def problem_body(error: str, message: str = "test", leader: dict[str, str] | None = None) -> tuple[int, dict[str, object]]:
    kind = ERRORS[error]
    return kind.status, {"error": error, "code": kind.code, "message": message, "leader": leader, "request_id": "r-1"}


def _kv_json(kv: KeyValue) -> dict[str, str]:
    return {
        "key": base64.b64encode(kv.key).decode(),
        "value": base64.b64encode(kv.value).decode(),
        "create_revision": str(kv.create_revision),
        "mod_revision": str(kv.mod_revision),
        "version": str(kv.version),
        "lease": str(kv.lease),
    }


def _event_json(event: Event, previous: bool) -> dict[str, object]:
    before = _kv_json(event.previous) if previous and event.previous is not None else None
    return {"type": "delete" if event.type else "put", "kv": _kv_json(event.kv), "previous": before}
