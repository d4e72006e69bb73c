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
"""What people and programs wait for (`URGENT`) is told at once, but no more than this many times in as many intervals; all else waits."""
URGENT = ("Available", "Progressing")
NO_OBSTACLE = "QuorumInOnePlace"
"""Why a cluster is degraded that nothing keeps from forming."""
FIRST_S = 10.0
"""A new cluster has its first status when it is available, or something is wrong, or after this long: what could be said before is outdated
at once, and the write would be one of the few that there are. Two of three members have their vote within this time, and the third one so
soon after them that the write which says so has to be left."""


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
    _asked_first: float | None = None

    async def write(self, kubernetes: KubernetesApi, identity: Identity, live: Object, wanted: ConsensusClusterStatus) -> float:
        """Seconds until it may be written, when it is too early now; 0 when nothing is left to write."""
        body = wanted.model_dump(by_alias=True, mode="json", exclude_none=True)
        if body == live:
            return 0.0
        now = self.clock()
        before = previous_of(live)
        is_first = not before.conditions and _is_on_its_way(wanted)
        wait_s = self._first_s(now) if is_first else self._wait_s(now, urgent=_turned(before, wanted))
        if wait_s > 0:
            return wait_s
        self._spent.append(now)
        await kubernetes.apply(status_object(identity, body), "status")
        return 0.0

    def _first_s(self, now: float) -> float:
        if self._asked_first is None:
            self._asked_first = now
        return max(0.0, self._asked_first + FIRST_S - now)

    def _wait_s(self, now: float, *, urgent: bool) -> float:
        self._spent = [at for at in self._spent if now - at < INTERVAL_S * BURST]
        if not self._spent:
            return 0.0
        every_s = self._spent[0] + INTERVAL_S * BURST - now if len(self._spent) >= BURST else 0.0
        return every_s if urgent else max(every_s, self._spent[-1] + INTERVAL_S - now)


def _turned(before: ConsensusClusterStatus, after: ConsensusClusterStatus) -> bool:
    return any(_status(before, kind) != _status(after, kind) for kind in URGENT)


def _is_on_its_way(status: ConsensusClusterStatus) -> bool:
    obstacles = [each for each in status.conditions if each.type == "Degraded" and each.status == "True" and each.reason != NO_OBSTACLE]
    return _status(status, "Available") != "True" and not obstacles and _status(status, "Progressing") == "True"


def _status(told: ConsensusClusterStatus, kind: str) -> str:
    return next((each.status for each in told.conditions if each.type == kind), "")


def status_object(identity: Identity, body: dict[str, Any]) -> Object:
    """With the uid: of this very resource, and not of one of the same name that was made since."""
    return {
        "apiVersion": f"{GROUP}/{VERSION}",
        "kind": KIND,
        "metadata": {"name": identity.name, "namespace": identity.namespace, "uid": identity.uid},
        "status": body,
    }
