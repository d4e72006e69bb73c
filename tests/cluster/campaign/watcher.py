"""A client that watches a prefix by the client library, whatever becomes of the members: it must be told all, in order, once."""

from __future__ import annotations

import asyncio
import time

from quorate.cluster import Cluster
from quorate.exceptions import WatchCompacted
from quorate_node.simulator.history import Delivery, WatchRecord, WatchStretch
from tests.cluster.campaign.clients import Stop

POLL_S = 0.5


class Watcher:
    """`await run()` until it is stopped. The library resumes by itself, so one stretch lasts until history is compacted below it."""

    def __init__(self, number: int, prefix: bytes, stop: Stop) -> None:
        self._number = number
        self._prefix = prefix
        self._stop = stop
        self._stretches: list[WatchStretch] = []
        self._next_revision = 1

    def record(self, client: int) -> WatchRecord:
        end = self._prefix[:-1] + bytes([self._prefix[-1] + 1])
        stretches = tuple(self._stretches)
        return WatchRecord(
            watch=self._number, client=client, key=self._prefix, range_end=end, previous=True, progress=True, stretches=stretches
        )

    async def run(self, cluster: Cluster) -> None:
        while not self._stop.called():
            opened_ns, start = time.monotonic_ns(), self._next_revision
            deliveries: list[Delivery] = []
            ended = await self._stretch(cluster, deliveries)
            self._stretches.append(
                WatchStretch(
                    member="",
                    opened_ns=opened_ns,
                    start_revision=start,
                    first_revision=start,
                    closed_ns=time.monotonic_ns(),
                    ended=ended,
                    deliveries=tuple(deliveries),
                )
            )

    async def _stretch(self, cluster: Cluster, deliveries: list[Delivery]) -> str:
        watch = cluster.watch(self._prefix, prefix=True, start_revision=self._next_revision, previous=True, progress=True)
        try:
            while not self._stop.called():
                try:
                    async with asyncio.timeout(POLL_S):
                        batch = await watch.next()
                except TimeoutError:
                    continue
                deliveries.append(Delivery(time.monotonic_ns(), batch.revision, batch.events))
                self._next_revision = batch.revision + 1
            return "closed"
        except WatchCompacted as compacted:
            deliveries.append(Delivery(time.monotonic_ns(), self._next_revision, (), compacted.compact_revision))
            self._next_revision = compacted.compact_revision + 1
            return "compacted"
        finally:
            await watch.close()
