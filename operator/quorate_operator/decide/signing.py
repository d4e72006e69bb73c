"""Who may have which certificate: one CertificateSigningRequest, judged by the world alone.

What Kubernetes itself vouches for is who asked: the ServiceAccount, and the uid of the pod that its token is bound to. Everything in the
request is the asker's own word. So the pod must be there and belong to this cluster's StatefulSet by uid, and all that is asked for must be
exactly what that pod's member has; anything else in it, and it is denied. Only its public key is taken over.

A pod of others with a member beside its containers is none of the StatefulSet's, and proves only that somebody could make a pod in the
namespace. Its certificates are marked as those of a member that never votes, and its member's id must be that of such a one; no other
certificate is ever signed for it, nor a marked one for a pod of the StatefulSet.
"""

from __future__ import annotations

from dataclasses import dataclass

from quorate_operator.decide.actions import Grant
from quorate_operator.decide.world import Content, InjectedPod, Pod, SigningRequest, World
from quorate_operator.objects.access import members_user, user_of
from quorate_operator.objects.certificate import INJECTED_HOSTS, NON_VOTING, host_names

USAGES = frozenset({"digital signature", "server auth", "client auth"})
KEYS = frozenset({"ECDSA P-256", "Ed25519"})
COMMON_NAME = "2.5.4.3"
MEMBER_SCHEME = "quorate://"


@dataclass(frozen=True)
class Denial:
    """`reason` is CamelCase; the message says what was expected."""

    reason: str
    message: str


@dataclass(frozen=True)
class Later:
    """Neither is certain yet."""

    message: str


Verdict = Grant | Denial | Later


def judge(world: World, request: SigningRequest) -> Verdict:
    injected = _injected_of(world, request)
    if injected is not None:
        return _judge_injected(world, request, injected)
    expected = members_user(world.spec, world.identity)
    pod = _pod_of(world, request)
    if request.username != expected:
        if not isinstance(pod, Denial) and request.username == _user_of(world, pod):
            return Later(f"pod {pod.name} still runs as {request.username!r}: it is replaced by one that runs as {expected!r}")
        return Denial("ForeignAccount", f"{request.username!r} is not the ServiceAccount of this cluster's members, {expected!r}")
    if isinstance(pod, Denial):
        return pod
    content = request.content
    if content is None:
        return Denial("Unreadable", f"the request cannot be read: {request.fault}")
    wrong = _oddity(request, content) or _wrong_names(world, pod, content)
    if wrong is not None:
        return wrong
    return _member(world, pod, content)


def _injected_of(world: World, request: SigningRequest) -> InjectedPod | None:
    """The pod of others that asked. One with the name and the owner of a member of our own is that, whatever labels it has besides."""
    if len(request.pod_uids) != 1 or any(pod.uid == request.pod_uids[0] for pod in world.pods):
        return None
    return next((pod for pod in world.injected if pod.uid == request.pod_uids[0]), None)


def _judge_injected(world: World, request: SigningRequest, pod: InjectedPod) -> Verdict:
    expected = user_of(world.identity.namespace, pod.account)
    if request.username != expected:
        return Denial("ForeignAccount", f"{request.username!r} is not the ServiceAccount of pod {pod.name}, {expected!r}")
    if not world.spec.injection.enabled:
        return Denial("ForeignPod", f"pod {pod.name} is none of this cluster's, and spec.injection.enabled is false")
    if not pod.has_sidecar:
        # A label can be put on any pod, and on one that runs already.
        return Denial("ForeignPod", f"pod {pod.name} is none of this cluster's, and has no member beside its containers")
    content = request.content
    if content is None:
        return Denial("Unreadable", f"the request cannot be read: {request.fault}")
    return _oddity(request, content) or _injected_names(pod, content) or _injected_member(world, pod, content)


def _injected_names(pod: InjectedPod, content: Content) -> Denial | None:
    if content.subject != ((COMMON_NAME, pod.uid),):
        return Denial("Subject", f"the subject must be the common name {pod.uid!r}, the uid of pod {pod.name}, and nothing else")
    if sorted(content.dns_names) != sorted(INJECTED_HOSTS):
        message = f"the DNS names are {', '.join(content.dns_names)[:200] or 'none'}; expected {', '.join(INJECTED_HOSTS)}"
        return Denial("Names", message)
    return None


def _injected_member(world: World, pod: InjectedPod, content: Content) -> Verdict:
    """Marked, and with the id of the member that came from this very pod and never votes."""
    if content.uris == (NON_VOTING,):
        return Grant(pod.uid, INJECTED_HOSTS, (NON_VOTING,), content.public_key)
    cluster_id = world.recorded_cluster_id
    if not cluster_id:
        return Later("the cluster's id is not recorded yet")
    scheme = f"{NON_VOTING}/"
    if len(content.uris) != 1 or not _is_of_cluster(content.uris[0], cluster_id, scheme):
        asked = ", ".join(content.uris)[:200] or "none"
        message = f"the URIs are {asked}; expected one, {scheme}{cluster_id}/<member id> or {NON_VOTING}: pod {pod.name} never votes"
        return Denial("Names", message)
    (uri,) = content.uris
    member = next((each for each in world.members if uri == f"{scheme}{cluster_id}/{each.member_id}"), None)
    if member is None:
        return Later(f"{uri} is not yet known to be the member of pod {pod.name}")
    if not member.non_voting or member.name != pod.member:
        return Denial("ForeignMember", f"{uri} is the member {member.name}, not the one of pod {pod.name} that never votes")
    return Grant(pod.uid, INJECTED_HOSTS, (uri,), content.public_key)


def _pod_of(world: World, request: SigningRequest) -> Pod | Denial:
    """The pod whose token was used, if its owner is the StatefulSet, whose owner is this resource. Labels would prove nothing."""
    if len(request.pod_uids) != 1:
        return Denial("NoPod", "the request was not made with a token that is bound to a pod: no certificate without a pod")
    pod = next((pod for pod in world.pods if pod.uid == request.pod_uids[0]), None)
    if pod is None:
        return Denial("ForeignPod", f"no live pod of this cluster has the uid {request.pod_uids[0]!r}, which the token is bound to")
    owners = [owner.get("uid") for owner in pod.live.get("metadata", {}).get("ownerReferences", []) if owner.get("controller")]
    if world.workload is None or owners != [world.workload.uid]:
        return Denial("ForeignPod", f"pod {pod.name} does not belong to this cluster's StatefulSet")
    if pod.ordinal >= world.workload.replicas:
        # The StatefulSet's controller takes any pod of a fitting name and labels for its own, until it deletes it as one too many.
        return Denial("ForeignPod", f"pod {pod.name} is none of the {world.workload.replicas} that this cluster's StatefulSet has")
    return pod


def _user_of(world: World, pod: Pod) -> str:
    """Whom the API server takes that pod for: the resource may name another ServiceAccount since the pod was made."""
    return user_of(world.identity.namespace, str(pod.live.get("spec", {}).get("serviceAccountName", "")))


def _oddity(request: SigningRequest, content: Content) -> Denial | None:
    """Whatever no member asks for."""
    if not content.signed_by_its_key:
        return Denial("NotItsKey", "the request is not signed by the key that it is for: whoever asked does not have it")
    if content.key not in KEYS:
        return Denial("KeyKind", f"the key is {content.key}; expected {' or '.join(sorted(KEYS))}")
    if len(request.usages) != len(USAGES) or set(request.usages) != USAGES:
        return Denial("Usages", f"the usages are {', '.join(request.usages)}; expected {', '.join(sorted(USAGES))}")
    if request.expiration_s is not None:
        message = f"spec.expirationSeconds is {request.expiration_s}: how long a certificate lasts is not the member's choice"
        return Denial("Expiration", message)
    if content.others:
        return Denial("Unexpected", f"the request has more than a subject and names: {', '.join(content.others)[:200]}")
    return None


def _wrong_names(world: World, pod: Pod, content: Content) -> Denial | None:
    if content.subject != ((COMMON_NAME, pod.name),):
        return Denial("Subject", f"the subject must be the common name {pod.name!r} and nothing else")
    expected = host_names(world.identity, pod.name)
    if sorted(content.dns_names) != sorted(expected):
        odd = sorted(set(content.dns_names) - set(expected)) or sorted(set(expected) - set(content.dns_names)) or ["one is there twice"]
        return Denial("Names", f"the DNS names are not exactly those of pod {pod.name}: {', '.join(odd)[:200]}")
    return None


def _member(world: World, pod: Pod, content: Content) -> Verdict:
    """A certificate may say which member it is of: as the others know it, or as its volume was seen to be before."""
    grant = Grant(pod.name, tuple(host_names(world.identity, pod.name)), content.uris, content.public_key)
    if not content.uris:
        return grant
    cluster_id = world.recorded_cluster_id
    if not cluster_id:
        return Later("the cluster's id is not recorded yet")
    known = {member.member_id: member.name for member in world.members}
    known |= {volume.member_id: world.identity.pod(volume.ordinal) for volume in world.volumes if volume.member_id and not volume.retired}
    ids = {f"{MEMBER_SCHEME}{cluster_id}/{member_id}": name for member_id, name in known.items()}
    (uri, *more) = content.uris
    if more or not _is_of_cluster(uri, cluster_id, MEMBER_SCHEME):
        expected = f"{MEMBER_SCHEME}{cluster_id}/<member id>"
        return Denial("Names", f"the URIs are {', '.join(content.uris)[:200]}; expected one, {expected}, or none")
    if uri not in ids:
        return Later(f"{uri} is not yet known to be the member of pod {pod.name}")
    if ids[uri] != pod.name:
        return Denial("ForeignMember", f"{uri} is the member of pod {ids[uri]}, not of pod {pod.name}")
    return grant


def _is_of_cluster(uri: str, cluster_id: str, scheme: str) -> bool:
    member_id = uri.removeprefix(f"{scheme}{cluster_id}/")
    return member_id != uri and member_id.isascii() and member_id.isdigit() and 0 < int(member_id) < 2**63 and member_id[0] != "0"
