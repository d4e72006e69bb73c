"""Leases as clients use them: granted, renewed early and at the last moment, given up, watched as they end; shared by all clients."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from random import Random
from typing import TYPE_CHECKING

from quorate.wire.commands import LeaseGrant, LeaseKeepAlive, LeaseRevoke
from quorate.wire.results import LeaseListResult, LeaseResult
from quorate_node.simulator.caller import look_up
from quorate_node.simulator.history import LeaseLookup

if TYPE_CHECKING:
    from quorate_node.simulator.workload import Client

LEASES_MAX = 5
CHOSEN_MAX = 3
"""Ids that clients choose themselves, again and again; the others are the machine's to choose."""
TTL_MS = (1_000, 1_500, 4_000)
EDGE_MS = (-200, 400)
"""How long before and after its time somebody looks whether a lease is still there."""
WAIT_MS_MAX = 5_000


class Leases:
    """Those that somebody believes to be there -> when they end, if nobody renews them (ms of virtual time)."""

    def __init__(self) -> None:
        self._ends_ms: dict[int, int] = {}

    def __len__(self) -> int:
        return len(self._ends_ms)

    def choose(self, random: Random) -> int:
        return random.choice(list(self._ends_ms))

    def end_ms(self, lease: int) -> int:
        return self._ends_ms.get(lease, 0)

    def told(self, lease: int, left_ms: int, now_ms: int) -> None:
        """Somebody was told how long it still has; below 0 it is gone."""
        if left_ms < 0:
            self._ends_ms.pop(lease, None)
        else:
            self._ends_ms[lease] = now_ms + left_ms


class Leasing:
    """One client's part."""

    def __init__(self, client: Client, leases: Leases) -> None:
        self._client = client
        self._leases = leases

    @property
    def _random(self) -> Random:
        return self._client.random

    async def step(self) -> None:
        random, leases = self._random, self._leases
        if not leases or (len(leases) < LEASES_MAX and random.random() < 0.15):
            await self._grant()
            return
        lease = leases.choose(random)
        steps: tuple[tuple[Callable[[int], Awaitable[None]], float], ...] = (
            (self._attach, 0.45),
            (self._renew, 0.15),
            (self._look, 0.15),
            (self._at_its_end, 0.15),
            (self._revoke, 0.1),
        )
        (chosen,) = random.choices([step for step, _ in steps], [share for _, share in steps])
        await chosen(lease)

    def _told(self, lease: int, left_ms: int) -> None:
        self._leases.told(lease, left_ms, self._client.now_ms)

    async def _grant(self) -> None:
        number = self._random.choice((0, 0, self._random.randint(1, CHOSEN_MAX)))
        granted = await self._client.command(LeaseGrant(self._random.choice(TTL_MS), number))
        if isinstance(granted, LeaseResult):
            self._told(granted.lease, granted.ttl_ms)

    async def _attach(self, lease: int) -> None:
        await self._client.command(self._client.requests.put(lease))

    async def _renew(self, lease: int) -> None:
        several = {lease: None, self._leases.choose(self._random): None} if self._leases and self._random.random() < 0.2 else {lease: None}
        renewed = await self._client.command(LeaseKeepAlive(tuple(several)))
        if isinstance(renewed, LeaseListResult):
            for each, left_ms in renewed.leases:
                self._told(each, left_ms)

    async def _look(self, lease: int) -> None:
        keys = self._random.random() < 0.5
        found = await self._client.look(LeaseLookup(lease, keys), look_up(lease, keys))
        if isinstance(found, LeaseResult):
            self._told(lease, found.ttl_ms)

    async def _at_its_end(self, lease: int) -> None:
        """Where an end that comes too early, and a renewal that comes too late, would show themselves."""
        wait_ms = self._leases.end_ms(lease) - self._client.now_ms + self._random.randint(*EDGE_MS)
        await asyncio.sleep(min(max(wait_ms, 0), WAIT_MS_MAX) / 1000)
        await (self._renew(lease) if self._random.random() < 0.4 else self._look(lease))

    async def _revoke(self, lease: int) -> None:
        self._told(lease, -1)
        await self._client.command(LeaseRevoke(lease))
