"""Certificate authorities and certificates for the TLS tests, made on the spot."""

from __future__ import annotations

import datetime as dt
import ipaddress
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from quorate_node.transport.tls_files import TlsFiles

NOW = dt.datetime.now(dt.UTC)
DAY = dt.timedelta(days=1)
LOOPBACK: tuple[x509.GeneralName, ...] = (x509.IPAddress(ipaddress.ip_address("127.0.0.1")), x509.DNSName("localhost"))


def member_uri(cluster_id: int, member_id: int) -> x509.GeneralName:
    return x509.UniformResourceIdentifier(f"quorate://{cluster_id}/{member_id}")


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())


class Authority:
    def __init__(self, name: str = "test CA") -> None:
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.name = _name(name)
        builder = x509.CertificateBuilder().subject_name(self.name).issuer_name(self.name).public_key(self.key.public_key())
        builder = builder.serial_number(x509.random_serial_number()).not_valid_before(NOW - 30 * DAY).not_valid_after(NOW + 30 * DAY)
        builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        builder = builder.add_extension(x509.SubjectKeyIdentifier.from_public_key(self.key.public_key()), critical=False)
        usage = x509.KeyUsage(False, False, False, False, False, True, True, False, False)
        self.certificate = builder.add_extension(usage, critical=True).sign(self.key, hashes.SHA256())

    @property
    def pem(self) -> bytes:
        return self.certificate.public_bytes(serialization.Encoding.PEM)

    def issue(
        self,
        *extra_names: x509.GeneralName,
        names: tuple[x509.GeneralName, ...] = LOOPBACK,
        expired: bool = False,
        usages: tuple[x509.ObjectIdentifier, ...] = (ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH),
    ) -> tuple[bytes, bytes]:
        """(certificate, key), both PEM."""
        key = ec.generate_private_key(ec.SECP256R1())
        builder = x509.CertificateBuilder().subject_name(_name("member")).issuer_name(self.name).public_key(key.public_key())
        end = NOW - DAY if expired else NOW + DAY
        builder = builder.serial_number(x509.random_serial_number()).not_valid_before(NOW - 2 * DAY).not_valid_after(end)
        builder = builder.add_extension(x509.SubjectAlternativeName((*names, *extra_names)), critical=False)
        builder = builder.add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key()), critical=False)
        builder = builder.add_extension(x509.ExtendedKeyUsage(usages), critical=False)
        return builder.sign(self.key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM), _pem(key)


def write_files(folder: Path, issued: tuple[bytes, bytes], *authorities: Authority) -> TlsFiles:
    """Written beside and moved into place, as a careful writer does."""
    folder.mkdir(exist_ok=True)
    files = TlsFiles(folder / "tls.crt", folder / "tls.key", folder / "ca.crt")
    bundle = b"".join(authority.pem for authority in authorities)
    assert files.authority is not None
    for path, content in ((files.certificate, issued[0]), (files.key, issued[1]), (files.authority, bundle)):
        beside = path.with_suffix(".new")
        beside.write_bytes(content)
        beside.replace(path)
    return files
