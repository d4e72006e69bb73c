"""The operator as the issuer (`tls.mode` Operator): its CA, the members' requests, another CA in three steps; nothing restarts."""

from __future__ import annotations

from collections.abc import Callable

from quorate_operator.decide.actions import Deny, DropOld, Grant, MakeAuthority, Sign, SignNew, TrustNew
from quorate_operator.decide.outcome import COMPLETE, Do, Outcome, Wait
from quorate_operator.decide.signing import Denial, judge
from quorate_operator.decide.world import AuthorityCertificate, Certificate, World
from quorate_operator.objects.certificate import AUTHORITY_KEY
from quorate_operator.objects.injection import pod_uid_of

END = "-----END CERTIFICATE-----"
REQUESTS = "CertificateSigningRequest"


def certificates(world: World) -> Outcome:
    """Requests are answered whatever else is under way, also while paused: it changes nothing, and a moved member needs its certificate."""
    if not _issuing(world) or world.authority is None:
        return COMPLETE
    waits = []
    if not world.authority.can_sign and world.requests:
        return Wait("CertificateRequested", "the CA's key is lost; the next CA signs when all members trust it", holds=False)
    for request in world.requests:
        verdict = judge(world, request)
        if isinstance(verdict, Grant):
            action = Sign(request.name, request.uid, request.resource_version, verdict, world.authority.signing.fingerprint)
            return Do(action, "Signing", f"{verdict.common_name} asks for its certificate by {request.name}")
        if isinstance(verdict, Denial):
            denial = Deny(request.name, request.uid, request.resource_version, verdict.reason, verdict.message, request.approved)
            return Do(denial, "CertificateDenied", f"{request.name}: {verdict.message}")
        waits.append(f"{request.name}: {verdict.message}")
    return Wait("CertificateRequested", waits[0], holds=False) if waits else COMPLETE


def authority(world: World) -> Outcome:
    """Before all children: pods mount the bundle."""
    if not _issuing(world):
        return COMPLETE
    if REQUESTS in world.missing_kinds:
        message = (
            "tls.mode Operator needs CertificateSigningRequests, which belong to no namespace, and this operator may not read: install it"
            " for all namespaces, or make a new cluster with tls.mode CertManager or Secret"
        )
        return Wait("IssuerUnavailable", message, degraded=True)
    if world.authority is None:
        trusted = _first_certificate(world)
        why = "the Secret with the CA's key is gone: another CA is made, and signs when all trust it" if trusted else "the CA is made"
        return Do(MakeAuthority(world.spec.tls.rotate_authority_at, trusted), "MakingAuthority", why)
    return COMPLETE


def _first_certificate(world: World) -> str:
    """The CA that signed so far, from the bundle that the members have."""
    bundle = world.children.get(("ConfigMap", world.identity.trust_bundle), {}).get("data", {}).get(AUTHORITY_KEY, "")
    first, end, _ = bundle.partition(END)
    return f"{first}{end}\n" if end else ""


def trust_new(world: World) -> Outcome:
    found = world.authority
    if not _issuing(world) or found is None or found.next is not None or found.previous is not None:
        return COMPLETE
    wanted = world.spec.tls.rotate_authority_at
    if wanted != found.rotated_for:
        return Do(TrustNew(found.resource_version, wanted), "RotatingAuthority", "spec.tls.rotateAuthorityAt asks for a new CA: it is made")
    if found.due:
        return Do(TrustNew(found.resource_version, wanted), "RotatingAuthority", "two thirds of the CA's life are over: a new one is made")
    return COMPLETE


def sign_new(world: World) -> Outcome:
    found = world.authority
    if not _issuing(world) or found is None or found.next is None:
        return COMPLETE
    late = _first_without(world, found.next, lambda certificate, new: new.fingerprint in certificate.trusted)
    if late:
        return Wait("RotatingAuthority", f"{late} does not trust the new CA yet", holds=False)
    return Do(SignNew(found.resource_version), "RotatingAuthority", "every member trusts the new CA: it signs from now on")


def drop_old(world: World) -> Outcome:
    found = world.authority
    if not _issuing(world) or found is None or found.next is not None:
        return COMPLETE
    if found.previous is None:
        return _forgotten(world, found.signing)
    late = _first_without(world, found.signing, lambda certificate, new: new.fingerprint == certificate.authority)
    if late:
        return Wait("RotatingAuthority", f"{late} has no certificate of the new CA yet", holds=False)
    return Do(DropOld(found.resource_version), "RotatingAuthority", "every member has a certificate of the new CA: the old one goes")


def _forgotten(world: World, signing: AuthorityCertificate) -> Outcome:
    """The bundle reaches a running pod within a minute or two: until then somebody may still come in with the old CA's key."""
    for pod in world.pods:
        certificate = pod.answer.certificate if pod.answer is not None else None
        if certificate is not None and certificate.trusted and certificate.trusted != (signing.fingerprint,):
            return Wait("RotatingAuthority", f"{pod.name} still trusts a CA that is gone", holds=False)
    return COMPLETE


def _issuing(world: World) -> bool:
    return world.spec.tls.mode == "Operator"


def _first_without(world: World, new: AuthorityCertificate, has: Callable[[Certificate, AuthorityCertificate], bool]) -> str:
    """The first pod or member of which it is not known that it is as it must be. One that is away counts: it would be shut out.

    Members in pods of others are not asked, and not waited for: nothing is lost with one that is shut out until its kubelet brings it the
    new CA, with which it gets a new certificate."""
    voting = [member.name for member in world.members if not (member.non_voting and pod_uid_of(member.name))]
    members = voting if world.membership is not None else ["the leader, which is not known,"]
    for name in [*(pod.name for pod in world.pods), *members]:
        pod = world.pod(name)
        certificate = pod.answer.certificate if pod is not None and pod.answer is not None else None
        if certificate is None or not has(certificate, new):
            return name
    return ""
