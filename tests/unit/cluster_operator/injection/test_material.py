"""The webhook's certificate through its whole life: at every moment the API server trusts what is served."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509

from quorate_operator.injection.material import Material, made, material_of, renewed, secret
from quorate_operator.issuing.certificates import AUTHORITY_LIFE, MEMBER_LIFE, BadKeyring

HOST = "quorate-operator-webhook.quorate-system.svc"
BEGIN = datetime(2026, 1, 1, tzinfo=UTC)


def leaf(material: Material) -> x509.Certificate:
    return x509.load_pem_x509_certificate(material.certificate.encode())


def is_trusted(material: Material, bundle: str, now: datetime) -> bool:
    """Whether a client that trusts `bundle` takes the certificate that is served."""
    for authority in x509.load_pem_x509_certificates(bundle.encode()):
        signed = leaf(material).extensions.get_extension_for_class(x509.AuthorityKeyIdentifier).value.key_identifier
        own = authority.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value.digest
        if signed == own:
            leaf(material).verify_directly_issued_by(authority)
            return leaf(material).not_valid_before_utc <= now <= min(leaf(material).not_valid_after_utc, authority.not_valid_after_utc)
    return False


def test_ten_years_of_it() -> None:
    """Looked at once a week, and the API server is told after each look: never is anything served that it does not trust."""
    material, now = made(HOST, BEGIN), BEGIN
    told, authorities, certificates = material.bundle, {material.authority.certificate}, {material.certificate}
    while now < BEGIN + timedelta(days=3650):
        now += timedelta(days=7)
        after = renewed(material, HOST, told, now)
        assert is_trusted(after, told, now), "before the API server is told"
        material, told = after, after.bundle
        assert is_trusted(material, told, now)
        assert len(x509.load_pem_x509_certificates(told.encode())) <= 2
        authorities.add(material.authority.certificate)
        certificates.add(material.certificate)
    assert 4 <= len(authorities) <= 7 and len(certificates) > 3650 / 90
    assert leaf(material).not_valid_after_utc - leaf(material).not_valid_before_utc <= MEMBER_LIFE + timedelta(hours=1)


def test_a_new_authority_signs_only_when_the_api_server_knows_it() -> None:
    first = made(HOST, BEGIN)
    late = BEGIN + AUTHORITY_LIFE * 0.7
    held = renewed(first, HOST, first.bundle, late)
    while held.previous == "":
        held = renewed(held, HOST, held.bundle, late)
    assert held.bundle == held.authority.certificate + first.authority.certificate
    for told in ("", first.bundle):
        assert renewed(held, HOST, told, late).certificate == held.certificate
    assert renewed(held, HOST, held.bundle, late).certificate != held.certificate


def test_nothing_is_written_while_nothing_is_due() -> None:
    material = made(HOST, BEGIN)
    for days in (0, 1, 20, 44):
        assert renewed(material, HOST, material.bundle, BEGIN + timedelta(days=days)) is material
    assert renewed(material, HOST, material.bundle, BEGIN + timedelta(days=46)).certificate != material.certificate


def test_another_name_is_another_certificate() -> None:
    material = made(HOST, BEGIN)
    found = renewed(material, "other.svc", material.bundle, BEGIN)
    names = leaf(found).extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["other.svc"]


def test_a_secret_holds_all_of_it() -> None:
    material = made(HOST, BEGIN)
    item = secret("quorate-system", "w", material)
    assert material_of(item) == material and "resourceVersion" not in item["metadata"]
    before = {"metadata": {"uid": "u", "resourceVersion": "7"}}
    assert secret("quorate-system", "w", material, before)["metadata"]["resourceVersion"] == "7"


@pytest.mark.parametrize("damage", [{}, {"ca.key": ""}, {"tls.crt": "AAAA"}, {"ca.crt": "%%%"}])
def test_a_damaged_one_is_told_without_the_key(damage: dict[str, str]) -> None:
    material = made(HOST, BEGIN)
    data = {**secret("n", "w", material)["data"], **damage} if damage else {}
    with pytest.raises(BadKeyring) as wrong:
        material_of({"data": data})
    assert "PRIVATE" not in str(wrong.value)
