"""A listening socket that nobody can sit on: connections are bounded, and one without a whole request head is closed after a while.

aiohttp gives a fresh connection all the time in the world for its first request. Here a guard reads that far, and then hands the
connection over to whatever protocol the factory makes; from there on it is out of the way.
"""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from typing import cast

from aiohttp import web

log = logging.getLogger(__name__)

ProtocolFactory = Callable[[], asyncio.Protocol]
_HEAD_END = b"\r\n\r\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class ListenerSettings:
    """Raises `ValueError` for a limit that is not greater than 0."""

    connections_max: int = 16_384
    waiting_max: int = 1_024
    """Connections whose first request has not arrived."""
    head_timeout_s: float = 5.0
    head_bytes_max: int = 64 * 1024
    tls_handshake_timeout_s: float = 5.0
    backlog: int = 1_024

    def __post_init__(self) -> None:
        for name in self.__slots__:
            if getattr(self, name) <= 0:
                raise ValueError(f"listener.{name} is {getattr(self, name)}; it must be greater than 0")


class ConnectionGate:
    """Counts what is open. Connections are handed over and close out of sight, so the closed ones are swept out now and then."""

    def __init__(self, settings: ListenerSettings) -> None:
        self.settings = settings
        self.waiting = 0
        self.refused = 0
        self.expired = 0
        self._open: set[asyncio.BaseTransport] = set()
        self._sweep_at = 64

    def enter(self, transport: asyncio.BaseTransport) -> bool:
        if len(self._open) >= min(self._sweep_at, self.settings.connections_max):
            self._open = {one for one in self._open if not one.is_closing()}
            self._sweep_at = max(64, 2 * len(self._open))
        if len(self._open) >= self.settings.connections_max or self.waiting >= self.settings.waiting_max:
            self.refused += 1
            return False
        self._open.add(transport)
        return True

    def leave(self, transport: asyncio.BaseTransport) -> None:
        self._open.discard(transport)


class FirstRequestGuard(asyncio.Protocol):
    def __init__(self, factory: ProtocolFactory, gate: ConnectionGate) -> None:
        self._factory = factory
        self._gate = gate
        self._head = bytearray()
        self._transport: asyncio.Transport | None = None
        self._timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # A cast and no check: uvloop's TCP transports are no subclasses of asyncio's, they only behave alike.
        self._transport = cast("asyncio.Transport", transport)
        if not self._gate.enter(transport):
            self._transport.abort()
            return
        self._gate.waiting += 1
        self._timer = asyncio.get_running_loop().call_later(self._gate.settings.head_timeout_s, self._expire)

    def data_received(self, data: bytes) -> None:
        self._head += data
        # One over the limit is handed over as it is: the HTTP parser answers 431 with its own, smaller limit.
        if _HEAD_END in self._head[-len(data) - len(_HEAD_END) + 1 :] or len(self._head) > self._gate.settings.head_bytes_max:
            self._hand_over()

    def _hand_over(self) -> None:
        transport = self._transport
        if transport is None or not self._stop_waiting():
            return
        protocol = self._factory()
        transport.set_protocol(protocol)
        protocol.connection_made(transport)
        protocol.data_received(bytes(self._head))

    def _expire(self) -> None:
        assert self._transport is not None
        self._gate.expired += 1
        self._transport.abort()

    def _stop_waiting(self) -> bool:
        if self._timer is None:
            return False
        self._timer.cancel()
        self._timer = None
        self._gate.waiting -= 1
        return True

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_waiting()
        if self._transport is not None:
            self._gate.leave(self._transport)
            self._transport = None


class GuardedSite(web.BaseSite):
    """`web.TCPSite` with the guard: for an `AppRunner`, or any factory of protocols given as `factory`."""

    def __init__(
        self,
        runner: web.BaseRunner,
        host: str,
        port: int,
        *,
        settings: ListenerSettings,
        ssl_context: ssl.SSLContext | None = None,
        factory: ProtocolFactory | None = None,
    ) -> None:
        super().__init__(runner, ssl_context=ssl_context, backlog=settings.backlog)
        self._host = host
        self._port = port
        self._factory = factory
        self.gate = ConnectionGate(settings)

    @property
    def name(self) -> str:
        return f"{'https' if self._ssl_context else 'http'}://{self._host}:{self._port}"

    async def start(self) -> None:
        await super().start()
        factory = self._factory or self._runner.server
        assert factory is not None, "set the runner up first"
        timeout_s = self.gate.settings.tls_handshake_timeout_s if self._ssl_context else None
        self._server = await asyncio.get_running_loop().create_server(
            lambda: FirstRequestGuard(factory, self.gate),
            self._host,
            self._port,
            ssl=self._ssl_context,
            backlog=self._backlog,
            ssl_handshake_timeout=timeout_s,
        )

    @property
    def addresses(self) -> list[tuple[str, int]]:
        """Where it listens: with port 0, the port that the system chose."""
        sockets = getattr(self._server, "sockets", None) or ()
        return [tuple(one.getsockname()[:2]) for one in sockets]
