"""The routes that peers dial: GET /peer/v1/{heartbeat|bulk|call}. Bounded in number, and in the time a handshake may take."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from aiohttp import web

from quorate_node.resilience.limiter import TokenBucket
from quorate_node.transport.accepted import Accepted
from quorate_node.transport.admission import judge_hello
from quorate_node.transport.channel import Channel
from quorate_node.transport.context import TransportContext
from quorate_node.transport.dial import PATH
from quorate_node.transport.errors import HandshakeRefused, NotReady, PeerFault, PeerRemoved
from quorate_node.transport.handshake import (
    CLOSE_FAULT,
    CLOSE_REFUSED,
    CLOSE_REMOVED,
    CLOSE_TRY_AGAIN,
    ConnectionClass,
    Hello,
    close_reason,
    decode_hello,
    encode_hello,
)
from quorate_node.transport.interface import Clock
from quorate_node.transport.peer_socket import PeerSocket, SocketEnd
from quorate_node.transport.upgrade import accept_upgrade

log = logging.getLogger(__name__)

GOING_AWAY = 1001
PEER_GONE = 499
"""As a status of a request whose peer hung up before it was answered: nobody sees it, and the server asks for one."""
WARNINGS_PER_S = 1.0
WARNINGS_BURST = 20
Heard = Callable[[int], None]


class PeerEndpoint:
    """`on_heard(member_id)`: a peer dialled us and was admitted. `on_abrupt(member_id)`: a connection of it ended without a close frame."""

    def __init__(self, on_heard: Heard, on_abrupt: Heard, clock: Clock) -> None:
        self._warnings = TokenBucket(WARNINGS_PER_S, WARNINGS_BURST, clock)
        self._on_heard = on_heard
        self._on_abrupt = on_abrupt
        self._context: TransportContext | None = None
        self._accepted: set[Accepted] = set()
        self._current: dict[tuple[int, ConnectionClass], Accepted] = {}
        self._unauthenticated = 0

    def routes(self) -> list[web.RouteDef]:
        return [web.get(PATH + "{class:heartbeat|bulk|call}", self._handle)]

    def open(self, context: TransportContext) -> None:
        self._context = context

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        context = self._context
        if context is None:
            raise web.HTTPServiceUnavailable(text="this member does not take peers at the moment")
        settings = context.settings
        if self._unauthenticated >= settings.unauthenticated_max or len(self._accepted) + self._unauthenticated >= settings.accepted_max:
            context.counters.accepted_over_limit += 1
            raise web.HTTPServiceUnavailable(text="too many peer connections (transport.accepted_max, transport.unauthenticated_max)")
        connection_class = ConnectionClass[request.match_info["class"].upper()]
        self._unauthenticated += 1
        try:
            try:
                response, peer = await accept_upgrade(request, context.clock)
            except ConnectionResetError as gone:
                log.info("a %s connection from %s ended before it was answered: %s", connection_class.name.lower(), request.remote, gone)
                return web.Response(status=PEER_GONE)
            welcomed = await self._welcome(context, request, peer, connection_class)
        finally:
            self._unauthenticated -= 1
        if welcomed is not None:
            await self._serve(context, peer, *welcomed)
        return response

    async def _welcome(
        self, context: TransportContext, request: web.Request, peer: PeerSocket, connection_class: ConnectionClass
    ) -> tuple[Hello, Channel | None] | None:
        """The peer's handshake, and what seals its connection, when it was admitted and answered; else None, and it is closed."""
        settings = context.settings
        try:
            async with asyncio.timeout(settings.handshake_timeout_s):
                received = await peer.receive()
                if isinstance(received, SocketEnd):
                    raise received.fault or PeerFault(
                        f"the end of the connection ({received.code or received.reason}) in place of a handshake"
                    )
                hello = decode_hello(received)
                # Before the replica hears of it: what it admits, it remembers.
                self._judge_duplicate(hello)
                judge_hello(context, hello, peer.get_extra_info("peercert"), connection_class)
                # failpoint: transport.handshake.before_answer
                channel = self._answer(context, peer, hello)
                peer.admit(settings.frame_bytes_max)
                return hello, channel
        except HandshakeRefused as refusal:
            context.counters.refused_by_us += 1
            self._warn("refused a %s connection from %s: %s", connection_class, request.remote, refusal)
            code = CLOSE_REMOVED if isinstance(refusal, PeerRemoved) else CLOSE_REFUSED
            await peer.close(code, close_reason(str(refusal)), settings.close_timeout_s)
        except NotReady as not_ready:
            await peer.close(CLOSE_TRY_AGAIN, close_reason(str(not_ready)), settings.close_timeout_s)
        except PeerFault as fault:
            context.counters.faults += 1
            self._warn("closed a %s connection from %s: %s", connection_class, request.remote, fault)
            await peer.close(CLOSE_FAULT, close_reason(str(fault)), settings.close_timeout_s)
        except TimeoutError:
            reason = f"no handshake within {settings.handshake_timeout_s:g} s"
            await peer.close(CLOSE_FAULT, close_reason(reason), settings.close_timeout_s)
        except OSError as error:
            log.info("a %s connection from %s ended during its handshake: %s", connection_class.name.lower(), request.remote, error)
        return None

    def _answer(self, context: TransportContext, peer: PeerSocket, hello: Hello) -> Channel | None:
        offer, channel = None, None
        if context.sealing is not None and hello.connection_class is not ConnectionClass.CALL:
            # Before the answer: once the dialler has it, its first sealed frame may be here at any time.
            offer, channel = context.sealing.accept(hello, peer)
        try:
            peer.write(encode_hello(hello.connection_class, context.settings.advertised_url, context.receiver.identity(), offer))
        except BaseException:
            if channel is not None:
                channel.close()
            raise
        return channel

    def _warn(self, text: str, connection_class: ConnectionClass, who: object, why: Exception) -> None:
        # Bounded: whoever reaches the port could fill the disk with our own log otherwise. The counters count all.
        if self._warnings.take() == 0.0:
            log.warning(text, connection_class.name.lower(), who, why)

    def _judge_duplicate(self, hello: Hello) -> None:
        """A second process with the id of a live one: a cloned volume, unless it started later than the one we know (DESIGN decision 2)."""
        if hello.connection_class is ConnectionClass.CALL:
            return  # only asks
        for (member_id, _), current in self._current.items():
            other_process = member_id == hello.member_id and current.hello.instance != hello.instance
            if other_process and hello.boot_counter <= current.hello.boot_counter:
                raise HandshakeRefused(
                    f"member {member_id} is connected from another process (boot {current.hello.boot_counter},"
                    f" yours {hello.boot_counter}): a cloned volume?"
                )

    async def _serve(self, context: TransportContext, peer: PeerSocket, hello: Hello, channel: Channel | None) -> None:
        accepted = Accepted(context, peer, hello, channel)
        key = (hello.member_id, hello.connection_class)
        member = hello.connection_class is not ConnectionClass.CALL
        self._accepted.add(accepted)
        context.counters.accepted += 1
        if member:
            if (previous := self._current.get(key)) is not None:
                previous.abandon()  # half open: its dialler would not have dialled again
            self._current[key] = accepted
            self._on_heard(hello.member_id)
        abrupt = False
        try:
            abrupt = await accepted.serve()
        except PeerFault as fault:
            context.counters.faults += 1
            self._warn("closed the %s connection of member %s: %s", hello.connection_class, hello.member_id, fault)
            await accepted.close(CLOSE_FAULT, close_reason(fault.told))
        finally:
            if channel is not None:
                channel.close()
            self._accepted.discard(accepted)
            if self._current.get(key) is accepted:
                del self._current[key]
        if abrupt and member:
            self._on_abrupt(hello.member_id)

    def check(self, now_s: float) -> None:
        for accepted in self._accepted:
            accepted.check(now_s)

    def excuse(self, now_s: float) -> None:
        for accepted in self._accepted:
            accepted.excuse(now_s)

    def connections(self) -> int:
        return len(self._accepted)

    async def close_members(self, member_ids: set[int]) -> None:
        """Close what these members dialled: they are no peers any more."""
        leaving = [accepted for accepted in self._accepted if accepted.member_id in member_ids]
        await asyncio.gather(*(accepted.close(GOING_AWAY, b"no peer any more") for accepted in leaving))

    async def close(self) -> None:
        self._context = None
        await asyncio.gather(*(accepted.close(GOING_AWAY, b"shutting down") for accepted in list(self._accepted)))
