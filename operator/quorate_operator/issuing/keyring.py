"""A cluster's CAs and their keys, as one Secret in the operator's namespace holds them; the three steps from one to the next. Pure."""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from datetime import datetime

from quorate_operator.api.model import GROUP
from quorate_operator.decide.world import Authority, AuthorityCertificate
from quorate_operator.issuing.certificates import BadKeyring, Pair
from quorate_operator.objects.identity import CLUSTER_ANNOTATION, MANAGER, UID_LABEL, Identity, Object

ROTATED_ANNOTATION = f"{GROUP}/rotated-for"


def secret_name(uid: str) -> str:
    """By the resource's uid: a resource of the same name that is made later never finds this one's key."""
    return f"quorate-ca-{uid}"


@dataclass(frozen=True)
class Keyring:
    """`next`: made and not signing yet. `previous`: its key is gone for good, its certificate still trusted."""

    signing: Pair
    next: Pair | None = None
    previous: Pair | None = None
    rotated_for: str = ""
    uid: str = ""
    """Of the Secret, as is the version."""
    resource_version: str = ""

    @property
    def bundle(self) -> tuple[str, ...]:
        return tuple(each.certificate for each in (self.signing, self.next, self.previous) if each is not None)

    def authority(self, now: datetime) -> Authority:
        """What may be known of it where decisions are made: no key. Raises `BadKeyring`."""
        return Authority(
            self.resource_version,
            _public(self.signing),
            _public(self.next) if self.next is not None else None,
            _public(self.previous) if self.previous is not None else None,
            self.rotated_for,
            self.signing.is_due(now),
            bool(self.signing.key),
        )

    def trusting(self, new: Pair, rotated_for: str) -> Keyring:
        assert self.next is None and self.previous is None, "one replacement at a time"
        return Keyring(self.signing, new, None, rotated_for, self.uid, self.resource_version)

    def signing_next(self) -> Keyring:
        assert self.next is not None, "there is a next one"
        return Keyring(self.next, None, Pair(self.signing.certificate), self.rotated_for, self.uid, self.resource_version)

    def without_previous(self) -> Keyring:
        return Keyring(self.signing, None, None, self.rotated_for, self.uid, self.resource_version)


def _public(pair: Pair) -> AuthorityCertificate:
    return AuthorityCertificate(pair.fingerprint, pair.certificate)


def secret(identity: Identity, keyring: Keyring) -> Object:
    """Without an owner: an owner of another namespace would have Kubernetes' collector take it for an orphan."""
    data = {"tls.crt": keyring.signing.certificate, "tls.key": keyring.signing.key}
    if keyring.next is not None:
        data |= {"next.crt": keyring.next.certificate, "next.key": keyring.next.key}
    if keyring.previous is not None:
        data |= {"previous.crt": keyring.previous.certificate}
    metadata: Object = {
        "name": secret_name(identity.uid),
        "namespace": identity.operator_namespace,
        "labels": {"app.kubernetes.io/name": "quorate", "app.kubernetes.io/managed-by": MANAGER, UID_LABEL: identity.uid},
        "annotations": {CLUSTER_ANNOTATION: f"{identity.namespace}/{identity.name}", ROTATED_ANNOTATION: keyring.rotated_for},
    }
    if keyring.resource_version:
        metadata |= {"uid": keyring.uid, "resourceVersion": keyring.resource_version}
    encoded = {name: base64.b64encode(text.encode()).decode("ascii") for name, text in data.items()}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "type": "Opaque", "data": encoded}


def keyring_of(item: Object) -> Keyring:
    """Raises `BadKeyring`, which names what is missing."""
    data, metadata = item.get("data") or {}, item["metadata"]

    def pair(name: str) -> Pair | None:
        certificate = _text(data, f"{name}.crt")
        return Pair(certificate, _text(data, f"{name}.key")) if certificate else None

    signing = pair("tls")
    if signing is None:
        raise BadKeyring(f"Secret {metadata['namespace']}/{metadata['name']} has no tls.crt: put it back, or delete it for a new CA")
    rotated_for = (metadata.get("annotations") or {}).get(ROTATED_ANNOTATION, "")
    return Keyring(signing, pair("next"), pair("previous"), rotated_for, metadata["uid"], metadata["resourceVersion"])


def _text(data: Object, name: str) -> str:
    try:
        return base64.b64decode(data.get(name) or "", validate=True).decode("ascii")
    except (binascii.Error, UnicodeDecodeError):
        raise BadKeyring(f"{name} of the CA's Secret is no base64 of PEM: put it back, or delete the Secret for a new CA") from None
