"""Writes `status`, when it says something new and not too often: a settled cluster costs no write at all."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from pydantic import ValidationError

from quorate_operator.api.model import GROUP, KIND, VERSION
from quorate_operator.api.status import ConsensusClusterStatus
from quorate_operator.clients.kubernetes_api import KubernetesApi
from quorate_operator.objects.identity import Identity, Object

INTERVAL_S = 10.0
BURST = 2
"""That a cluster serves, or no longer does, is told at once, but no more than this many times in as many intervals; all else waits."""


def previous_of(live: Object) -> ConsensusClusterStatus:
    """As it is in the API server; an empty one when it is none, or of another release: all of it is made anew."""
    try:
        return ConsensusClusterStatus.model_validate(live)
    except ValidationError:
        return ConsensusClusterStatus()


@dataclass
class StatusWriter:
    """Of one cluster."""

    clock: Callable[[], float] = time.monotonic
    _spent: list[float] = field(default_factory=list)

    async def write(self, kubernetes: KubernetesApi, identity: Identity, live: Object, wanted: ConsensusClusterStatus) -> float:
        """Seconds until it may be written, when it is too early now; 0 when nothing is left to write."""
        body = wanted.model_dump(by_alias=True, mode="json", exclude_none=True)
        if body == live:
            return 0.0
        now = self.clock()
        wait_s = self._wait_s(now, urgent=_turned(previous_of(live), wanted))
        if wait_s > 0:
            return wait_s
        self._spent.append(now)
        await kubernetes.apply(status_object(identity, body), "status")
        return 0.0


    def _wait_s(self, now: float, *, urgent: bool) -> float:
        self._spent = [at for at in self._spent if now - at < INTERVAL_S * BURST]
        if not self._spent:
            return 0.0
        every_s = self._spent[0] + INTERVAL_S * BURST - now if len(self._spent) >= BURST else 0.0
        return every_s if urgent else max(every_s, self._spent[-1] + INTERVAL_S - now)


def _turned(before: ConsensusClusterStatus, after: ConsensusClusterStatus) -> bool:
    return _available(before) != _available(after)


def _available(told: ConsensusClusterStatus) -> str:
    return next((each.status for each in told.conditions if each.type == "Available"), "")


def status_object(identity: Identity, body: dict[str, Any]) -> Object:
    """With the uid: of this very resource, and not of one of the same name that was made since."""
    return {
        "apiVersion": f"{GROUP}/{VERSION}",
        "kind": KIND,
        "metadata": {"name": identity.name, "namespace": identity.namespace, "uid": identity.uid},
        "status": body,
    }
