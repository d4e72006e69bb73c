"""CertificateSigningRequests from the API server's shape, and the PKCS #10 in them (RFC 2986) taken apart: nothing in it is passed over."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable, Mapping
from typing import Any

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from quorate_operator.decide.world import Content, SigningRequest
from quorate_operator.objects.access import ACCOUNT_PREFIX
from quorate_operator.objects.identity import Object

SIGNER = "quorate.io/member"
POD_UID = "authentication.kubernetes.io/pod-uid"
POD_NAME = "authentication.kubernetes.io/pod-name"
REQUEST_BYTES_MAX = 16 << 10
"""A request with six names has less than one kilobyte."""
_EXTENSION_REQUEST = x509.ObjectIdentifier("1.2.840.113549.1.9.14")
_READABLE = (ValueError, TypeError, UnsupportedAlgorithm, x509.DuplicateExtension, x509.UnsupportedGeneralNameType)


def open_requests(items: Iterable[Object]) -> list[SigningRequest]:
    """Those that nobody has answered, oldest first."""
    return [parsed(item) for item in sorted(filter(is_open, items), key=_age)]


def user_of(item: Object) -> str:
    """Who has asked, as the API server vouches for it."""
    return str(item.get("spec", {}).get("username", ""))


def pod_uids_of(item: Object) -> tuple[str, ...]:
    """The pod that the asker's token is bound to, as the API server vouches for it; none, or several, for what is no pod's."""
    return _extra(item, POD_UID)


def pod_name_of(item: Object) -> str:
    """Of that pod; empty where there is not exactly one."""
    found = _extra(item, POD_NAME)
    return found[0] if len(found) == 1 else ""


def _extra(item: Object, name: str) -> tuple[str, ...]:
    extra: Mapping[str, Any] = item.get("spec", {}).get("extra") or {}
    return tuple(map(str, extra.get(name) or ()))


def account_of(item: Object) -> tuple[str, str]:
    """Namespace and name of the ServiceAccount that has asked; empty for a user that is none."""
    username = user_of(item)
    namespace, _, name = username.removeprefix(ACCOUNT_PREFIX).partition(":")
    return (namespace, name) if username.startswith(ACCOUNT_PREFIX) else ("", "")


def _age(item: Object) -> tuple[str, str]:
    return item["metadata"].get("creationTimestamp", ""), item["metadata"]["name"]


def is_open(item: Object) -> bool:
    """For our signer; neither denied, failed nor issued. An approved one without a certificate is still to be signed, or refused."""
    status = item.get("status") or {}
    ended = {condition.get("type") for condition in status.get("conditions") or ()} & {"Denied", "Failed"}
    return item.get("spec", {}).get("signerName") == SIGNER and not ended and not status.get("certificate")


def parsed(item: Object) -> SigningRequest:
    metadata, spec = item["metadata"], item["spec"]
    conditions = (item.get("status") or {}).get("conditions") or ()
    fault, content = "", None
    try:
        content = content_of(str(spec.get("request", "")))
    except _READABLE as error:
        fault = str(error)[:200] or type(error).__name__
    return SigningRequest(
        metadata["name"],
        metadata["uid"],
        metadata["resourceVersion"],
        user_of(item),
        pod_uids_of(item),
        tuple(map(str, spec.get("usages") or ())),
        spec.get("expirationSeconds"),
        any(condition.get("type") == "Approved" for condition in conditions),
        content,
        fault,
    )


def content_of(encoded: str) -> Content:
    """From base64 of PEM. Raises what `_READABLE` names."""
    if len(encoded) > REQUEST_BYTES_MAX:
        raise ValueError(f"it has more than {REQUEST_BYTES_MAX} bytes")
    try:
        pem = base64.b64decode(encoded, validate=True)
    except binascii.Error as error:
        raise ValueError(f"it is no base64: {error}") from None
    request = x509.load_pem_x509_csr(pem)
    dns_names, uris, others = _names(request.extensions)
    return Content(
        tuple((attribute.oid.dotted_string, _value(attribute)) for attribute in request.subject),
        dns_names,
        uris,
        _key(request),
        request.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo),
        request.is_signature_valid,
        (*others, *_attributes(request)),
    )


def _value(attribute: x509.NameAttribute[Any]) -> str:
    return attribute.value if isinstance(attribute.value, str) else attribute.value.hex()


def _key(request: x509.CertificateSigningRequest) -> str:
    key = request.public_key()
    if isinstance(key, ec.EllipticCurvePublicKey):
        return "ECDSA P-256" if isinstance(key.curve, ec.SECP256R1) else f"ECDSA {key.curve.name}"
    return "Ed25519" if isinstance(key, ed25519.Ed25519PublicKey) else type(key).__name__


def _names(extensions: x509.Extensions) -> tuple[tuple[str, ...], tuple[str, ...], list[str]]:
    """(DNS names, URIs, everything else that was asked for)."""
    dns_names: list[str] = []
    uris: list[str] = []
    others: list[str] = []
    for extension in extensions:
        if not isinstance(extension.value, x509.SubjectAlternativeName):
            others.append(f"extension {extension.oid.dotted_string}")
            continue
        for name in extension.value:
            if isinstance(name, x509.DNSName):
                dns_names.append(name.value)
            elif isinstance(name, x509.UniformResourceIdentifier):
                uris.append(name.value)
            else:
                others.append(f"a name of kind {type(name).__name__}")
    return tuple(dns_names), tuple(uris), others


def _attributes(request: x509.CertificateSigningRequest) -> list[str]:
    """Attributes beside the one that carries the extensions."""
    return [f"attribute {attribute.oid.dotted_string}" for attribute in request.attributes if attribute.oid != _EXTENSION_REQUEST]
