"""What is signed: exactly what was granted, for as long as it should be, in a form that TLS takes."""

from __future__ import annotations

import datetime as dt
import ssl
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import ExtendedKeyUsageOID
from cryptography.x509.verification import PolicyBuilder, Store

from quorate_operator.decide.actions import Grant
from quorate_operator.issuing.certificates import (
    AUTHORITY_LIFE,
    MEMBER_LIFE,
    BadKeyring,
    Pair,
    make_authority,
    operator_certificate,
    sign_member,
    utc_now,
)

NOW = utc_now().replace(microsecond=0)
DAY = dt.timedelta(days=1)


def grant(key: ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey | None = None) -> Grant:
    key = key or ec.generate_private_key(ec.SECP256R1())
    public = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return Grant("orders-0", ("orders-0.orders-members.shop.svc", "orders.shop.svc"), ("quorate://7/9",), public)


@pytest.fixture(scope="module")
def authority() -> Pair:
    return make_authority("shop/orders", NOW)


def parsed(text: str) -> x509.Certificate:
    return x509.load_pem_x509_certificate(text.encode())


@pytest.mark.parametrize("key", [ec.generate_private_key(ec.SECP256R1()), ed25519.Ed25519PrivateKey.generate()])
def test_a_certificate_has_what_was_granted_and_nothing_else(key: ec.EllipticCurvePrivateKey, authority: Pair) -> None:
    found = parsed(sign_member(authority, grant(key), NOW))
    assert found.public_key() == key.public_key()
    assert found.subject.rfc4514_string() == "CN=orders-0"
    names = found.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == list(grant().dns_names)
    assert names.get_values_for_type(x509.UniformResourceIdentifier) == ["quorate://7/9"]
    usage = found.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert set(usage) == {ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH}
    assert not found.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    assert len(found.extensions) == 6


def test_it_lasts_ninety_days_and_is_good_for_a_clock_that_is_late(authority: Pair) -> None:
    found = parsed(sign_member(authority, grant(), NOW))
    assert found.not_valid_after_utc == NOW + MEMBER_LIFE == NOW + 90 * DAY
    assert NOW - dt.timedelta(hours=1) < found.not_valid_before_utc < NOW


def test_serial_numbers_are_random_and_wide(authority: Pair) -> None:
    serials = {parsed(sign_member(authority, grant(), NOW)).serial_number for _ in range(20)}
    assert len(serials) == 20 and all(0 < serial < 2**128 for serial in serials)
    assert max(serials) > 2**100


def test_a_strict_verifier_accepts_it(authority: Pair) -> None:
    store = Store([parsed(authority.certificate)])
    verifier = PolicyBuilder().store(store).time(NOW).build_server_verifier(x509.DNSName("orders.shop.svc"))
    assert verifier.verify(parsed(sign_member(authority, grant(), NOW)), [])


def test_it_never_outlives_its_ca(authority: Pair) -> None:
    late = NOW + AUTHORITY_LIFE - 10 * DAY
    assert parsed(sign_member(authority, grant(), late)).not_valid_after_utc == NOW + AUTHORITY_LIFE


def test_the_operators_certificate_is_for_a_client_and_for_a_day(authority: Pair, tmp_path: Path) -> None:
    certificate, key = operator_certificate(authority, NOW)
    found = parsed(certificate)
    assert list(found.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value) == [ExtendedKeyUsageOID.CLIENT_AUTH]
    names = found.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.UniformResourceIdentifier) == ["quorate://operator"]
    assert found.not_valid_after_utc == NOW + DAY
    (tmp_path / "both.pem").write_text(certificate + key)
    ssl.create_default_context().load_cert_chain(tmp_path / "both.pem")


def test_a_ca_is_due_after_two_thirds_of_its_life(authority: Pair) -> None:
    assert not authority.is_due(NOW + 700 * DAY)
    assert authority.is_due(NOW + 740 * DAY)


def test_a_ca_without_its_key_signs_nothing(authority: Pair) -> None:
    with pytest.raises(BadKeyring):
        sign_member(Pair(authority.certificate), grant(), NOW)


def test_no_message_holds_a_key(authority: Pair) -> None:
    broken = authority.key.replace("PRIVATE", "PRIVAT")
    with pytest.raises(BadKeyring) as raised:
        sign_member(Pair(authority.certificate, broken), grant(), NOW)
    assert authority.key.splitlines()[1] not in str(raised.value)
