"""Members on loopback for the transport's tests: real sockets, a receiver that writes down what it hears."""

from __future__ import annotations

import asyncio
import random
import ssl
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from aiohttp import web

from quorate_node.protocol.message import Message
from quorate_node.transport.context import DialPolicy
from quorate_node.transport.interface import Identity, LostReason
from quorate_node.transport.settings import TransportSettings
from quorate_node.transport.websocket import WebSocketTransport

CLUSTER_ID = 77

Answer = Callable[[int, int, bytes], Awaitable[bytes]]


class Recorder:
    """A `Receiver` whose every call can be waited for."""

    def __init__(self, identity: Identity) -> None:
        self.current = identity
        self.messages: list[Message] = []
        self.frames: list[int] = []
        """How many messages each call of `on_messages` brought."""
        self.lost: list[tuple[int, LostReason]] = []
        self.lost_at: list[float] = []
        self.connected: list[int] = []
        self.unreachable: list[int] = []
        self.admitted: list[Identity] = []
        self.refusal: str | None = None
        self.removed: set[int] = set()
        self.voters: set[int] = set()
        self.asked_by_non_voting: list[bool] = []
        self.told_of_removal: list[str] = []
        self.answer: Answer | None = None
        self.changed = asyncio.Event()

    def identity(self) -> Identity:
        return self.current

    def admit(self, peer: Identity) -> str | None:
        self.admitted.append(peer)
        return self.refusal

    def has_removed(self, member_id: int) -> bool:
        return member_id in self.removed

    def on_removed(self, text: str) -> None:
        self.told_of_removal.append(text)
        self.changed.set()

    def on_messages(self, messages: Sequence[Message]) -> None:
        self.messages.extend(messages)
        self.frames.append(len(messages))
        self.changed.set()

    def on_lost(self, member_id: int, reason: LostReason) -> None:
        self.lost.append((member_id, reason))
        self.lost_at.append(time.monotonic())
        self.changed.set()

    def on_connected(self, member_id: int) -> None:
        self.connected.append(member_id)
        self.changed.set()

    def on_unreachable(self, member_id: int) -> None:
        self.unreachable.append(member_id)
        self.changed.set()

    def may_vote(self, member_id: int) -> bool:
        return member_id in self.voters

    async def on_request(self, member_id: int, kind: int, payload: bytes, *, non_voting: bool = False) -> bytes:
        self.asked_by_non_voting.append(non_voting)
        assert self.answer is not None, "nobody said how to answer"
        return await self.answer(member_id, kind, payload)

    async def until(self, condition: Callable[[], bool], timeout_s: float = 30.0) -> None:
        """Wait for the receiver to have heard what `condition` asks for."""
        async with asyncio.timeout(timeout_s):
            while not condition():
                self.changed.clear()
                await self.changed.wait()


def identity(member_id: int, **changes: int) -> Identity:
    return Identity(
        cluster_id=CLUSTER_ID, member_id=member_id, boot_counter=1, term=3, last_index=9, version_low=1, version_high=1
    )._replace(**changes)


class Member:
    """One member: a transport, its routes on a port of loopback, and its recorder."""

    def __init__(self, member_id: int, **changes: int) -> None:
        self.recorder = Recorder(identity(member_id, **changes))
        self.member_id = member_id
        self.url = ""
        self.port = 0
        self._runner: web.AppRunner | None = None
        self.transport: WebSocketTransport = None  # type: ignore[assignment]

    async def start(
        self,
        *,
        port: int = 0,
        tls: DialPolicy | None = None,
        server_context: ssl.SSLContext | None = None,
        clock: Callable[[], float] = time.monotonic,
        random: Callable[[], float] = random.random,
        **settings: Any,
    ) -> Member:
        application = web.Application()
        scheme = "https" if server_context else "http"
        transport_settings = TransportSettings(advertised_url=f"{scheme}://127.0.0.1:{port}", **settings)
        self.transport = WebSocketTransport(transport_settings, tls=tls, clock=clock, random=random)
        self.transport.attach(application)
        self._runner = web.AppRunner(application, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", port, ssl_context=server_context)
        await site.start()
        self.port = self._runner.addresses[0][1]
        self.url = f"{scheme}://127.0.0.1:{self.port}"
        await self.transport.start(self.recorder)
        return self

    async def stop(self) -> None:
        await self.transport.close()
        if self._runner is not None:
            await self._runner.cleanup()

    def knows(self, *others: Member) -> None:
        self.transport.set_peers({other.member_id: other.url for other in others})


async def eventually(condition: Callable[[], bool], timeout_s: float = 30.0) -> None:
    """Wait for what nobody is told of."""
    async with asyncio.timeout(timeout_s):
        while not condition():
            await asyncio.sleep(0.01)


async def acquaint(*members: Member) -> None:
    """Make all know all, and wait until they are connected."""
    for member in members:
        member.knows(*members)
    for member in members:
        others = {other.member_id for other in members} - {member.member_id}
        await member.recorder.until(lambda member=member, others=others: others <= set(member.recorder.connected))


StartMember = Callable[..., Awaitable[Member]]
