"""From HTTP to WebSocket (RFC 6455 section 4) by aiohttp, and from aiohttp to `PeerSocket` without losing a byte.

What the other side sent right behind its half of the upgrade was read by aiohttp already. Both of its protocols give such bytes, all of
them and nothing else, to the parser that they are told of; here that parser only keeps them, and they are the new owner's first.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import secrets
import ssl
from asyncio import Transport
from typing import Any, cast

import aiohttp
from aiohttp import hdrs, web

from quorate_node.transport.handshake import HELLO_BYTES_MAX
from quorate_node.transport.interface import Clock
from quorate_node.transport.peer_socket import Lost, PeerSocket

_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_VERSION = "13"


class _Remainder:
    """Stands where aiohttp would have its WebSocket parser."""

    def __init__(self) -> None:
        self.data = b""

    def feed_data(self, data: bytes) -> tuple[bool, bytes]:
        self.data += data
        return False, b""

    def feed_eof(self) -> None:
        """The connection is over, and was another's already."""

    def is_eof(self) -> bool:
        return True


def _accept_key(key: str) -> str:
    return base64.b64encode(hashlib.sha1(key.encode() + _GUID, usedforsecurity=False).digest()).decode()


def _take_over(transport: Transport, remainder: _Remainder, clock: Clock, on_lost: Lost, *, dialled: bool) -> PeerSocket:
    peer = PeerSocket(transport, dialled=dialled, clock=clock, hello_bytes_max=HELLO_BYTES_MAX, on_lost=on_lost)
    transport.set_protocol(peer)
    if remainder.data:
        peer.data_received(remainder.data)
    return peer


async def accept_upgrade(request: web.Request, clock: Clock) -> tuple[web.StreamResponse, PeerSocket]:
    """The response that was sent, which the handler returns when the connection has ended. Raises `web.HTTPBadRequest`."""
    response = web.StreamResponse(
        status=101,
        headers={hdrs.UPGRADE: "websocket", hdrs.CONNECTION: "upgrade", hdrs.SEC_WEBSOCKET_ACCEPT: _accept_key(_offered_key(request))},
    )
    response.force_close()
    await response.prepare(request)
    previous, transport = request.protocol, request.transport
    if transport is None:
        raise ConnectionResetError("the connection ended during its upgrade")
    remainder = _Remainder()
    previous.set_parser(cast("Any", remainder))
    previous.keep_alive(False)
    return response, _take_over(transport, remainder, clock, previous.connection_lost, dialled=False)


def _offered_key(request: web.Request) -> str:
    headers = request.headers
    if headers.get(hdrs.UPGRADE, "").strip().lower() != "websocket":
        raise web.HTTPBadRequest(text="members are dialled by WebSocket: header Upgrade must be websocket")
    if "upgrade" not in (part.strip().lower() for part in headers.get(hdrs.CONNECTION, "").split(",")):
        raise web.HTTPBadRequest(text="header Connection must name Upgrade")
    if headers.get(hdrs.SEC_WEBSOCKET_VERSION) != _VERSION:
        raise web.HTTPBadRequest(text=f"header Sec-WebSocket-Version must be {_VERSION}", headers={hdrs.SEC_WEBSOCKET_VERSION: _VERSION})
    key = headers.get(hdrs.SEC_WEBSOCKET_KEY, "")
    try:
        sound = len(base64.b64decode(key, validate=True)) == 16
    except binascii.Error:
        sound = False
    if not sound:
        raise web.HTTPBadRequest(text="header Sec-WebSocket-Key must be 16 bytes in base64")
    return key


async def dial_upgrade(session: aiohttp.ClientSession, url: str, tls: ssl.SSLContext | None, clock: Clock) -> PeerSocket:
    """Raises `aiohttp.ClientError`, `OSError`."""
    key = base64.b64encode(secrets.token_bytes(16)).decode()
    response = await session.get(
        url,
        headers={
            hdrs.UPGRADE: "websocket",
            hdrs.CONNECTION: "Upgrade",
            hdrs.SEC_WEBSOCKET_VERSION: _VERSION,
            hdrs.SEC_WEBSOCKET_KEY: key,
        },
        read_until_eof=False,
        allow_redirects=False,
        ssl=tls if tls is not None else True,
    )
    try:
        _judge_answer(response, key)
        connection = response.connection
        previous = connection.protocol if connection is not None else None
        if connection is None or previous is None or connection.transport is None:
            raise ConnectionResetError("the connection ended during its upgrade")
        remainder = _Remainder()
        previous.set_parser(remainder, remainder)

        def on_lost(exc: Exception | None) -> None:
            previous.connection_lost(exc)
            response.close()

        return _take_over(connection.transport, remainder, clock, on_lost, dialled=True)
    except BaseException:
        response.close()
        raise


def _judge_answer(response: aiohttp.ClientResponse, key: str) -> None:
    headers, problem = response.headers, ""
    if response.status != 101:
        problem = "Invalid response status"
    elif headers.get(hdrs.UPGRADE, "").lower() != "websocket" or headers.get(hdrs.CONNECTION, "").lower() != "upgrade":
        problem = "Invalid upgrade headers"
    elif headers.get(hdrs.SEC_WEBSOCKET_ACCEPT) != _accept_key(key):
        problem = "Invalid challenge response"
    elif hdrs.SEC_WEBSOCKET_EXTENSIONS in headers or hdrs.SEC_WEBSOCKET_PROTOCOL in headers:
        problem = "An extension or protocol that nobody asked for"
    if problem:
        raise aiohttp.WSServerHandshakeError(
            response.request_info, response.history, message=problem, status=response.status, headers=response.headers
        )
