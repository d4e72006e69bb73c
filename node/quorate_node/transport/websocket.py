"""`WebSocketTransport`: peers over aiohttp WebSockets (DESIGN decisions 2 and 14).

Every member dials every other, once for each class of traffic, and sends on the connections that it dialled; what the others send
arrives on those that it accepted. Answers to requests come back on the connection of the request. So no connection ever has two
owners, and the two sides need not agree on who dials.
"""

from __future__ import annotations

import asyncio
import logging
import random as system_random
import secrets
import time
from collections.abc import Callable, Coroutine, Mapping, Sequence
from typing import Any

import aiohttp
from aiohttp import web
from aiohttp.abc import AbstractResolver

from quorate_node.crypto.epochs.keyring import Keyring
from quorate_node.protocol.message import Message, MessageType
from quorate_node.transport.call import call_url
from quorate_node.transport.context import DialPolicy, TransportContext
from quorate_node.transport.counters import LinkStatus, TransportCounters
from quorate_node.transport.dial import new_session
from quorate_node.transport.endpoint import PeerEndpoint
from quorate_node.transport.frames import FrameCodec
from quorate_node.transport.interface import Clock, PeerFailure, Receiver, RequestKind, Sleep
from quorate_node.transport.link import GOING_AWAY, Link
from quorate_node.transport.peer import Peer
from quorate_node.transport.sealing import RandomBytes, Sealing
from quorate_node.transport.settings import TransportSettings

log = logging.getLogger(__name__)

_URGENT = frozenset(
    int(kind)
    for kind in (
        MessageType.VOTE,
        MessageType.VOTE_RESPONSE,
        MessageType.PRE_VOTE,
        MessageType.PRE_VOTE_RESPONSE,
        MessageType.HEARTBEAT,
        MessageType.HEARTBEAT_RESPONSE,
        MessageType.TIMEOUT_NOW,
        MessageType.READ_INDEX,
        MessageType.READ_INDEX_RESPONSE,
    )
)


class WebSocketTransport:
    """Implements `transport.interface.Transport`. `attach` its routes to the application before that starts, then `start`."""

    def __init__(
        self,
        settings: TransportSettings,
        *,
        clock: Clock = time.monotonic,
        sleep: Sleep = asyncio.sleep,
        random: Callable[[], float] = system_random.random,
        tls: DialPolicy | None = None,
        resolver: AbstractResolver | None = None,
        random_bytes: RandomBytes = secrets.token_bytes,
    ) -> None:
        """`resolver` knows where the hosts of peer URLs are; None: the system's. `random_bytes` is a source fit for keys."""
        self._settings = settings
        self._resolver = resolver
        self._clock = clock
        self._sleep = sleep
        self._random = random
        self._tls = tls
        self._random_bytes = random_bytes
        self._codec = FrameCodec(
            settings.frame_bytes_max,
            compression_bytes_min=settings.compression_bytes_min if settings.compression else None,
            compression_level=settings.compression_level,
        )
        self._peers: dict[int, Peer] = {}
        self._endpoint = PeerEndpoint(self._on_heard, self._on_abrupt, clock)
        self._context: TransportContext | None = None
        self._session: aiohttp.ClientSession | None = None
        self._sweeper: asyncio.Task[None] | None = None
        self._background: set[asyncio.Task[None]] = set()
        self.counters = TransportCounters()

    def routes(self) -> list[web.RouteDef]:
        return self._endpoint.routes()

    def attach(self, application: web.Application) -> None:
        application.add_routes(self.routes())

    async def start(self, receiver: Receiver) -> None:
        assert self._context is None, "a transport starts once"
        self._context = TransportContext(
            self._settings,
            receiver,
            self._codec,
            self.counters,
            self._clock,
            self._sleep,
            self._random,
            self._tls,
        )
        self._session = new_session(self._context, self._resolver)
        self._endpoint.open(self._context)
        self._sweeper = asyncio.get_running_loop().create_task(self._sweep(), name="quorate-peer-sweep")

    def seal_with(self, keyring: Keyring) -> None:
        """From the next connection on, seal with the group's keys what can be sealed. Once, and best before `set_peers`: connections that
        are open stay as they are."""
        context = self._context
        assert context is not None, "start the transport first"
        assert context.sealing is None, "a transport has one keyring"
        assert keyring.member_id == context.receiver.identity().member_id, "the keyring is another member's"
        context.sealing = Sealing(keyring, self._clock, self._random_bytes, self._settings.frame_bytes_max, self.counters)

    @property
    def sealing(self) -> Sealing | None:
        """For status and metrics."""
        return self._context.sealing if self._context is not None else None

    def keys_changed(self) -> None:
        """The keyring's announcement may be another: tell all peers now, and not only with the next check."""
        if (sealing := self.sealing) is not None:
            sealing.announce()

    def set_peers(self, peers: Mapping[int, str]) -> None:
        assert self._context is not None and self._session is not None, "start the transport first"
        own_id = self._context.receiver.identity().member_id
        wanted = {member_id: url for member_id, url in peers.items() if member_id != own_id}
        gone = [peer for peer in self._peers.values() if wanted.get(peer.member_id) != peer.url]
        for peer in gone:
            del self._peers[peer.member_id]
            self._in_background(peer.close(), f"quorate-peer-{peer.member_id}-close")
        removed = {peer.member_id for peer in gone} - wanted.keys()
        if removed:
            self._in_background(self._endpoint.close_members(removed), "quorate-peer-close-accepted")
        for member_id in removed:
            self._context.met.pop(member_id, None)
        for member_id, url in wanted.items():
            if member_id not in self._peers:
                self._peers[member_id] = Peer(self._context, self._session, member_id, url)

    def _in_background(self, work: Coroutine[Any, Any, None], name: str) -> None:
        task = asyncio.get_running_loop().create_task(work, name=name)
        self._background.add(task)
        task.add_done_callback(self._background.discard)

    def send(self, messages: Sequence[Message]) -> None:
        batches: dict[Link, list[Message]] = {}
        for message in messages:
            peer = self._peers.get(message.to)
            if peer is None:
                self.counters.dropped_unknown_peer += 1
                continue
            link = peer.heartbeat if message.type in _URGENT else peer.bulk
            batch = batches.get(link)
            if batch is None:
                batches[link] = [message]
            else:
                batch.append(message)
        for link, batch in batches.items():
            link.send(batch)

    async def request(self, member_id: int, kind: RequestKind, payload: bytes, timeout_s: float) -> bytes:
        peer = self._peers.get(member_id)
        if peer is None:
            raise PeerFailure(f"member {member_id} is no peer of this member", sent=False)
        return await peer.bulk.request(kind, payload, timeout_s)

    async def request_url(self, url: str, kind: RequestKind, payload: bytes, timeout_s: float) -> bytes:
        if self._context is None or self._session is None:
            raise PeerFailure("the transport is not started", sent=False)
        return await call_url(self._context, self._session, url, kind, payload, timeout_s)

    def links(self) -> list[LinkStatus]:
        """Every outgoing connection, for status and metrics."""
        return [link.status() for peer in self._peers.values() for link in (peer.heartbeat, peer.bulk)]

    def connected(self) -> set[int]:
        """The members whose outgoing connections are both up."""
        return {peer.member_id for peer in self._peers.values() if peer.connected}

    def _on_heard(self, member_id: int) -> None:
        if (peer := self._peers.get(member_id)) is not None:
            peer.nudge()

    def _on_abrupt(self, member_id: int) -> None:
        if (peer := self._peers.get(member_id)) is not None:
            peer.suspect()

    async def _sweep(self) -> None:
        last_s = self._clock()
        while True:
            interval_s = self._settings.keepalive_interval_s / 2
            if (sealing := self.sealing) is not None:
                interval_s = min(interval_s, sealing.interval_s)
            await self._sleep(interval_s)
            now_s = self._clock()
            late = now_s - last_s > interval_s + self._settings.idle_timeout_s / 2
            last_s = now_s
            if late:
                # This process stood still (SIGSTOP, a suspended machine): its peers' silence was its own.
                self._excuse(now_s)
            for peer in self._peers.values():
                peer.check(now_s)
            self._endpoint.check(now_s)
            self._check_keys()

    def _check_keys(self) -> None:
        if (sealing := self.sealing) is not None:
            for channel in sealing.tick():
                left = channel.socket.close(GOING_AWAY, b"left the group", self._settings.close_timeout_s)
                self._in_background(left, "quorate-peer-left-group")

    def _excuse(self, now_s: float) -> None:
        for peer in self._peers.values():
            peer.heartbeat.excuse(now_s)
            peer.bulk.excuse(now_s)
        self._endpoint.excuse(now_s)

    async def close(self) -> None:
        if self._sweeper is not None:
            self._sweeper.cancel()
            self._sweeper = None
        peers = list(self._peers.values())
        self._peers.clear()
        await asyncio.gather(self._endpoint.close(), *(peer.close() for peer in peers), *self._background)
        if self._session is not None:
            await self._session.close()
            self._session = None
        self._context = None
