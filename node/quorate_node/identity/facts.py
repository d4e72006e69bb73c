"""What a certificate file says, beside the bundle of CAs that it is checked against."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.hashes import SHA256

from quorate_node.identity.files import MemberKey

AUTHORITIES_MAX = 8
"""Of a bundle: while a CA is replaced there are two."""
DEGRADED_BELOW = 0.25
RENEWED_BELOW = 0.5
"""Parts of a certificate's life that are left."""


class NoCertificate(ValueError):
    """The files hold none that can be read: says why."""


@dataclass(frozen=True)
class Facts:
    """`names`: DNS names and URIs, sorted. Authorities are SHA-256 fingerprints (hex) of CA certificates."""

    not_before: datetime
    not_after: datetime
    names: tuple[str, ...]
    authority: str
    """The one of the bundle that signed it; empty when none did."""
    trusted: tuple[str, ...]
    """All of the bundle, in its order: the first one signs."""

    def left(self, now: datetime) -> float:
        """The part of its life that is left: 1 at its beginning, 0 and below when it has ended."""
        return (self.not_after - now) / max(self.not_after - self.not_before, timedelta(seconds=1))


def read(certificate_pem: bytes, bundle_pem: bytes) -> Facts:
    """Raises `NoCertificate`."""
    certificate = _first(certificate_pem)
    authorities = _all(bundle_pem, "the CA bundle")[:AUTHORITIES_MAX]
    return Facts(
        certificate.not_valid_before_utc,
        certificate.not_valid_after_utc,
        _names(certificate),
        next((_fingerprint(each) for each in authorities if _issued(certificate, each)), ""),
        tuple(_fingerprint(each) for each in authorities),
    )


def fits(certificate_pem: bytes, key: MemberKey) -> bool:
    """Whether the certificate is of this key. Raises `NoCertificate`."""
    return _first(certificate_pem).public_key() == key.public_key()


def _first(pem: bytes) -> x509.Certificate:
    return _all(pem, "the certificate")[0]


def _all(pem: bytes, what: str) -> list[x509.Certificate]:
    try:
        return x509.load_pem_x509_certificates(pem)
    except ValueError as error:
        raise NoCertificate(f"{what} cannot be read: {error}") from error


def _names(certificate: x509.Certificate) -> tuple[str, ...]:
    try:
        found = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return ()
    except ValueError as error:
        raise NoCertificate(f"the certificate's names cannot be read: {error}") from error
    dns, uris = found.get_values_for_type(x509.DNSName), found.get_values_for_type(x509.UniformResourceIdentifier)
    return tuple(sorted([*dns, *uris]))


def _issued(certificate: x509.Certificate, authority: x509.Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(authority)
    except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm):
        return False
    return True


def _fingerprint(certificate: x509.Certificate) -> str:
    return certificate.fingerprint(SHA256()).hex()


def utc_now() -> datetime:
    return datetime.now(UTC)
