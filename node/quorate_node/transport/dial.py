"""Opens a connection to a peer: TCP, TLS, WebSocket, handshake, all within bounds."""

from __future__ import annotations

import asyncio
import socket
from dataclasses import dataclass

import aiohttp
from aiohttp.abc import AbstractResolver

from quorate_node.crypto.epochs.errors import EpochsError
from quorate_node.transport.admission import judge_hello
from quorate_node.transport.channel import Channel
from quorate_node.transport.context import TransportContext
from quorate_node.transport.errors import HandshakeRefused, NotReady, PeerFault, RemovedHere
from quorate_node.transport.handshake import (
    CLOSE_FAULT,
    CLOSE_NORMAL,
    CLOSE_REFUSED,
    CLOSE_REMOVED,
    CLOSE_TRY_AGAIN,
    ConnectionClass,
    Hello,
    close_reason,
    decode_hello,
    encode_hello,
)
from quorate_node.transport.peer_socket import PeerSocket, SocketEnd
from quorate_node.transport.upgrade import dial_upgrade

PATH = "/peer/v1/"


class DialFailed(Exception):
    """No connection. Nothing of ours was seen by the peer's receiver."""


@dataclass(frozen=True, slots=True)
class Dialled:
    socket: PeerSocket
    hello: Hello
    address: tuple[str, int] | None
    """The peer's socket address, to ask it directly whether its process is still there."""
    channel: Channel | None = None
    """None without a keyring. Who takes this over closes it with the connection."""


def new_session(context: TransportContext, resolver: AbstractResolver | None = None) -> aiohttp.ClientSession:
    """A session whose connections are never shared, and that takes nothing from the environment (proxies, cookies)."""
    # What a resolver of our own says is news already: nothing of it is kept.
    connector = aiohttp.TCPConnector(limit=0, ttl_dns_cache=2, force_close=True, resolver=resolver, use_dns_cache=resolver is None)
    timeout = aiohttp.ClientTimeout(total=None, sock_connect=context.settings.dial_timeout_s)
    return aiohttp.ClientSession(connector=connector, timeout=timeout, cookie_jar=aiohttp.DummyCookieJar(), trust_env=False)


async def dial(
    context: TransportContext,
    session: aiohttp.ClientSession,
    url: str,
    connection_class: ConnectionClass,
    expected_member_id: int | None = None,
) -> Dialled:
    """Raises `DialFailed`, `HandshakeRefused` (either side), `NotReady`, `PeerFault`."""
    context.counters.dials += 1
    settings = context.settings
    try:
        # failpoint: transport.dial, awaited
        async with asyncio.timeout(settings.dial_timeout_s):
            peer = await _connect(context, session, url, connection_class)
        try:
            async with asyncio.timeout(settings.handshake_timeout_s):
                hello, channel = await _greet(context, peer, connection_class, expected_member_id)
        except HandshakeRefused as refusal:
            await peer.close(CLOSE_REFUSED, close_reason(str(refusal)), settings.close_timeout_s)
            raise
        except PeerFault as fault:
            await peer.close(CLOSE_FAULT, close_reason(str(fault)), settings.close_timeout_s)
            raise
        except BaseException:
            await peer.close(CLOSE_NORMAL, b"", settings.close_timeout_s)
            raise
    except DialFailed:
        context.counters.dials_failed += 1
        raise
    except TimeoutError:
        context.counters.dials_failed += 1
        raise DialFailed(f"no connection to {url} within the dial and handshake timeouts") from None
    except (aiohttp.ClientError, OSError) as error:
        context.counters.dials_failed += 1
        raise DialFailed(f"no connection to {url}: {_cause(error)}") from error
    address = peer.get_extra_info("peername")
    return Dialled(peer, hello, (address[0], address[1]) if address else None, channel)


def _cause(error: Exception) -> str:
    """The library's own texts name the SSL context's address in memory, which is new each time and tells nobody anything."""
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        return str(error.certificate_error)
    if isinstance(error, aiohttp.ClientConnectorError):
        return str(error.os_error)
    return str(error) or type(error).__name__


async def _connect(context: TransportContext, session: aiohttp.ClientSession, url: str, connection_class: ConnectionClass) -> PeerSocket:
    secure = url.startswith("https://")
    if secure and context.tls is None:
        raise DialFailed(f"{url} wants TLS and this member has no peer certificate: set one, or use http:// peer URLs everywhere")
    if not secure and context.tls is not None:
        raise DialFailed(f"{url} is not https:// and this member's peers use TLS: never downgraded")
    tls = context.tls.client_context() if context.tls is not None else None
    return await dial_upgrade(session, url.rstrip("/") + PATH + connection_class.name.lower(), tls, context.clock)


async def _greet(
    context: TransportContext, peer: PeerSocket, connection_class: ConnectionClass, expected_member_id: int | None
) -> tuple[Hello, Channel | None]:
    identity = context.receiver.identity()
    # A call is to nobody in particular: whoever answers it has not been authenticated as a member.
    sealing = context.sealing if connection_class is not ConnectionClass.CALL else None
    offer = sealing.offer(expected_member_id) if sealing is not None and expected_member_id is not None else None
    peer.write(encode_hello(connection_class, context.settings.advertised_url, identity, offer))
    # failpoint: transport.handshake.after_hello, awaited
    answer = await peer.receive()
    if isinstance(answer, SocketEnd):
        raise _not_greeted(context, answer)
    hello = decode_hello(answer)
    try:
        judge_hello(context, hello, peer.get_extra_info("peercert"), connection_class, expected_member_id)
    except HandshakeRefused:
        context.counters.refused_by_us += 1
        raise
    peer.admit(context.settings.frame_bytes_max)
    if sealing is None:
        return hello, None
    try:
        return hello, sealing.dialled(hello, offer, peer)
    except EpochsError as error:
        raise DialFailed(f"the group's keys do not take the connection: {error}") from error


def _not_greeted(context: TransportContext, end: SocketEnd) -> Exception:
    if end.fault is not None:
        return end.fault
    if end.code is None:
        return DialFailed("the connection ended during the handshake")
    if end.code == CLOSE_TRY_AGAIN:
        return NotReady(f"not ready: the peer says {end.reason!r}")
    if end.code == CLOSE_REMOVED:
        context.counters.refused_by_peer += 1
        return RemovedHere(end.reason)
    if end.code == CLOSE_REFUSED:
        context.counters.refused_by_peer += 1
        return HandshakeRefused(f"refused by the peer: {end.reason}")
    return DialFailed(f"the peer closed during the handshake: {end.code} {end.reason}")


async def process_is_gone(address: tuple[str, int], timeout_s: float) -> bool:
    """Whether a connection to `address` is refused at once: the host answers, and nobody listens there."""
    family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setblocking(False)
        try:
            async with asyncio.timeout(timeout_s):
                await asyncio.get_running_loop().sock_connect(probe, address)
        except ConnectionRefusedError:
            return True
        except OSError:  # TimeoutError among them: no answer is no proof
            return False
    return False
