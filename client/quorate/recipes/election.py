"""Leader election: one of the candidates leads; everybody can see which, and what it proclaims.

election = Election(cluster, "scheduler", value="host-7:8080")
async with election:                                  # campaign; resign at the end
    await lead()

async for leader in Election(cluster, "scheduler").observe():
    print(leader.value if leader else "nobody")
"""

from __future__ import annotations

from collections.abc import AsyncIterator

from quorate.operations import Text, put, to_bytes
from quorate.recipes.held import Held
from quorate.recipes.waiting import next_change
from quorate.wire.results import KeyValue


class Election(Held):
    """A candidate, or an observer that never campaigns. `value` is what the leader proclaims. As with `Lock`, `token` fences."""

    async def campaign(self, value: Text | None = None, *, timeout_s: float | None = None) -> int:
        """Wait to be elected; returns the token. Raises `TimeoutError`, `LockLost`."""
        if value is not None:
            self.value = to_bytes(value, "value")
        return await self.acquire(timeout_s=timeout_s)

    async def resign(self) -> None:
        """Let another lead."""
        await self.release()

    async def proclaim(self, value: Text) -> None:
        """Change what the leader says, without another election. Raises `LockLost` when another leads by now."""
        self.check()
        assert self._lease is not None
        await self.txn().then(put(self.key, value, lease=self._lease.id)).commit()
        self.value = to_bytes(value, "value")

    async def leader(self) -> KeyValue | None:
        """Who leads now: its `value`, and as `create_revision` its token. None when nobody does."""
        return (await self._oldest())[0]

    async def observe(self) -> AsyncIterator[KeyValue | None]:
        """The present leader, then every change: another leader, another value, or None. Changes in quick succession may be merged."""
        seen = -1
        while True:
            leader, revision = await self._oldest()
            now = leader.mod_revision if leader is not None else 0
            if now != seen:
                seen = now
                yield leader
            await next_change(self.cluster.watch(self.prefix, prefix=True, start_revision=revision + 1))

    async def _oldest(self) -> tuple[KeyValue | None, int]:
        found = await self.cluster.range(self.prefix, prefix=True, sort_order="ascend", sort_target="create", limit=1)
        return (found.kvs[0] if found.kvs else None), found.revision
