"""One question to an address: a connection of its own, asked, answered, closed."""

from __future__ import annotations

import asyncio

import aiohttp

from quorate_node.transport.context import TransportContext
from quorate_node.transport.dial import DialFailed, WebSocket, dial
from quorate_node.transport.errors import HandshakeRefused, NotReady, OversizeFrame, PeerFault
from quorate_node.transport.frames import FrameKind, Request, decode_response
from quorate_node.transport.handshake import ConnectionClass
from quorate_node.transport.interface import PeerFailure, PeerRefused, RequestKind


async def call_url(
    context: TransportContext, session: aiohttp.ClientSession, url: str, kind: RequestKind, payload: bytes, timeout_s: float
) -> bytes:
    """Raises `PeerFailure`, `PeerRefused`."""
    sent = False
    try:
        async with asyncio.timeout(timeout_s):
            frame = context.codec.request(Request(1, kind, payload))
            dialled = await dial(context, session, url, ConnectionClass.CALL)
            try:
                sent = True
                # failpoint: transport.call.before_send, awaited
                await dialled.web_socket.send_bytes(frame)
                return await _answer(context, dialled.web_socket, url)
            finally:
                await dialled.web_socket.close()
    except TimeoutError:
        raise PeerFailure(f"no answer from {url} within {timeout_s:g} s", sent=sent) from None
    except (DialFailed, HandshakeRefused, NotReady, PeerFault, OversizeFrame, OSError) as error:
        raise PeerFailure(str(error), sent=sent) from error


async def _answer(context: TransportContext, web_socket: WebSocket, url: str) -> bytes:
    received = await web_socket.receive()
    if received.type is not aiohttp.WSMsgType.BINARY:
        raise PeerFailure(f"{url} closed before it answered: {received.data} {received.extra}", sent=True)
    kind, body = context.codec.open(received.data)
    if kind != FrameKind.RESPONSE:
        raise PeerFault(f"a frame of kind {kind} in place of an answer", received.data)
    response = decode_response(body)
    if response.error:
        raise PeerRefused(response.error, response.message)
    return response.payload
