"""Barriers: one that somebody holds up for all, and one that a known number of parties enter and leave together."""

from __future__ import annotations

from types import TracebackType
from typing import TYPE_CHECKING, Self

from quorate.operations import Key, Text, delete, put, to_bytes
from quorate.recipes.waiting import at_most, next_change

if TYPE_CHECKING:
    from quorate.cluster import Cluster
    from quorate.lease import Lease


class Barrier:
    """While it is held, `wait` waits. It outlives who holds it: anybody may release it."""

    def __init__(self, cluster: Cluster, name: Text) -> None:
        if not name:
            raise ValueError("name: must not be empty")
        self.cluster = cluster
        self.key = to_bytes(name, "name")

    async def hold(self) -> bool:
        """Put the barrier up; False when it was up already."""
        held = await self.cluster.txn().when(Key(self.key).missing).then(put(self.key)).commit()
        return held.succeeded

    async def release(self) -> bool:
        """Let everybody through; False when it was not up."""
        return (await self.cluster.delete(self.key)).deleted > 0

    async def wait(self, *, timeout_s: float | None = None) -> None:
        """Return once the barrier is not up. Raises `TimeoutError`."""
        async with at_most(timeout_s, "the barrier to be released"):
            while True:
                found = await self.cluster.range(self.key, consistency="linearizable")
                if not found.kvs:
                    return
                await next_change(self.cluster.watch(self.key, start_revision=found.revision + 1, no_put=True))


class DoubleBarrier:
    """`parties` contenders start together and end together. `async with` enters and leaves.

    One that dies is let go once its lease (`ttl_ms`) has expired. More than `parties` at once: those who come while the others
    are inside go straight in. Source: the ZooKeeper paper (2010), section 2.4, "Double Barrier".
    """

    def __init__(self, cluster: Cluster, name: Text, parties: int, *, ttl_ms: int = 10_000, timeout_s: float | None = None) -> None:
        if not name:
            raise ValueError("name: must not be empty")
        if parties < 1:
            raise ValueError(f"parties: {parties} must be at least 1")
        self.cluster = cluster
        self.parties = parties
        self.ttl_ms = ttl_ms
        self.timeout_s = timeout_s
        self._inside = to_bytes(name, "name") + b"/inside/"
        self._ready = to_bytes(name, "name") + b"/ready"
        self._lease: Lease | None = None

    async def __aenter__(self) -> Self:
        await self.enter()
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await self.leave()

    async def enter(self) -> None:
        """Return once all parties are here. Raises `TimeoutError`, `LeaseLost`; leaves nothing behind when it fails."""
        if self._lease is not None:
            raise RuntimeError("this object has entered already; make one for each party")
        lease = self._lease = self.cluster.lease(self.ttl_ms)
        try:
            async with at_most(self.timeout_s, f"{self.parties} parties to come"):
                await lease.__aenter__()
                came = await self.cluster.put(self._inside + f"{lease.id:016x}".encode(), lease=lease.id)
                inside = await self.cluster.range(self._inside, prefix=True, count_only=True, consistency="linearizable")
                if inside.count >= self.parties:
                    # With the lease: a sign that outlived its round would open the next one.
                    await self.cluster.put(self._ready, lease=lease.id)
                else:
                    await next_change(self.cluster.watch(self._ready, start_revision=came.revision + 1, no_delete=True), lease)
        except BaseException:
            await self._give_up()
            raise

    async def leave(self) -> None:
        """Return once all parties have left. Raises `TimeoutError`, `LeaseLost`."""
        lease = self._lease
        if lease is None:
            return
        try:
            async with at_most(self.timeout_s, "the other parties to leave"):
                await self.cluster.delete(self._inside + f"{lease.id:016x}".encode())
                while True:
                    inside = await self.cluster.range(self._inside, prefix=True, count_only=True, consistency="linearizable")
                    if inside.count == 0:
                        break
                    watch = self.cluster.watch(self._inside, prefix=True, start_revision=inside.revision + 1, no_put=True)
                    await next_change(watch, lease)
                await self.cluster.txn().when(Key(self._inside, prefix=True).missing).then(delete(self._ready)).commit()
        finally:
            await self._give_up()

    async def _give_up(self) -> None:
        lease, self._lease = self._lease, None
        if lease is not None:
            await lease.revoke()
