"""The application's own machine: propose a command, follow the commands in order."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import cast

import msgspec
from aiohttp import WSCloseCode, web

from quorate.wire.commands import BATCH_FORMAT, Batch, CommandKind
from quorate.wire.results import ApplicationResult
from quorate_node.api.http.answers import ApplyAnswer, ProposeAnswer
from quorate_node.api.http.bodies import ProposeBody
from quorate_node.api.http.codec import command
from quorate_node.api.http.context import ApiContext, answer, context_of, head_of, query_of, read_body
from quorate_node.api.http.decoding import EncodedBodyDecoder, as_bytes
from quorate_node.api.http.duplicates import refuse_duplicates
from quorate_node.api.http.encoding import as_text, encode_body
from quorate_node.api.http.integers import int64
from quorate_node.api.http.middleware import REQUEST_ID
from quorate_node.api.http.problem import Problem, error_body
from quorate_node.api.http.queries import ApplyQuery, NoQuery
from quorate_node.api.http.server_sent import EventStream, serve_events, with_comments
from quorate_node.protocol.entry import Entry, EntryType
from quorate_node.replica.service import ServiceError

HEARTBEAT_S = 30.0
LAST_EVENT_ID = "last-event-id"
_pack = msgspec.msgpack.Encoder().encode
_batch = msgspec.msgpack.Decoder(Batch)
_bytes = msgspec.msgpack.Decoder(bytes)
_propose = EncodedBodyDecoder[ProposeBody[bytes] | ProposeBody[str]](ProposeBody[bytes], ProposeBody[str])


async def propose(request: web.Request) -> web.StreamResponse:
    query_of(request, NoQuery)
    raw = await read_body(request)
    body, text = _propose.decode(raw)
    refuse_duplicates(raw, body)
    payload = _pack(as_bytes(body.payload))
    proposing = command(CommandKind.APPLICATION, payload, body.session)
    result = await context_of(request).execute(request, proposing, payload, ApplicationResult)
    value = as_text(result.value, "value") if text else result.value
    return answer(ProposeAnswer[bytes | str](str(result.index), value, result.rejected))


async def apply(request: web.Request) -> web.StreamResponse:
    context = context_of(request)
    from_index, position = _start(request)
    if head_of(request).upgrade:
        return await _apply_socket(request, context, from_index, position)

    async def feed(stream: EventStream) -> None:
        commands = application_commands(context, from_index, position)
        async for item in with_comments(stream, context, commands.__anext__):
            shown = cast(ApplyAnswer, item)
            await stream.send("entry", shown, f"{shown.index}.{shown.position}")

    return await serve_events(request, feed)


async def _apply_socket(request: web.Request, context: ApiContext, from_index: int, position: int) -> web.StreamResponse:
    socket = web.WebSocketResponse(heartbeat=HEARTBEAT_S, compress=False, max_msg_size=context.settings.stream_message_bytes_max)
    socket.headers["x-request-id"] = request[REQUEST_ID]
    await socket.prepare(request)

    async def send() -> None:
        try:
            async for shown in application_commands(context, from_index, position):
                await socket.send_str(encode_body(shown).decode())
        except ServiceError as refused:
            _, body = error_body(refused.error, refused.message, context.service.leader(), request[REQUEST_ID])
            await socket.send_str(body.decode())
            await socket.close(code=WSCloseCode.POLICY_VIOLATION)

    task = asyncio.current_task()
    assert task is not None
    context.long_lived.add(task)
    sender = asyncio.create_task(send())
    try:
        async for _ in socket:  # nothing is expected of the client but its close
            break
    except asyncio.CancelledError:
        if not context.draining:
            raise
        task.uncancel()
        await socket.close(code=WSCloseCode.GOING_AWAY, drain=False)
    finally:
        context.long_lived.discard(task)
        sender.cancel()
    return socket


async def application_commands(context: ApiContext, from_index: int, position: int) -> AsyncIterator[ApplyAnswer]:
    """Application commands in log order, from `position` within `from_index` on. Raises `ServiceError`."""
    async for entries in context.service.committed_entries(from_index):
        for entry in entries:
            for shown in _commands(entry):
                if entry.index > from_index or shown.position >= position:
                    yield shown


def _commands(entry: Entry) -> list[ApplyAnswer]:
    if entry.type != EntryType.NORMAL or not entry.data:
        return []
    batch = _batch.decode(entry.data)
    assert batch.format == BATCH_FORMAT, f"entry {entry.index} has batch format {batch.format}: the machine stops before this is seen"
    return [
        ApplyAnswer(
            str(entry.index),
            number,
            str(entry.term),
            str(batch.log_time_ms),
            str(each.session),
            str(each.seq),
            _bytes.decode(each.payload),
        )
        for number, each in enumerate(batch.commands)
        if each.kind == CommandKind.APPLICATION
    ]


def _start(request: web.Request) -> tuple[int, int]:
    """(index, position) to begin at: `Last-Event-ID: index.position` is the last one seen. Raises `Problem`."""
    query = query_of(request, ApplyQuery)
    last = request.headers.get(LAST_EVENT_ID, "")
    if not last:
        return int64(query.from_index, "from", 1), 0
    index, dot, position = last.partition(".")
    if not dot:
        raise Problem("InvalidArgument", f"header `{LAST_EVENT_ID}`: {last[:40]!r} is not an id of this stream (index, dot, position)")
    return int64(index, LAST_EVENT_ID, 1), int64(position, LAST_EVENT_ID) + 1
