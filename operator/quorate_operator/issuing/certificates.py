"""X.509 (RFC 5280): a cluster's own CA, the members' certificates and the operator's. Keys are ECDSA P-256, which every client knows."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_der_public_key,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from quorate_operator.decide.actions import Grant
from quorate_operator.objects.node_settings import OPERATOR_NAME

AUTHORITY_LIFE = timedelta(days=3 * 365)
DUE_AFTER = 2 / 3
"""Part of a CA's life after which the next one is made: a year is left for every member to come back once."""
MEMBER_LIFE = timedelta(days=90)
OPERATOR_LIFE = timedelta(days=1)
BACKDATED = timedelta(minutes=5)
"""Clocks differ: a certificate is good at once for a member whose clock is late."""
SERIAL_BITS = 128
NAME_CHARACTERS_MAX = 64


class BadKeyring(ValueError):
    """A CA's certificate or key that cannot be used; never with the key's text."""


@dataclass(frozen=True)
class Pair:
    """A CA: certificate and key as PEM. `key` empty: it is lost, and nothing can be signed any more."""

    certificate: str
    key: str = ""

    @property
    def parsed(self) -> x509.Certificate:
        """Raises `BadKeyring`."""
        try:
            return x509.load_pem_x509_certificate(self.certificate.encode())
        except ValueError as error:
            raise BadKeyring(f"a CA's certificate cannot be read: {error}") from None

    @property
    def fingerprint(self) -> str:
        return self.parsed.fingerprint(SHA256()).hex()

    def is_due(self, now: datetime) -> bool:
        """So much of its life is over that it should be replaced."""
        certificate = self.parsed
        begun, ends = certificate.not_valid_before_utc, certificate.not_valid_after_utc
        return now - begun > DUE_AFTER * (ends - begun)

    def private_key(self) -> ec.EllipticCurvePrivateKey:
        """Raises `BadKeyring`."""
        try:
            key = load_pem_private_key(self.key.encode(), password=None)
        except (ValueError, TypeError, UnsupportedAlgorithm) as error:
            raise BadKeyring(f"a CA's key cannot be read ({type(error).__name__})") from None
        if not isinstance(key, ec.EllipticCurvePrivateKey):
            raise BadKeyring("a CA's key is not of the kind that this operator makes (ECDSA)")
        return key


def utc_now() -> datetime:
    return datetime.now(UTC)


def make_authority(name: str, now: datetime) -> Pair:
    """A self-signed CA that signs certificates of members and nothing below them."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = _common_name(name)
    builder = _begun(subject, subject, key.public_key(), now, now + AUTHORITY_LIFE)
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
    builder = builder.add_extension(_key_usage(signs_certificates=True), critical=True)
    builder = builder.add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    return Pair(_pem(builder.sign(key, SHA256())), _key_pem(key))


def sign_member(authority: Pair, grant: Grant, now: datetime) -> str:
    """A member's certificate (PEM): what was granted, and nothing that the request says besides. Raises `BadKeyring`."""
    key = load_der_public_key(grant.public_key)
    assert isinstance(key, ec.EllipticCurvePublicKey | ed25519.Ed25519PublicKey), "keys of other kinds are denied"
    names: list[x509.GeneralName] = [*map(x509.DNSName, grant.dns_names), *map(x509.UniformResourceIdentifier, grant.uris)]
    both = [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]
    return _pem(_sign(authority, key, grant.common_name, names, both, now, MEMBER_LIFE))


def operator_certificate(authority: Pair, now: datetime) -> tuple[str, str]:
    """The operator's own client certificate and its key (PEM), for a day and in memory alone. Raises `BadKeyring`."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.UniformResourceIdentifier(OPERATOR_NAME)
    certificate = _sign(authority, key.public_key(), "quorate-operator", [name], [ExtendedKeyUsageOID.CLIENT_AUTH], now, OPERATOR_LIFE)
    return _pem(certificate), _key_pem(key)


def server_certificate(authority: Pair, dns_names: Sequence[str], now: datetime) -> tuple[str, str]:
    """A server's certificate and its key (PEM). Raises `BadKeyring`."""
    key = ec.generate_private_key(ec.SECP256R1())
    names: list[x509.GeneralName] = [x509.DNSName(name) for name in dns_names]
    certificate = _sign(authority, key.public_key(), dns_names[0], names, [ExtendedKeyUsageOID.SERVER_AUTH], now, MEMBER_LIFE)
    return _pem(certificate), _key_pem(key)


def _sign(
    authority: Pair,
    key: ec.EllipticCurvePublicKey | ed25519.Ed25519PublicKey,
    common_name: str,
    names: list[x509.GeneralName],
    usages: list[x509.ObjectIdentifier],
    now: datetime,
    life: timedelta,
) -> x509.Certificate:
    issuer, signing = authority.parsed, authority.private_key()
    ends = min(now + life, issuer.not_valid_after_utc)
    builder = _begun(_common_name(common_name), issuer.subject, key, now, ends)
    builder = builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
    builder = builder.add_extension(_key_usage(signs_certificates=False), critical=True)
    builder = builder.add_extension(x509.ExtendedKeyUsage(usages), critical=False)
    builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    builder = builder.add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
    builder = builder.add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signing.public_key()), critical=False)
    return builder.sign(signing, SHA256())


def _begun(
    subject: x509.Name,
    issuer: x509.Name,
    key: ec.EllipticCurvePublicKey | ed25519.Ed25519PublicKey,
    now: datetime,
    ends: datetime,
) -> x509.CertificateBuilder:
    # Random, so that nobody can guess what will be signed next; never 0 (RFC 5280 section 4.1.2.2).
    serial = secrets.randbits(SERIAL_BITS) or 1
    builder = x509.CertificateBuilder().subject_name(subject).issuer_name(issuer).public_key(key).serial_number(serial)
    return builder.not_valid_before(now - BACKDATED).not_valid_after(ends)


def _common_name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text[:NAME_CHARACTERS_MAX])])


def _key_usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        encipher_only=False,
        decipher_only=False,
    )


def _pem(certificate: x509.Certificate) -> str:
    return certificate.public_bytes(Encoding.PEM).decode("ascii")


def _key_pem(key: ec.EllipticCurvePrivateKey) -> str:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode("ascii")
