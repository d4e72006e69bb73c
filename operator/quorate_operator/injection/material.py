"""What the webhook serves with: a CA of its own, a certificate by it, and the bundle that the API server is told to trust.

One Secret in the operator's namespace holds it for all replicas. The certificate is made anew at half of its life. Another CA comes when
two thirds of the old one's life are over: first both are trusted, and only when the API server has been told so does the new one sign.
"""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass, replace
from datetime import datetime

from cryptography import x509
from cryptography.exceptions import InvalidSignature

from quorate_operator.issuing.certificates import BadKeyring, Pair, make_authority, server_certificate
from quorate_operator.objects.identity import MANAGER, Object

NAMES = ("ca.crt", "ca.key", "previous.crt", "tls.crt", "tls.key")
AUTHORITY_NAME = "quorate-webhook"
HALF = 0.5
READ_BY_ALL = 0.01
"""Part of a certificate's life after which every replica serves with it: of 90 days this is most of one."""


@dataclass(frozen=True)
class Material:
    """PEM. `previous`: a CA's certificate that is still trusted, empty when there is none."""

    authority: Pair
    certificate: str
    key: str
    previous: str = ""

    @property
    def bundle(self) -> str:
        return self.authority.certificate + self.previous


def made(name: str, now: datetime) -> Material:
    """From nothing, for a server of that DNS name."""
    authority = make_authority(AUTHORITY_NAME, now)
    return Material(authority, *server_certificate(authority, (name,), now))


def renewed(held: Material, name: str, told: str, now: datetime) -> Material:
    """As it should be now; the same where nothing is due. `told`: the bundle that the API server trusts at present. Raises `BadKeyring`."""
    leaf = _parsed(held.certificate)
    if not _is_for(leaf, name):
        return _signed(held, name, now)
    if held.authority.is_due(now) and not held.previous:
        return replace(held, authority=make_authority(AUTHORITY_NAME, now), previous=held.authority.certificate)
    if not _is_by(leaf, held.authority):
        return _signed(held, name, now) if told == held.bundle else held
    if held.previous and _age(leaf, now) > READ_BY_ALL:
        return replace(held, previous="")
    return _signed(held, name, now) if _age(leaf, now) > HALF else held


def _signed(held: Material, name: str, now: datetime) -> Material:
    certificate, key = server_certificate(held.authority, (name,), now)
    return replace(held, certificate=certificate, key=key)


def _age(certificate: x509.Certificate, now: datetime) -> float:
    """Part of its life that is over."""
    begun, ends = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    return (now - begun) / (ends - begun)


def _is_for(certificate: x509.Certificate, name: str) -> bool:
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return False
    return name in names.get_values_for_type(x509.DNSName)


def _is_by(certificate: x509.Certificate, authority: Pair) -> bool:
    try:
        certificate.verify_directly_issued_by(authority.parsed)
    except (ValueError, TypeError, InvalidSignature):
        return False
    return True


def _parsed(pem: str) -> x509.Certificate:
    try:
        return x509.load_pem_x509_certificate(pem.encode())
    except ValueError as error:
        raise BadKeyring(f"the webhook's certificate cannot be read: {error}") from None


def secret(namespace: str, name: str, material: Material, before: Object | None = None) -> Object:
    """`before`: the one that it takes the place of, which must not have changed meanwhile."""
    texts = (material.authority.certificate, material.authority.key, material.previous, material.certificate, material.key)
    metadata: Object = {
        "name": name,
        "namespace": namespace,
        "labels": {"app.kubernetes.io/name": "quorate-operator", "app.kubernetes.io/managed-by": MANAGER},
    }
    if before is not None:
        metadata |= {"uid": before["metadata"]["uid"], "resourceVersion": before["metadata"]["resourceVersion"]}
    data = {each: base64.b64encode(text.encode()).decode("ascii") for each, text in zip(NAMES, texts, strict=True)}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "type": "Opaque", "data": data}


def material_of(item: Object) -> Material:
    """Raises `BadKeyring` for what cannot be used."""
    data = item.get("data") or {}
    try:
        authority, key, previous, certificate, own = (base64.b64decode(data.get(each) or "", validate=True).decode() for each in NAMES)
    except (binascii.Error, UnicodeDecodeError):
        raise BadKeyring("the webhook's Secret holds no base64 of PEM") from None
    found = Material(Pair(authority, key), certificate, own, previous)
    found.authority.private_key()
    _parsed(found.authority.certificate)
    _parsed(certificate)
    return found
