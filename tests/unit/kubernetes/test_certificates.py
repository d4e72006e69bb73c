"""The test cluster's authority signs what Kubernetes' parts can use."""

from __future__ import annotations

import ssl
import stat
from pathlib import Path

from cryptography import x509
from cryptography.x509.oid import NameOID

from tests.kubernetes.bed.certificates import Authority, service_account_key


def test_a_certificate_names_its_user_its_group_and_its_hosts(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    pair = authority.issue("node", "system:node:a", organization="system:nodes", names=("a.svc", "10.0.0.1"))
    certificate = x509.load_pem_x509_certificate(pair.certificate.read_bytes())
    assert certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value == "system:node:a"
    assert certificate.subject.get_attributes_for_oid(NameOID.ORGANIZATION_NAME)[0].value == "system:nodes"
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["a.svc"]
    assert [str(address) for address in names.get_values_for_type(x509.IPAddress)] == ["10.0.0.1"]
    certificate.verify_directly_issued_by(x509.load_pem_x509_certificate(authority.pair.certificate.read_bytes()))


def test_keys_are_their_owners_alone(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    keys = [authority.pair.key, authority.issue("a", "a").key, service_account_key(tmp_path / "s.key")]
    assert {stat.S_IMODE(key.stat().st_mode) for key in keys} == {0o600}


def test_openssl_takes_a_pair(tmp_path: Path) -> None:
    pair = Authority(tmp_path).issue("a", "a", names=("localhost",))
    ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(pair.certificate, pair.key)
