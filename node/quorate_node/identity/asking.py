"""One CertificateSigningRequest: made of the member's key, created, waited for, and what came of it judged before it is used."""

from __future__ import annotations

import asyncio
import base64
import binascii
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from quorate_node.identity.facts import NoCertificate, fits, read
from quorate_node.identity.files import MemberKey
from quorate_node.kubernetes.client import ApiClient
from quorate_node.kubernetes.errors import ApiUnreachable
from quorate_node.kubernetes.resources import Object, certificate_signing_requests

log = logging.getLogger(__name__)

USAGES = ("digital signature", "server auth", "client auth")
POLL_MIN_S = 0.2
POLL_MAX_S = 5.0
PATIENCE_S = 1800.0
"""A request that nobody answered for so long is made anew: Kubernetes' cleaner takes those that wait away."""


class NotIssued(Exception):
    """Denied, failed, not answered, or answered with a certificate that cannot be used: says which, in the words of the one who said so."""


@dataclass(frozen=True)
class Wanted:
    """`names`: DNS names and URIs, as the certificate shall have them."""

    common_name: str
    names: tuple[str, ...]
    signer: str
    labels: tuple[tuple[str, str], ...] = ()
    """Of the request's object: they prove nothing, and let an operator hear of it at once."""


def signing_request(key: MemberKey, wanted: Wanted) -> bytes:
    """PKCS #10 (RFC 2986) as PEM: the subject, the names, and nothing else."""
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, wanted.common_name)])
    names = [x509.UniformResourceIdentifier(name) if "://" in name else x509.DNSName(name) for name in wanted.names]
    builder = x509.CertificateSigningRequestBuilder().subject_name(subject)
    return builder.add_extension(x509.SubjectAlternativeName(names), critical=False).sign(key, SHA256()).public_bytes(Encoding.PEM)


def request_object(key: MemberKey, wanted: Wanted) -> Object:
    return {
        "apiVersion": "certificates.k8s.io/v1",
        "kind": "CertificateSigningRequest",
        "metadata": {"generateName": f"{wanted.common_name}-", "labels": dict(wanted.labels)},
        "spec": {
            "request": base64.b64encode(signing_request(key, wanted)).decode("ascii"),
            "signerName": wanted.signer,
            "usages": list(USAGES),
        },
    }


async def ask(
    client: ApiClient,
    key: MemberKey,
    wanted: Wanted,
    bundle: Callable[[], bytes],
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> bytes:
    """The certificate chain (PEM). Raises `NotIssued` and what the client raises."""
    requests = certificate_signing_requests()
    name = str((await client.create(requests, request_object(key, wanted)))["metadata"]["name"])
    log.info("asked for a certificate by CertificateSigningRequest %s", name)
    waited_s, pause_s = 0.0, POLL_MIN_S
    while waited_s < PATIENCE_S:
        await sleep(pause_s)
        waited_s += pause_s
        try:
            issued = _outcome(await client.get(requests, name), name)
        except ApiUnreachable as error:
            # The request stands: to make another for each time that the API server is away would heap them up.
            log.debug("CertificateSigningRequest %s: %s", name, error)
            issued = None
        if issued is not None:
            _judge(issued, key, wanted, bundle(), name)
            return issued
        if waited_s < POLL_MAX_S <= waited_s + pause_s:
            log.warning("CertificateSigningRequest %s is not answered yet: the operator signs it", name)
        pause_s = min(POLL_MAX_S, pause_s * 1.3)
    raise NotIssued(f"CertificateSigningRequest {name} was not answered within {PATIENCE_S:.0f} s: see whether the operator runs")


def _outcome(found: Object, name: str) -> bytes | None:
    """None: it is still open. Raises `NotIssued`."""
    status: dict[str, Any] = found.get("status") or {}
    for condition in status.get("conditions") or ():
        if condition.get("type") in ("Denied", "Failed") and condition.get("status") != "False":
            said = f"{condition.get('reason', '')}: {condition.get('message', '')}"
            raise NotIssued(f"CertificateSigningRequest {name} is {condition['type'].lower()}: {said[:500]}")
    if not status.get("certificate"):
        return None
    try:
        return base64.b64decode(str(status["certificate"]), validate=True)
    except binascii.Error as error:
        raise NotIssued(f"CertificateSigningRequest {name} was answered with what is no base64: {error}") from error


def _judge(issued: bytes, key: MemberKey, wanted: Wanted, bundle: bytes, name: str) -> None:
    """With a certificate that the others do not accept, this member would cut itself off. Raises `NotIssued`."""
    try:
        facts = read(issued, bundle)
        if not fits(issued, key):
            raise NotIssued(f"CertificateSigningRequest {name} was answered with a certificate of another key")
    except NoCertificate as error:
        raise NotIssued(f"CertificateSigningRequest {name}: {error}") from error
    if facts.names != tuple(sorted(wanted.names)):
        raise NotIssued(f"CertificateSigningRequest {name} was answered for {', '.join(facts.names)}, not for what was asked")
    if not facts.authority:
        raise NotIssued(f"CertificateSigningRequest {name} was signed by a CA that is not in the bundle (yet)")
