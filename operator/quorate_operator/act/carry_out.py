"""One action, carried out. What has changed since it was decided makes the other side refuse, and the next look decides anew."""

from __future__ import annotations

import ssl
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from quorate_operator.clients.errors import ApiFailure, MemberFailure, NameTaken
from quorate_operator.clients.kubernetes_api import STRATEGIC, KubernetesApi
from quorate_operator.clients.members import MemberApi
from quorate_operator.decide import actions
from quorate_operator.decide.quorum import pod_of
from quorate_operator.decide.world import Pod, World
from quorate_operator.issuing.issuer import Issuer
from quorate_operator.objects.identity import Object
from quorate_operator.observe.answers import url_of


@dataclass(frozen=True)
class Hands:
    """Carries actions out for one cluster. Raises `ApiFailure`, `ApiUnreachable`, `MemberFailure`, `NameTaken`."""

    kubernetes: KubernetesApi
    members: MemberApi
    world: World
    issuer: Issuer
    tls: ssl.SSLContext | None = None

    async def carry_out(self, action: actions.Action) -> Object | None:
        """Returns the live child after an `Apply` or a `Create`: the world can be looked at with it in, without another look."""
        if isinstance(action, actions.Issuing):
            await self.issuer.carry_out(self.world.identity, action)
            return None
        return await _BY_ACTION[type(action)](self, action)

    async def apply(self, action: actions.Apply) -> Object:
        item = action.item
        metadata = item["metadata"]
        if "uid" not in metadata:
            await self._refuse_foreign(item["kind"], metadata["name"])
        return await self.kubernetes.apply(item)

    async def _refuse_foreign(self, kind: str, name: str) -> None:
        """An apply would quietly take somebody else's object over."""
        namespace = self.world.identity.namespace
        there = await self.kubernetes.get(kind, namespace, name)
        if there is not None and not any(owner["uid"] == self.world.identity.uid for owner in there["metadata"].get("ownerReferences", [])):
            raise NameTaken(kind, namespace, name)

    async def create(self, action: actions.Create) -> Object | None:
        try:
            return await self.kubernetes.create(action.item)
        except ApiFailure as failure:
            if failure.reason != "AlreadyExists":
                raise
            await self._refuse_foreign(action.item["kind"], action.item["metadata"]["name"])
            return None

    async def delete(self, action: actions.Delete) -> None:
        await self.kubernetes.delete(action.kind, self.world.identity.namespace, action.name, action.uid)

    async def scale(self, action: actions.Scale) -> None:
        identity = self.world.identity
        metadata = {"uid": action.uid, "resourceVersion": action.resource_version}
        body = {"metadata": metadata, "spec": {"replicas": action.replicas}}
        await self.kubernetes.patch("StatefulSet", identity.namespace, identity.name, body)

    async def recreate(self, action: actions.Recreate) -> None:
        identity = self.world.identity
        await self.kubernetes.delete("StatefulSet", identity.namespace, identity.name, action.uid, orphan=True)

    async def found(self, action: actions.Found) -> None:
        await self.members.bootstrap(self._url(self.world.pod(action.pod), action.pod), action.token, self.tls)

    async def promote(self, action: actions.Promote) -> None:
        await self.members.promote(self._leader(), action.member_id, action.configuration_index, self.tls)

    async def remove(self, action: actions.Remove) -> None:
        await self.members.remove(self._leader(), action.member_id, action.configuration_index, self.tls)

    async def transfer(self, action: actions.Transfer) -> None:
        await self.members.transfer(self._leader(), action.to, self.tls)

    async def evict(self, action: actions.Evict) -> None:
        """Through the Eviction API, so that budgets are heard; and never by force."""
        namespace = self.world.identity.namespace
        eviction = {
            "apiVersion": "policy/v1",
            "kind": "Eviction",
            "metadata": {"name": action.pod, "namespace": namespace},
            "deleteOptions": {"preconditions": {"uid": action.uid}},
        }
        await self.kubernetes.create(eviction, (action.pod, "eviction"))

    async def delete_volume(self, action: actions.DeleteVolume) -> None:
        await self.kubernetes.delete("PersistentVolumeClaim", self.world.identity.namespace, action.claim, action.uid)

    async def set_image(self, action: actions.SetImage) -> None:
        container = {"name": action.container, "image": action.image}
        body = {"metadata": {"uid": action.uid}, "spec": {"initContainers": [container]}}
        await self.kubernetes.patch("Pod", self.world.identity.namespace, action.pod, body, media=STRATEGIC)

    async def resize(self, action: actions.Resize) -> None:
        container = {"name": action.container, "resources": action.resources}
        body = {"metadata": {"uid": action.uid}, "spec": {"containers": [container]}}
        await self.kubernetes.patch("Pod", self.world.identity.namespace, action.pod, body, subresource="resize", media=STRATEGIC)

    def _leader(self) -> str:
        world = self.world
        leader = next((each for each in world.members if world.membership and each.member_id == world.membership.leader_id), None)
        return self._url(pod_of(world, leader) if leader is not None else None, "the leader's pod")

    def _url(self, pod: Pod | None, what: str) -> str:
        scheme = "http" if self.world.spec.tls.mode == "Disabled" else "https"
        url = url_of(pod.live, scheme) if pod is not None else ""
        if not url:
            raise MemberFailure("Unreachable", f"{what} has no address")
        return url


_BY_ACTION: dict[type, Callable[[Hands, Any], Awaitable[Object | None]]] = {
    actions.Apply: Hands.apply,
    actions.Create: Hands.create,
    actions.Delete: Hands.delete,
    actions.Scale: Hands.scale,
    actions.Recreate: Hands.recreate,
    actions.Found: Hands.found,
    actions.Promote: Hands.promote,
    actions.Remove: Hands.remove,
    actions.Transfer: Hands.transfer,
    actions.Evict: Hands.evict,
    actions.DeleteVolume: Hands.delete_volume,
    actions.SetImage: Hands.set_image,
    actions.Resize: Hands.resize,
}
