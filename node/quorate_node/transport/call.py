"""One question to an address: a connection of its own, asked, answered, closed."""

from __future__ import annotations

import asyncio

import aiohttp

from quorate_node.transport.binding import is_for_non_voting
from quorate_node.transport.context import TransportContext
from quorate_node.transport.dial import DialFailed, dial
from quorate_node.transport.errors import HandshakeRefused, NotReady, OversizeFrame, PeerFault
from quorate_node.transport.frames import FrameKind, Request, decode_response
from quorate_node.transport.handshake import CLOSE_NORMAL, ConnectionClass
from quorate_node.transport.interface import PeerFailure, PeerRefused, RequestKind
from quorate_node.transport.peer_socket import PeerSocket, SocketEnd
from quorate_node.transport.restricted import FOR_NON_VOTING


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
                if kind == RequestKind.JOIN and is_for_non_voting(dialled.socket.get_extra_info("peercert")):
                    # Nobody becomes a member by the word of one that decides nothing.
                    context.counters.non_voting_handshakes += 1
                    raise HandshakeRefused(f"{url} is not asked to let us in: {FOR_NON_VOTING}")
                sent = True
                # failpoint: transport.call.before_send, awaited
                dialled.socket.write(frame)
                return await _answer(context, dialled.socket, url)
            finally:
                await dialled.socket.close(CLOSE_NORMAL, b"", context.settings.close_timeout_s)
    except TimeoutError:
        raise PeerFailure(f"no answer from {url} within {timeout_s:g} s", sent=sent) from None
    except (DialFailed, HandshakeRefused, NotReady, PeerFault, OversizeFrame, OSError) as error:
        raise PeerFailure(str(error), sent=sent) from error


async def _answer(context: TransportContext, peer: PeerSocket, url: str) -> bytes:
    received = await peer.receive()
    if isinstance(received, SocketEnd):
        if received.fault is not None:
            raise received.fault
        raise PeerFailure(f"{url} closed before it answered: {received.code or ''} {received.reason}", sent=True)
    kind, body = context.codec.open(received)
    if kind != FrameKind.RESPONSE:
        raise PeerFault(f"a frame of kind {kind} in place of an answer", received)
    response = decode_response(body)
    if response.error:
        raise PeerRefused(response.error, response.message)
    return response.payload
