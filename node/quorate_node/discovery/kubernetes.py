"""Peers from the Kubernetes API: the EndpointSlices of the members' headless Service, watched with this pod's own ServiceAccount.

Not pods: whoever may read those reads everybody's environment. While the API server is away, or refuses, DNS is asked instead, and what was
last known stays: an API server that is gone takes nobody away, and no member waits for it to find another again.
"""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import aclosing

from aiohttp.abc import AbstractResolver, ResolveResult

from quorate_node.discovery.dns import DnsDiscovery, Resolve, resolve_with_system
from quorate_node.discovery.interface import DiscoveryFailure
from quorate_node.discovery.slices import Endpoint, endpoints_of
from quorate_node.discovery.urls import peer_urls
from quorate_node.kubernetes.following import View
from quorate_node.kubernetes.tasks import spawn

log = logging.getLogger(__name__)

SERVICE_LABEL = "kubernetes.io/service-name"
Views = Callable[[], AsyncGenerator[View, None]]
"""Follows the EndpointSlices of the one Service."""


class KubernetesDiscovery:
    """`start` once, `close` once. `domain`: the Service's DNS name, below which each member has one of its own."""

    def __init__(
        self,
        views: Views,
        dns: DnsDiscovery,
        domain: str,
        port: int,
        *,
        scheme: str = "http",
        first_view_s: float = 2.0,
        interval_s: float = 5.0,
    ) -> None:
        self._views = views
        self._dns = dns
        self._domain = domain.rstrip(".").lower()
        self._port = port
        self._scheme = scheme
        self._first_view_s = first_view_s
        self._interval_s = interval_s
        self._endpoints: list[Endpoint] = []
        self._live = False
        self._seen = asyncio.Event()
        self._changed = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    @property
    def live(self) -> bool:
        """The API server's word is taken; else that of DNS."""
        return self._live

    def start(self) -> None:
        assert self._task is None, "a discovery starts once"
        self._task = spawn(self._follow(), "quorate-endpoint-slices")

    async def close(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _follow(self) -> None:
        async with aclosing(self._views()) as views:
            async for view in views:
                self._take(view)

    def _take(self, view: View) -> None:
        live = view.failure is None
        endpoints = endpoints_of(view.items)
        if live and not self._live:
            names = ", ".join(endpoint.name or endpoint.addresses[0] for endpoint in endpoints)
            log.info("members by their EndpointSlices: %s", names or "none yet")
        elif self._live and not live:
            log.warning("members are looked for in DNS while the API server does not tell: %s", view.failure)
        if (endpoints, live) != (self._endpoints, self._live) or not self._seen.is_set():
            self._endpoints, self._live = endpoints, live
            self._changed.set()
            self._changed = asyncio.Event()
        self._seen.set()

    async def peers(self) -> list[str]:
        if not self._seen.is_set():
            # At the start the API server is given a moment: its word is complete, and names members as their certificates do.
            await _within(self._seen.wait(), self._first_view_s)
        if self._live:
            return self._urls()
        try:
            return await self._dns.peers()
        except DiscoveryFailure as failure:
            if not self._endpoints:
                raise DiscoveryFailure(f"the API server does not tell, and {failure}") from failure
            return self._urls()

    def _urls(self) -> list[str]:
        found = []
        for endpoint in self._endpoints:
            address = endpoint.addresses[0]
            plain = f"[{address}]" if ":" in address else address
            host = f"{endpoint.name}.{self._domain}" if endpoint.name else plain
            found.append(f"{self._scheme}://{host}:{endpoint.port or self._port}")
        return peer_urls(found)

    async def watch(self) -> AsyncIterator[list[str]]:
        known: list[str] | None = None
        while True:
            changed = self._changed
            try:
                found = await self.peers()
            except DiscoveryFailure as failure:
                log.debug("peers stay as they were: %s", failure)
            else:
                if found != known:
                    known = found
                    yield list(found)
            if self._live:
                await changed.wait()
            else:
                await _within(changed.wait(), self._interval_s)

    def addresses(self, host: str) -> tuple[str, ...]:
        """Where `host` is by the slices, if it is the name of a member; empty else."""
        name, _, domain = host.lower().partition(".")
        if domain != self._domain:
            return ()
        return next((endpoint.addresses for endpoint in self._endpoints if endpoint.name == name), ())


class SliceResolver(AbstractResolver):
    """Members' names to addresses: by the slices while they are live, so that a pod that moved is found at once and without DNS; by DNS
    otherwise; and where DNS is gone too, by what the slices said last."""

    def __init__(self, discovery: KubernetesDiscovery, resolve: Resolve = resolve_with_system) -> None:
        self._discovery = discovery
        self._resolve = resolve

    async def resolve(self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC) -> list[ResolveResult]:
        """Raises `OSError` when nobody knows the name."""
        known = self._discovery.addresses(host)
        if known and self._discovery.live:
            return _results(host, port, known)
        try:
            answers = await self._resolve(host, port)
        except OSError:
            if not known:
                raise
            return _results(host, port, known)
        return _results(host, port, tuple(dict.fromkeys(str(answer[4][0]) for answer in answers)))

    async def close(self) -> None:
        """There is nothing to give back."""


def _results(host: str, port: int, addresses: tuple[str, ...]) -> list[ResolveResult]:
    return [
        ResolveResult(
            hostname=host,
            host=address,
            port=port,
            family=socket.AF_INET6 if ":" in address else socket.AF_INET,
            proto=socket.IPPROTO_TCP,
            flags=socket.AI_NUMERICHOST | socket.AI_NUMERICSERV,
        )
        for address in addresses
    ]


async def _within(wait: Awaitable[object], seconds: float) -> None:
    try:
        async with asyncio.timeout(seconds):
            await wait
    except TimeoutError:
        return
