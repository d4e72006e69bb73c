"""Wakes and turns: one task a cluster, a few at work at a time, and a tick for what nobody wakes us for."""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from quorate_operator.clients.errors import ApiFailure, Failure
from quorate_operator.metrics import Metrics
from quorate_operator.objects.identity import ClusterKey
from quorate_operator.reconcile import Reconciler, Turn

SETTLE_S = 0.05
"""Events come in bunches: what follows an event within this time is seen on the same look."""
AGAIN_S = 0.5
"""First wait of a plan that waits for members, whom nobody reports on; it grows while nothing changes."""
GROWTH = 1.6
FAILED_S = 1.0
FAILED_MAX_S = 60.0
log = logging.getLogger("quorate_operator.loop")


@dataclass
class _Cluster:
    wake: asyncio.Event
    task: asyncio.Task[None] | None = None
    wait_s: float = AGAIN_S
    failures: int = 0
    last: Turn = field(default_factory=Turn)
    timer: asyncio.TimerHandle | None = None

    def wake_after(self, seconds: float) -> None:
        """Takes the place of the one before: were they added up, every event would start a chain of looks that never ends."""
        if self.timer is not None:
            self.timer.cancel()
        self.timer = asyncio.get_running_loop().call_later(seconds, self.wake.set)


@dataclass
class Loop:
    """`may_act`: whether this replica is the one that works; a standby looks at nothing."""

    reconciler: Reconciler
    may_act: Callable[[], bool]
    metrics: Metrics
    tick_s: float
    parallel: int
    turned_at: float = field(default_factory=time.monotonic)
    _clusters: dict[ClusterKey, _Cluster] = field(default_factory=dict)
    _slots: asyncio.Semaphore = field(init=False)

    def __post_init__(self) -> None:
        self._slots = asyncio.Semaphore(self.parallel)

    def wake(self, key: ClusterKey) -> None:
        """Something of this cluster has changed; what, does not matter."""
        cluster = self._clusters.get(key)
        if cluster is None:
            cluster = self._clusters[key] = _Cluster(asyncio.Event())
            cluster.task = asyncio.get_running_loop().create_task(self._live(key, cluster), name=f"cluster {key[0]}/{key[1]}")
            cluster.task.add_done_callback(self._ended)
        cluster.wake.set()

    def wake_all(self) -> None:
        for cluster in self._clusters.values():
            cluster.wake.set()

    async def run(self) -> None:
        """The tick: also clusters that no event was ever seen of are found. Until cancelled."""
        try:
            while True:
                if self.may_act():
                    await self._find_all()
                self.turned_at = time.monotonic()
                await asyncio.sleep(min(self.tick_s, 5.0) if not self.may_act() else self.tick_s)
        finally:
            tasks = [cluster.task for cluster in self._clusters.values() if cluster.task is not None]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _find_all(self) -> None:
        try:
            listed = await self.reconciler.listing.look()
        except Failure as failure:
            log.warning("nothing could be looked at: %s", failure)
            self.metrics.failed(failure.reason)
            return
        for key in listed.resources:
            self.wake(key)
        try:
            await self.reconciler.sweep(listed, self.may_act)
        except Failure as failure:
            log.warning("not everything could be swept up: %s", failure)
            self.metrics.failed(failure.reason)

    async def _live(self, key: ClusterKey, cluster: _Cluster) -> None:
        while True:
            await cluster.wake.wait()
            await asyncio.sleep(SETTLE_S)
            async with self._slots:
                cluster.wake.clear()
                if not self.may_act():
                    continue
                begun = time.monotonic()
                turn = await self.reconciler.turn(key, self.may_act)
                self.turned_at = time.monotonic()
                self.metrics.turned(key, turn, self.turned_at - begun)
            if turn.gone:
                return
            cluster.wake_after(self._wait_s(cluster, turn))

    def _wait_s(self, cluster: _Cluster, turn: Turn) -> float:
        """When to look again by ourselves. The tick wakes everybody anyhow."""
        same = turn.plan == cluster.last.plan and not turn.acted
        cluster.last = turn
        if turn.failure is not None:
            cluster.failures += 1
            backoff_s = min(FAILED_S * 2 ** min(cluster.failures - 1, 10), FAILED_MAX_S) * random.uniform(0.75, 1.25)
            # Never sooner than asked for, and not all at the same moment.
            asked_s = turn.failure.retry_after_s * random.uniform(1, 1.25) if isinstance(turn.failure, ApiFailure) else 0.0
            overtaken = isinstance(turn.failure, ApiFailure) and turn.failure.overtaken and cluster.failures <= 3
            return SETTLE_S if overtaken else max(backoff_s, asked_s)
        cluster.failures = 0
        if turn.acted:
            cluster.wait_s = AGAIN_S
            return SETTLE_S
        if turn.settled:
            cluster.wait_s = AGAIN_S
            return turn.again_s or self.tick_s
        cluster.wait_s = min(cluster.wait_s * GROWTH, self.tick_s) if same else AGAIN_S
        return min(cluster.wait_s, turn.again_s or cluster.wait_s)

    def _ended(self, task: asyncio.Task[None]) -> None:
        """A resource that is gone; or a fault of ours, which must not be survived in silence: the cluster is taken up again by the tick."""
        for key, cluster in list(self._clusters.items()):
            if cluster.task is task:
                del self._clusters[key]
                self.metrics.forget(key)
        if not task.cancelled() and (wrong := task.exception()) is not None:
            log.error("%s ended with a fault", task.get_name(), exc_info=wrong)
            self.metrics.failed("Fault")
