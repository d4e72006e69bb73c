"""Kubernetes Events on the resource: what was done and why, and what could not be done. One a change, never one a look; and where
somebody else makes the changes (requests that are denied, an edit that is repaired again and again), not one each."""

from __future__ import annotations

import logging
import secrets
from dataclasses import dataclass, field
from datetime import UTC, datetime

from quorate_operator.act.allowance import Allowance
from quorate_operator.api.model import GROUP, KIND, VERSION
from quorate_operator.clients.errors import Failure
from quorate_operator.clients.kubernetes_api import KubernetesApi
from quorate_operator.objects.identity import MANAGER, Identity, Object

MESSAGE_CHARACTERS_MAX = 1024
log = logging.getLogger("quorate_operator.events")


@dataclass(frozen=True)
class Events:
    kubernetes: KubernetesApi
    reporter: str
    """Name of the operator's pod."""
    allowance: Allowance = field(default_factory=Allowance)

    async def normal(self, identity: Identity, reason: str, message: str) -> None:
        await self._post(identity, "Normal", reason, message)

    async def warning(self, identity: Identity, reason: str, message: str, detail: str = "") -> None:
        """`detail`: what tells several kinds with the same reason apart, each of which may be told as often."""
        await self._post(identity, "Warning", reason, message, detail)

    async def warning_of_pod(self, identity: Identity, pod: str, uid: str, reason: str, message: str) -> None:
        """On a pod of somebody else's in the cluster's namespace."""
        about = {"apiVersion": "v1", "kind": "Pod", "name": pod, "namespace": identity.namespace, "uid": uid}
        await self._post(identity, "Warning", reason, message, "of a pod", about)

    async def _post(self, identity: Identity, kind: str, reason: str, message: str, detail: str = "", about: Object | None = None) -> None:
        """An Event that cannot be written is logged and nothing else: it is for people, and nothing may wait for it."""
        left_out = self.allowance.ask((identity.uid, kind, reason, detail))
        if left_out is None:
            return
        if left_out:
            message = f"{message[: MESSAGE_CHARACTERS_MAX - 50]} (and {left_out} more since the last of these)"
        try:
            await self.kubernetes.create(_event(about or _involved(identity), kind, reason, message, self.reporter))
        except Failure as failure:
            log.info("no event could be written: %s", failure)


def _involved(identity: Identity) -> Object:
    return {
        "apiVersion": f"{GROUP}/{VERSION}",
        "kind": KIND,
        "name": identity.name,
        "namespace": identity.namespace,
        "uid": identity.uid,
    }


def _event(about: Object, kind: str, reason: str, message: str, reporter: str) -> Object:
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"name": f"{about['name']}.{secrets.token_hex(8)}", "namespace": about["namespace"]},
        "involvedObject": about,
        "type": kind,
        "reason": reason,
        "message": message[:MESSAGE_CHARACTERS_MAX],
        "firstTimestamp": now,
        "lastTimestamp": now,
        "count": 1,
        "source": {"component": MANAGER},
        "reportingComponent": MANAGER,
        "reportingInstance": reporter,
    }
