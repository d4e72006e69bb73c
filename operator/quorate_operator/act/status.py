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
"""Writes that may follow each other at once, one for each `INTERVAL_S`: the first says what was begun, the second that it is done."""


def previous_status(resource: Object) -> ConsensusClusterStatus:
    """As it is in the API server; an empty one when it is none, or of another release: all of it is made anew."""
    try:
        return ConsensusClusterStatus.model_validate(resource.get("status") or {})
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
        self._spent = [at for at in self._spent if now - at < INTERVAL_S * BURST]
        wait_s = self._spent[-BURST] + INTERVAL_S * BURST - now if len(self._spent) >= BURST else 0.0
        if wait_s > 0:
            return wait_s
        self._spent.append(now)
        await kubernetes.apply(status_object(identity, body), "status")
        return 0.0


def status_object(identity: Identity, body: dict[str, Any]) -> Object:
    """With the uid: of this very resource, and not of one of the same name that was made since."""
    return {
        "apiVersion": f"{GROUP}/{VERSION}",
        "kind": KIND,
        "metadata": {"name": identity.name, "namespace": identity.namespace, "uid": identity.uid},
        "status": body,
    }
