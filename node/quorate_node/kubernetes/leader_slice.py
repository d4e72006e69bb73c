"""The leader Service's one EndpointSlice, written by whoever leads: it works with the operator gone, and nothing of consensus waits for it.

Fenced twice: the slice tells the term of who wrote it, which only rises, and a write holds only for the version that was read. So a deposed
leader that does not know it yet never overwrites its successor, however late its write arrives.
"""

from __future__ import annotations

import asyncio
import ipaddress
import logging
from collections.abc import Callable
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any

from quorate_node.kubernetes.client import ApiClient, PatchKind
from quorate_node.kubernetes.errors import ApiError, ApiFailure
from quorate_node.kubernetes.following import follow
from quorate_node.kubernetes.resources import Object, endpoint_slices
from quorate_node.kubernetes.tasks import spawn
from quorate_node.resilience.backoff import Backoff

log = logging.getLogger(__name__)

CLUSTER_ANNOTATION = "quorate.io/cluster-id"
TERM_ANNOTATION = "quorate.io/leader-term"
FIELD_MANAGER = "quorate-member"


@dataclass(frozen=True, slots=True)
class Place:
    """Where this member's API is. `address` is the pod's own."""

    slice_name: str
    pod: str
    address: str
    port_name: str
    port: int


@dataclass(frozen=True, slots=True)
class Reign:
    """That this member leads the cluster in this term."""

    cluster_id: int
    term: int


class LeaderSlice:
    """`reign()` says whether this member leads now; `wake` when that may have changed. `start` once, `close` once."""

    def __init__(self, client: ApiClient, place: Place, reign: Callable[[], Reign | None]) -> None:
        self._client = client
        self._place = place
        self._reign = reign
        self._resource = endpoint_slices(client.namespace)
        self._woken = asyncio.Event()
        self._holding: asyncio.Task[None] | None = None
        self._held: Reign | None = None
        self._task: asyncio.Task[None] | None = None
        self._failing = ""

    def start(self) -> None:
        assert self._task is None, "it starts once"
        self._task = spawn(self._run(), "quorate-leader-slice")

    def wake(self) -> None:
        self._woken.set()

    async def close(self) -> None:
        tasks = [task for task in (self._task, self._holding) if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _run(self) -> None:
        while True:
            reign = self._reign()
            if reign != self._held:
                self._held = reign
                await self._let_go()
                if reign is not None:
                    self._holding = spawn(self._hold(reign), "quorate-leader-slice-hold")
            await self._woken.wait()
            self._woken.clear()

    async def _let_go(self) -> None:
        """A successor writes over what is there: a slice that is never empty serves clients better than one that is cleared."""
        if self._holding is not None:
            self._holding.cancel()
            await asyncio.gather(self._holding, return_exceptions=True)
            self._holding = None

    async def _hold(self, reign: Reign) -> None:
        """For as long as this member leads: whatever becomes of the slice, this member is in it."""
        async with aclosing(follow(self._client, self._resource, field_selector=f"metadata.name={self._place.slice_name}")) as views:
            async for view in views:
                found = view.items.get(self._place.slice_name)
                if view.failure is None and found is not None and self._is_of_our_kind(found):
                    await self._write(found, reign)

    async def _write(self, found: Object, reign: Reign) -> None:
        """Until the slice is as it should be, or somebody newer has written it, or it is gone."""
        settings = self._client.settings
        backoff = Backoff(settings.backoff_base_s, settings.backoff_max_s, self._client.random)
        while self._reign() == reign and not self._is_newer(found, reign):
            wanted = self._wanted(found, reign)
            if _holds(found, wanted):
                return
            try:
                await self._client.patch(self._resource, self._place.slice_name, wanted, PatchKind.MERGE, field_manager=FIELD_MANAGER)
                self._failing = ""
                log.info("the leader's EndpointSlice %s names this member, term %d", self._place.slice_name, reign.term)
                return
            except ApiFailure as failure:
                wait_s = failure.retry_after_s if isinstance(failure, ApiError) else 0.0
                conflict = isinstance(failure, ApiError) and failure.conflict
                self._complain(failure)
            if not conflict:
                await asyncio.sleep(max(backoff.next_delay_s(), min(wait_s, settings.retry_after_max_s)))
            try:
                found = await self._client.get(self._resource, self._place.slice_name)
            except ApiFailure as failure:
                if isinstance(failure, ApiError) and failure.not_found:
                    return
                self._complain(failure)
                await asyncio.sleep(backoff.next_delay_s())

    def _is_of_our_kind(self, found: Object) -> bool:
        """A slice's address type never changes: another one must be made in its place."""
        kind = "IPv6" if ipaddress.ip_address(self._place.address).version == 6 else "IPv4"
        if found.get("addressType") == kind:
            return True
        self._complain(f"it is for {found.get('addressType')} addresses and this pod has {self._place.address}: delete it")
        return False

    def _complain(self, failure: ApiFailure | str) -> None:
        """Once, not at every try. A conflict is nobody's fault."""
        if isinstance(failure, ApiError) and failure.conflict:
            return
        if str(failure) != self._failing:
            self._failing = str(failure)
            log.warning("the leader's EndpointSlice %s cannot be written yet: %s", self._place.slice_name, failure)

    def _is_newer(self, found: Object, reign: Reign) -> bool:
        """Terms of another cluster say nothing: a cluster that was made anew begins with the first again."""
        annotations = _dict(_dict(found.get("metadata")).get("annotations"))
        term = str(annotations.get(TERM_ANNOTATION, ""))
        same = annotations.get(CLUSTER_ANNOTATION) == str(reign.cluster_id)
        return same and term.isdigit() and len(term) <= 20 and int(term) > reign.term

    def _wanted(self, found: Object, reign: Reign) -> Object:
        """A merge patch that the API server refuses unless the slice is still as `found`."""
        place = self._place
        return {
            "metadata": {
                "resourceVersion": _dict(found.get("metadata")).get("resourceVersion", ""),
                "annotations": {CLUSTER_ANNOTATION: str(reign.cluster_id), TERM_ANNOTATION: str(reign.term)},
            },
            "endpoints": [
                {
                    "addresses": [place.address],
                    "conditions": {"ready": True, "serving": True, "terminating": False},
                    "targetRef": {"kind": "Pod", "name": place.pod, "namespace": self._client.namespace},
                }
            ],
            "ports": [{"name": place.port_name, "port": place.port, "protocol": "TCP"}],
        }


def _dict(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _holds(found: Any, wanted: Any) -> bool:
    """All that is wanted is there; lists as they are."""
    if isinstance(wanted, dict):
        return isinstance(found, dict) and all(_holds(found.get(key), value) for key, value in wanted.items())
    if isinstance(wanted, list):
        return isinstance(found, list) and len(found) == len(wanted) and all(map(_holds, found, wanted))
    return bool(found == wanted)
