"""Which replica works: the holder of a Lease. It is no fence: what is deleted names its uid, and what is voted on its configuration."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from quorate_operator.clients.errors import ApiFailure, Failure
from quorate_operator.clients.kubernetes_api import KubernetesApi
from quorate_operator.objects.identity import Object

TIME_FORMAT = "%Y-%m-%dT%H:%M:%S.%fZ"
log = logging.getLogger("quorate_operator.lease")


@dataclass
class Lease:
    """Holds on while it can. `held` is asked before every change; `on_acquired` is called when it begins to be true.

    Another's lease is judged by how long it has not changed *here*: clocks of two machines are never compared (as client-go does).
    """

    kubernetes: KubernetesApi
    namespace: str
    name: str
    identity: str
    duration_s: int
    on_acquired: Callable[[], None] = lambda: None
    clock: Callable[[], float] = time.monotonic
    _held_until: float = 0.0
    _seen: tuple[str, float] = ("", 0.0)
    turned_at: float = field(default_factory=time.monotonic)

    @property
    def held(self) -> bool:
        """With a margin: it is given up here before anybody else could take it."""
        return self.clock() < self._held_until

    async def run(self) -> None:
        """Until cancelled; then the lease is given back, so that the next one need not wait."""
        try:
            while True:
                await self._turn()
                await asyncio.sleep(self.duration_s / 5)
        finally:
            if self.held:
                await self._give_back()

    async def _turn(self) -> None:
        asked_at = self.clock()
        had = self.held
        try:
            renewed = await self._acquire(asked_at)
        except Failure as failure:
            log.warning("the lease %s/%s could not be asked for: %s", self.namespace, self.name, failure)
            renewed = False
        self.turned_at = self.clock()
        if renewed:
            # Counted from before the request: the others count from when they see the change.
            self._held_until = asked_at + self.duration_s * 2 / 3
            if not had:
                log.info("%s works from now on", self.identity)
                self.on_acquired()
        elif had and not self.held:
            log.warning("%s has lost the lease and stands by", self.identity)

    async def _acquire(self, now: float) -> bool:
        there = await self.kubernetes.get("Lease", self.namespace, self.name)
        if there is None:
            try:
                await self.kubernetes.create(self._object(None))
            except ApiFailure as failure:
                if failure.status == 409:
                    return False
                raise
            return True
        spec = there.get("spec", {})
        if spec.get("holderIdentity") and spec["holderIdentity"] != self.identity and not self._expired(there, now):
            return False
        try:
            await self.kubernetes.replace(self._object(there))
        except ApiFailure as failure:
            if failure.overtaken:
                return False
            raise
        return True

    def _expired(self, there: Object, now: float) -> bool:
        version = there["metadata"]["resourceVersion"]
        if version != self._seen[0]:
            self._seen = version, now
        duration_s: int = there["spec"].get("leaseDurationSeconds", self.duration_s)
        return now - self._seen[1] > duration_s

    def _object(self, there: Object | None, *, holder: str | None = None) -> Object:
        """`there` gives its resourceVersion: a change by anybody else in between is refused."""
        before = (there or {}).get("spec", {})
        mine = before.get("holderIdentity") == self.identity
        now = datetime.now(UTC).strftime(TIME_FORMAT)
        metadata: Object = {"name": self.name, "namespace": self.namespace}
        if there is not None:
            metadata = {**there["metadata"]}
        return {
            "apiVersion": "coordination.k8s.io/v1",
            "kind": "Lease",
            "metadata": metadata,
            "spec": {
                "holderIdentity": self.identity if holder is None else holder,
                "leaseDurationSeconds": self.duration_s,
                "acquireTime": before.get("acquireTime", now) if mine else now,
                "renewTime": now,
                "leaseTransitions": before.get("leaseTransitions", 0) + (0 if mine or there is None else 1),
            },
        }

    async def _give_back(self) -> None:
        self._held_until = 0.0
        try:
            there = await self.kubernetes.get("Lease", self.namespace, self.name)
            if there is not None and there["spec"].get("holderIdentity") == self.identity:
                await self.kubernetes.replace(self._object(there, holder=""))
        except Failure as failure:
            log.info("the lease could not be given back, and runs out by itself: %s", failure)
