"""CertificateSigningRequests as the API server shows them, made with real keys."""

from __future__ import annotations

import base64
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

Key = ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey | rsa.RSAPrivateKey
HOST = "orders-0.orders-members.shop.svc"
MEMBER = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "orders-0")])


def pem(
    key: Key | None = None,
    subject: x509.Name = MEMBER,
    names: list[x509.GeneralName] | None = None,
    extensions: tuple[x509.ExtensionType, ...] = (),
    attributes: tuple[tuple[x509.ObjectIdentifier, bytes], ...] = (),
) -> bytes:
    key = key or ec.generate_private_key(ec.SECP256R1())
    builder = x509.CertificateSigningRequestBuilder().subject_name(subject)
    builder = builder.add_extension(x509.SubjectAlternativeName(names or [x509.DNSName(HOST)]), critical=False)
    for extension in extensions:
        builder = builder.add_extension(extension, critical=False)
    for oid, value in attributes:
        builder = builder.add_attribute(oid, value)
    return builder.sign(key, None if isinstance(key, ed25519.Ed25519PrivateKey) else SHA256()).public_bytes(Encoding.PEM)


def item(request: bytes, **fields: Any) -> dict[str, Any]:
    """`fields` of `spec`; `status` and `name` beside them."""
    metadata = {"name": fields.pop("name", "orders-0-x"), "uid": "u", "resourceVersion": "7", "creationTimestamp": "2026-01-01T00:00:00Z"}
    status = fields.pop("status", {})
    spec = {
        "request": base64.b64encode(request).decode(),
        "signerName": "quorate.io/member",
        "usages": ["digital signature", "server auth", "client auth"],
        "username": "system:serviceaccount:shop:orders",
        "uid": "of the account",
        "extra": {"authentication.kubernetes.io/pod-uid": ["p0"], "authentication.kubernetes.io/pod-name": ["orders-0"]},
        **fields,
    }
    return {"metadata": metadata, "spec": spec, "status": status}
