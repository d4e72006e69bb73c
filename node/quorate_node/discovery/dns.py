"""Peers from DNS: the A and AAAA records of one name, as a Kubernetes headless service has them.

SRV records are not read: the standard resolver cannot ask for them, and a headless service's addresses with one peer port say the same.
"""

from __future__ import annotations

import asyncio
import ipaddress
import logging
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from random import random as system_random
from typing import Any

from quorate_node.discovery.interface import DiscoveryFailure
from quorate_node.discovery.urls import PEERS_MAX, peer_url, peer_urls

log = logging.getLogger(__name__)

AddressInfo = list[tuple[Any, ...]]
Resolve = Callable[[str, int], Awaitable[AddressInfo]]
"""As `loop.getaddrinfo` answers."""
JITTER = 0.25


async def resolve_with_system(host: str, port: int) -> AddressInfo:
    return list(await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM))


class DnsDiscovery:
    """Asks for `host` every `interval_s`, give or take a quarter so that members do not ask in step.

    Raises `ValueError` for bad settings.
    """

    def __init__(
        self,
        host: str,
        port: int,
        *,
        scheme: str = "http",
        interval_s: float = 5.0,
        timeout_s: float = 2.0,
        resolve: Resolve = resolve_with_system,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        random: Callable[[], float] = system_random,
    ) -> None:
        for name, value in (("interval_s", interval_s), ("timeout_s", timeout_s)):
            if value <= 0:
                raise ValueError(f"discovery.dns.{name} is {value}; it must be greater than 0")
        peer_url(f"{scheme}://{host}:{port}")
        self._host = host
        self._port = port
        self._scheme = scheme
        self._interval_s = interval_s
        self._timeout_s = timeout_s
        self._resolve = resolve
        self._sleep = sleep
        self._random = random

    async def peers(self) -> list[str]:
        try:
            async with asyncio.timeout(self._timeout_s):
                answers = await self._resolve(self._host, self._port)
        except TimeoutError:
            raise DiscoveryFailure(f"DNS gave no answer for {self._host} within {self._timeout_s:g} s") from None
        except OSError as error:
            raise DiscoveryFailure(f"DNS could not resolve {self._host}: {error}") from error
        addresses = {str(answer[4][0]) for answer in answers}
        if len(addresses) > PEERS_MAX:
            raise DiscoveryFailure(f"DNS gave {len(addresses)} addresses for {self._host}, over the limit of {PEERS_MAX}")
        return peer_urls(self._url(address) for address in addresses)

    def _url(self, address: str) -> str:
        host = f"[{address}]" if ipaddress.ip_address(address).version == 6 else address
        return f"{self._scheme}://{host}:{self._port}"

    async def watch(self) -> AsyncIterator[list[str]]:
        known: list[str] | None = None
        failing = ""
        while True:
            try:
                found = await self.peers()
            except DiscoveryFailure as failure:
                # An answer that did not come takes nobody away: a DNS server that restarts must not disband the cluster.
                if str(failure) != failing:
                    failing = str(failure)
                    log.warning("peers stay as they were: %s", failing)
            else:
                failing = ""
                if found != known:
                    known = found
                    yield list(found)
            await self._sleep(self._interval_s * (1 - JITTER + 2 * JITTER * self._random()))
