"""A request is taken apart so that nothing in it is passed over, and noise does no harm."""

from __future__ import annotations

import base64

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.x509.oid import AttributeOID, ExtendedKeyUsageOID, NameOID
from hypothesis import given
from hypothesis import strategies as st

from quorate_operator.issuing.parsing import account_of, is_open, open_requests, parsed
from tests.unit.cluster_operator.issuing.requests import HOST, Key, item, pem

ACCOUNT = "system:serviceaccount:shop:orders"


def test_an_honest_request_has_a_name_a_key_and_nothing_else() -> None:
    found = parsed(item(pem(names=[x509.DNSName(HOST), x509.UniformResourceIdentifier("quorate://7/9")])))
    assert found.content is not None and found.fault == ""
    content = found.content
    assert content.subject == (("2.5.4.3", "orders-0"),)
    assert (content.dns_names, content.uris, content.others) == ((HOST,), ("quorate://7/9",), ())
    assert content.key == "ECDSA P-256" and content.signed_by_its_key
    assert (found.username, found.pod_uids, found.approved, found.expiration_s) == (ACCOUNT, ("p0",), False, None)


@pytest.mark.parametrize(
    ("key", "kind"),
    [
        (ed25519.Ed25519PrivateKey.generate(), "Ed25519"),
        (ec.generate_private_key(ec.SECP384R1()), "ECDSA secp384r1"),
        (ec.generate_private_key(ec.SECP256K1()), "ECDSA secp256k1"),
        (rsa.generate_private_key(65537, 2048), "RSAPublicKey"),
    ],
)
def test_keys_are_told_apart(key: Key, kind: str) -> None:
    content = parsed(item(pem(key))).content
    assert content is not None and content.key == kind


@pytest.mark.parametrize(
    "extension",
    [
        x509.BasicConstraints(ca=True, path_length=None),
        x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CODE_SIGNING]),
        x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.3.4"), b"\x05\x00"),
    ],
)
def test_every_other_extension_is_named(extension: x509.ExtensionType) -> None:
    content = parsed(item(pem(extensions=(extension,)))).content
    assert content is not None and content.others == (f"extension {extension.oid.dotted_string}",)


def test_every_other_attribute_is_named() -> None:
    content = parsed(item(pem(attributes=((AttributeOID.CHALLENGE_PASSWORD, b"hello"),)))).content
    assert content is not None and content.others == ("attribute 1.2.840.113549.1.9.7",)


@pytest.mark.parametrize("name", [x509.RFC822Name("a@example.com"), x509.IPAddress(__import__("ipaddress").ip_address("10.0.0.1"))])
def test_names_of_other_kinds_are_named(name: x509.GeneralName) -> None:
    content = parsed(item(pem(names=[x509.DNSName(HOST), name]))).content
    assert content is not None and content.others == (f"a name of kind {type(name).__name__}",)


def test_every_part_of_the_subject_is_there() -> None:
    attributes = [x509.NameAttribute(NameOID.ORGANIZATION_NAME, "system:masters"), x509.NameAttribute(NameOID.COMMON_NAME, "orders-0")]
    content = parsed(item(pem(subject=x509.Name(attributes)))).content
    assert content is not None and content.subject == (("2.5.4.10", "system:masters"), ("2.5.4.3", "orders-0"))


def test_a_request_that_another_key_signed_says_so() -> None:
    der = bytearray(base64.b64decode(b"".join(pem(ed25519.Ed25519PrivateKey.generate()).splitlines()[1:-1])))
    der[-1] ^= 1
    broken = b"-----BEGIN CERTIFICATE REQUEST-----\n" + base64.encodebytes(bytes(der)) + b"-----END CERTIFICATE REQUEST-----\n"
    content = parsed(item(broken)).content
    assert content is not None and not content.signed_by_its_key


@pytest.mark.parametrize("request_", ["", "***", base64.b64encode(b"x").decode(), "A" * 20_000])
def test_what_is_no_request_is_a_fault_and_not_an_exception(request_: str) -> None:
    found = parsed({**item(b""), "spec": {**item(b"")["spec"], "request": request_}})
    assert found.content is None and found.fault


@given(st.binary(max_size=400), st.integers(0, 300), st.integers(0, 255))
def test_noise_and_damage_raise_nothing(noise: bytes, at: int, byte: int) -> None:
    assert parsed(item(noise)).content is None
    der = bytearray(base64.b64decode(b"".join(HONEST.splitlines()[1:-1])))
    der[at % len(der)] = byte
    parsed(item(b"-----BEGIN CERTIFICATE REQUEST-----\n" + base64.encodebytes(bytes(der)) + b"-----END CERTIFICATE REQUEST-----\n"))


HONEST = pem()


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, True),
        ({"status": {"conditions": [{"type": "Approved"}]}}, True),
        ({"status": {"conditions": [{"type": "Approved"}], "certificate": "x"}}, False),
        ({"status": {"conditions": [{"type": "Denied"}]}}, False),
        ({"status": {"conditions": [{"type": "Approved"}, {"type": "Failed"}]}}, False),
        ({"signerName": "kubernetes.io/kube-apiserver-client"}, False),
    ],
)
def test_open_is_what_is_for_our_signer_and_has_no_answer(fields: dict[str, object], expected: bool) -> None:
    assert is_open(item(HONEST, **fields)) == expected


def test_open_requests_come_oldest_first() -> None:
    items = [item(HONEST, name="b"), item(HONEST, name="a"), item(HONEST, name="c", status={"conditions": [{"type": "Denied"}]})]
    assert [found.name for found in open_requests(items)] == ["a", "b"]


@pytest.mark.parametrize(
    ("username", "expected"), [(ACCOUNT, ("shop", "orders")), ("admin", ("", "")), ("system:serviceaccount:shop", ("shop", ""))]
)
def test_the_account_is_what_the_api_server_vouches_for(username: str, expected: tuple[str, str]) -> None:
    assert account_of(item(HONEST, username=username)) == expected
