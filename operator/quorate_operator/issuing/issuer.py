"""The issuer's conversation with the API server: keyrings in Secrets, answers to requests, and what is left of clusters that are gone."""

from __future__ import annotations

import base64
import logging
import ssl
from collections.abc import Awaitable, Callable, Container, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from quorate_operator.clients.errors import ApiFailure, Failure
from quorate_operator.clients.kinds import RESOURCE
from quorate_operator.clients.kubernetes_api import KubernetesApi
from quorate_operator.clients.tls import context
from quorate_operator.crash import crash_points
from quorate_operator.decide import actions
from quorate_operator.decide.world import Authority
from quorate_operator.issuing.certificates import (
    OPERATOR_LIFE,
    BadKeyring,
    Pair,
    make_authority,
    operator_certificate,
    sign_member,
    utc_now,
)
from quorate_operator.issuing.keyring import Keyring, keyring_of, secret, secret_name
from quorate_operator.issuing.parsing import account_of, parsed, pod_name_of, pod_uids_of, user_of
from quorate_operator.objects.access import members_user_of
from quorate_operator.objects.identity import CLUSTER_ANNOTATION, UID_LABEL, Identity, Object
from quorate_operator.objects.injection import INJECT_LABEL

CSR = "CertificateSigningRequest"
APPROVED = "certificates.Sign.approved"
"""The crash point between the two halves of an answer."""
log = logging.getLogger("quorate_operator.issuing")


class KeyringDamaged(Failure):
    """The Secret with a cluster's CA cannot be used: says what is wrong with it, and never its content."""


class Overtaken(ApiFailure):
    """The object is not as it was when this was decided."""

    def __init__(self, what: str) -> None:
        super().__init__(409, "Conflict", f"{what} has changed since it was looked at")


@dataclass(frozen=True)
class Look:
    """`tls`: how the operator shows itself to this cluster's members; None while there is no CA, and so no member."""

    authority: Authority | None = None
    tls: ssl.SSLContext | None = None


@dataclass
class Issuer:
    """Raises `ApiFailure`, `ApiUnreachable` and `KeyringDamaged` from every call."""

    kubernetes: KubernetesApi
    namespace: str
    """The operator's own."""
    now: Callable[[], datetime] = utc_now
    answered: Callable[[str], None] = lambda _: None
    """Called with each answer that the API server has taken: `Signed`, or the reason of the denial."""
    _contexts: dict[str, tuple[Keyring, datetime, ssl.SSLContext]] = field(default_factory=dict)
    """By the cluster's uid: made anew when its CAs change, and when half of the client certificate's life is over."""

    async def look(self, identity: Identity) -> Look:
        keyring = await self._keyring(identity.uid)
        if keyring is None:
            self._contexts.pop(identity.uid, None)
            return Look()
        try:
            return Look(keyring.authority(self.now()), self._context(identity, keyring))
        except (BadKeyring, ssl.SSLError) as wrong:
            raise _damaged(self.namespace, identity.uid, wrong) from None

    def _context(self, identity: Identity, keyring: Keyring) -> ssl.SSLContext:
        known = self._contexts.get(identity.uid)
        if known is not None and known[0] == keyring and self.now() - known[1] < OPERATOR_LIFE / 2:
            return known[2]
        # With the key lost there is nobody whom the members trust to vouch for us: they are asked what anybody may ask.
        shown = operator_certificate(keyring.signing, self.now()) if keyring.signing.key else None
        made = context("".join(keyring.bundle), *(shown or ("", "")))
        self._contexts[identity.uid] = keyring, self.now(), made
        return made

    async def _keyring(self, uid: str) -> Keyring | None:
        item = await self.kubernetes.get("Secret", self.namespace, secret_name(uid))
        try:
            return keyring_of(item) if item is not None else None
        except BadKeyring as wrong:
            raise _damaged(self.namespace, uid, wrong) from None

    async def carry_out(self, identity: Identity, action: actions.Issuing) -> None:
        await _BY_ACTION[type(action)](self, identity, action)

    async def _make(self, identity: Identity, action: actions.MakeAuthority) -> None:
        made = self._new(identity)
        signing, following = (Pair(action.trusted), made) if action.trusted else (made, None)
        keyring = Keyring(signing, following, None, action.rotated_for)
        try:
            await self.kubernetes.create(secret(identity, keyring))
        except ApiFailure as failure:
            # Another replica was faster: there is one CA, whoever made it.
            if failure.reason != "AlreadyExists":
                raise

    def _new(self, identity: Identity) -> Pair:
        now = self.now()
        return make_authority(f"{identity.namespace}/{identity.name} {now:%Y-%m-%d}", now)

    async def _trust_new(self, identity: Identity, action: actions.TrustNew) -> None:
        keyring = await self._unchanged(identity, action.resource_version)
        if keyring.next is not None or keyring.previous is not None:
            raise Overtaken("the CA")
        await self._replace(identity, keyring.trusting(self._new(identity), action.rotated_for))

    async def _sign_new(self, identity: Identity, action: actions.SignNew) -> None:
        keyring = await self._unchanged(identity, action.resource_version)
        if keyring.next is None:
            raise Overtaken("the CA")
        await self._replace(identity, keyring.signing_next())

    async def _drop_old(self, identity: Identity, action: actions.DropOld) -> None:
        keyring = await self._unchanged(identity, action.resource_version)
        await self._replace(identity, keyring.without_previous())

    async def _unchanged(self, identity: Identity, resource_version: str) -> Keyring:
        keyring = await self._keyring(identity.uid)
        if keyring is None or keyring.resource_version != resource_version:
            raise Overtaken("the CA")
        return keyring

    async def _replace(self, identity: Identity, keyring: Keyring) -> None:
        await self.kubernetes.replace(secret(identity, keyring))

    async def _sign(self, identity: Identity, action: actions.Sign) -> None:
        """Approved, then signed: an operator that dies in between finds an approved request, judges it anew and signs it."""
        keyring = await self._keyring(identity.uid)
        if keyring is None or not keyring.signing.key or keyring.signing.fingerprint != action.authority:
            raise Overtaken("the CA")
        item = await self._as_judged(action.request, action.uid, action.resource_version)
        if not _has(item, "Approved"):
            words = f"pod {action.grant.common_name} has a member of this cluster, and asks for exactly what that may have"
            item = await self.kubernetes.replace(_with(item, "Approved", "LiveMember", words, self.now()), "approval")
            crash_points([APPROVED])
        certificate = base64.b64encode(sign_member(keyring.signing, action.grant, self.now()).encode()).decode("ascii")
        await self.kubernetes.replace({**item, "status": {**item.get("status", {}), "certificate": certificate}}, "status")
        self.answered("Signed")

    async def _deny(self, _: Identity, action: actions.Deny) -> None:
        await self.deny(action)

    async def deny(self, action: actions.Deny) -> None:
        item = await self._as_judged(action.request, action.uid, action.resource_version)
        # One that somebody has approved by hand cannot be denied any more: it fails.
        kind, subresource = ("Failed", "status") if action.approved else ("Denied", "approval")
        await self.kubernetes.replace(_with(item, kind, action.reason, action.message, self.now()), subresource)
        self.answered(action.reason)

    async def deny_stranger(self, item: Object) -> None:
        """One whose user is no cluster's: its namespace is looked at once more, since a list may be from before a resource was made."""
        namespace, _ = account_of(item)
        there = list(filter(is_issued, await self.kubernetes.list(RESOURCE, namespace) if namespace else []))
        if any(members_user_of(each) == user_of(item) for each in there):
            return
        if there and await self._is_injected(namespace, item, {each["metadata"]["name"] for each in there}):
            return
        request = parsed(item)
        message = f"{request.username!r} is the ServiceAccount of no ConsensusCluster that has its certificates from the operator"
        log.info("%s is denied: %s", request.name, message)
        await self.deny(actions.Deny(request.name, request.uid, request.resource_version, "ForeignAccount", message, request.approved))

    async def _is_injected(self, namespace: str, item: Object, clusters: Container[str]) -> bool:
        """Whether it is of a pod that wants a member of one of these: that one judges it on its next look."""
        name = pod_name_of(item)
        found = await self.kubernetes.list("Pod", namespace, label=INJECT_LABEL, field=f"metadata.name={name}") if name else []
        asking = [pod["metadata"]["labels"][INJECT_LABEL] for pod in found if (pod["metadata"]["uid"],) == pod_uids_of(item)]
        return any(cluster in clusters for cluster in asking)

    async def _as_judged(self, name: str, uid: str, resource_version: str) -> Object:
        item = await self.kubernetes.get(CSR, "", name)
        if item is None or (item["metadata"]["uid"], item["metadata"]["resourceVersion"]) != (uid, resource_version):
            raise Overtaken(f"{CSR} {name}")
        return {"apiVersion": "certificates.k8s.io/v1", "kind": CSR, **item}

    async def collect(self, living: Iterable[str]) -> int:
        """Deletes the keyrings of resources whose uids are not among the `living`; each is asked for once more. How many."""
        uids, deleted = set(living), 0
        for item in await self.kubernetes.list("Secret", self.namespace, label=UID_LABEL):
            metadata = item["metadata"]
            uid = metadata["labels"][UID_LABEL]
            if uid not in uids and not await self._lives(uid, metadata.get("annotations") or {}):
                log.info("Secret %s is deleted: its ConsensusCluster is gone", metadata["name"])
                await self.kubernetes.delete("Secret", self.namespace, metadata["name"], metadata["uid"])
                self._contexts.pop(uid, None)
                deleted += 1
        return deleted

    async def _lives(self, uid: str, annotations: dict[str, str]) -> bool:
        """A list may be from before the resource was made, or be of some namespaces only: the resource itself is asked for."""
        namespace, _, name = annotations.get(CLUSTER_ANNOTATION, "").partition("/")
        if not namespace or not name:
            return False
        there = await self.kubernetes.get(RESOURCE, namespace, name)
        return there is not None and there["metadata"]["uid"] == uid


def is_issued(resource: Object) -> bool:
    """Its members' certificates are the operator's."""
    return ((resource.get("spec") or {}).get("tls") or {}).get("mode") == "Operator"


def _damaged(namespace: str, uid: str, wrong: Exception) -> KeyringDamaged:
    words = str(wrong) if isinstance(wrong, BadKeyring) else type(wrong).__name__
    return KeyringDamaged("AuthorityDamaged", f"Secret {namespace}/{secret_name(uid)}: {words}")


def _has(item: Object, kind: str) -> bool:
    return any(condition.get("type") == kind for condition in item.get("status", {}).get("conditions") or ())


def _with(item: Object, kind: str, reason: str, message: str, now: datetime) -> Object:
    moment = f"{now:%Y-%m-%dT%H:%M:%SZ}"
    condition = {"type": kind, "status": "True", "reason": reason, "message": message, "lastUpdateTime": moment}
    status = item.get("status") or {}
    return {**item, "status": {**status, "conditions": [*(status.get("conditions") or ()), condition]}}


_BY_ACTION: dict[type, Callable[[Issuer, Identity, Any], Awaitable[None]]] = {
    actions.MakeAuthority: Issuer._make,
    actions.TrustNew: Issuer._trust_new,
    actions.SignNew: Issuer._sign_new,
    actions.DropOld: Issuer._drop_old,
    actions.Sign: Issuer._sign,
    actions.Deny: Issuer._deny,
}
