"""CertificateSigningRequests as members make them, for worlds of the tests."""

from __future__ import annotations

from dataclasses import replace

from quorate_operator.decide.signing import COMMON_NAME
from quorate_operator.decide.world import Content, SigningRequest, World
from quorate_operator.objects.access import members_user
from quorate_operator.objects.certificate import host_names
from tests.unit.cluster_operator.decide.worlds import pod_at

USAGES = ("digital signature", "server auth", "client auth")


def owned(world: World) -> World:
    """Pods as the API server shows them: owned by the StatefulSet."""
    assert world.workload is not None
    owner = {"kind": "StatefulSet", "name": world.identity.name, "uid": world.workload.uid, "controller": True}
    pods = tuple(
        replace(pod, live={**pod.live, "metadata": {**pod.live.get("metadata", {}), "ownerReferences": [owner]}}) for pod in world.pods
    )
    return replace(world, pods=pods)


def request_of(world: World, ordinal: int, uris: tuple[str, ...] = ()) -> SigningRequest:
    """What the member of that pod asks for."""
    pod = pod_at(world, ordinal)
    names = tuple(host_names(world.identity, pod.name))
    content = Content(((COMMON_NAME, pod.name),), names, uris, "ECDSA P-256", b"key", signed_by_its_key=True)
    user = members_user(world.spec, world.identity)
    return SigningRequest(f"{pod.name}-x", f"csr-{ordinal}", "1", user, (pod.uid,), USAGES, None, approved=False, content=content)


def with_requests(world: World, *requests: SigningRequest) -> World:
    return replace(owned(world), requests=requests)
