"""A lease that keeps itself alive: what is put with it lives as long as this process does, and a little longer.

    async with cluster.lease(5_000) as lease:
        await cluster.put("workers/7", "here", lease=lease.id)
        await work()                     # the lease is renewed in the background; `lease.lost` tells when that failed

The holder counts the time to live from *sending* the last renewal that was answered, on its own clock: it gives the lease up
before the cluster can have expired it (Gray and Cheriton, "Leases", 1989).
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from types import TracebackType
from typing import TYPE_CHECKING, Self

from quorate.exceptions import ClientClosed, LeaseLost, LeaseNotFound, QuorateError

if TYPE_CHECKING:
    from quorate.cluster import Cluster

RENEWALS_PER_TTL = 3
REVOKE_TIMEOUT_S = 2.0


class Lease:
    """Made by `Cluster.lease`. Not to be entered twice."""

    def __init__(self, cluster: Cluster, ttl_ms: int, lease: int = 0) -> None:
        if ttl_ms < 1:
            raise ValueError(f"ttl_ms: {ttl_ms} must be at least 1 millisecond")
        self._cluster = cluster
        self._asked_ttl_ms = ttl_ms
        self.id = lease
        """The lease's id; 0 before it is granted when none was asked for."""
        self.ttl_ms = ttl_ms
        """The time to live that was granted; it may be more than was asked for."""
        self.lost = asyncio.Event()
        """Set once the lease is known or presumed to be gone."""
        self.reason = ""
        """Why it was lost, in words."""
        self._expires_s = 0.0
        self._keeper: asyncio.Task[None] | None = None

    @property
    def remaining_s(self) -> float:
        """Seconds for which the lease is certain to be held; 0 or less when it is not."""
        return 0.0 if self.lost.is_set() else self._expires_s - time.monotonic()

    def check(self) -> None:
        """Raises `LeaseLost` when the lease is not certain to be held."""
        if self.lost.is_set():
            raise LeaseLost(f"lease {self.id:x} is lost: {self.reason}")
        if self.remaining_s <= 0:
            raise LeaseLost(f"lease {self.id:x} is presumed lost: it was not renewed for {self.ttl_ms} ms")

    async def __aenter__(self) -> Self:
        """Grant it. Raises what `Cluster.put` raises, `LeaseExists` and `LeaseTtlTooLarge`."""
        assert self._keeper is None, "a lease is entered once"
        sent_s = time.monotonic()
        granted = await self._cluster.lease_grant(self._asked_ttl_ms, lease=self.id)
        self.id = granted.lease
        self.ttl_ms = granted.granted_ttl_ms or granted.ttl_ms
        self._expires_s = sent_s + self.ttl_ms / 1000
        self._keeper = asyncio.create_task(self._keep_alive(), name=f"lease {self.id:x}")
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await self.revoke()

    async def revoke(self) -> None:
        """Stop renewing and give the lease back; when the cluster cannot be told, it expires by itself."""
        if self._keeper is not None:
            self._keeper.cancel()
            await asyncio.gather(self._keeper, return_exceptions=True)
        if not self.lost.is_set():
            self._lose("revoked by its holder")
            with contextlib.suppress(QuorateError):
                await self._cluster.lease_revoke(self.id, timeout_s=min(REVOKE_TIMEOUT_S, self._cluster.options.timeout_s))

    async def _keep_alive(self) -> None:
        interval_s = self.ttl_ms / 1000 / RENEWALS_PER_TTL
        wait_s = interval_s
        while True:
            await asyncio.sleep(max(0.0, min(wait_s, self._expires_s - time.monotonic())))
            sent_s = time.monotonic()
            if sent_s >= self._expires_s:
                self._lose(f"not renewed for {self.ttl_ms} ms: {self.reason or 'no answer'}")
                return
            try:
                left_ms = (await self._cluster.lease_keep_alive(self.id, timeout_s=self._expires_s - sent_s)).get(self.id, -1)
            except (ClientClosed, LeaseNotFound) as gone:
                self._lose(gone.message)
                return
            except QuorateError as failed:
                self.reason = failed.message
                wait_s = interval_s / 4
                continue
            if left_ms < 0:
                self._lose("expired or revoked")
                return
            self._expires_s = sent_s + left_ms / 1000
            wait_s = interval_s

    def _lose(self, reason: str) -> None:
        self.reason = reason
        self.lost.set()
