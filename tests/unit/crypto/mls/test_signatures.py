"""Signatures: deterministic, strict, and the same verdict everywhere."""

from __future__ import annotations

import random

import pytest

from quorate_node.crypto.mls.errors import BadKey, BadSignature
from quorate_node.crypto.mls.signatures import ECDSA_P256, ECDSA_P384, ECDSA_P521, ED448, ED25519, KeySigner, SignatureScheme

SCHEMES: list[SignatureScheme] = [ED25519, ED448, ECDSA_P256, ECDSA_P384, ECDSA_P521]


@pytest.fixture(params=SCHEMES, ids=lambda scheme: scheme.name, name="scheme")
def every_scheme(request: pytest.FixtureRequest) -> SignatureScheme:
    scheme: SignatureScheme = request.param
    return scheme


def test_a_signature_fits_its_content_and_key_alone(scheme: SignatureScheme) -> None:
    entropy = random.Random(1).randbytes
    private, other = scheme.generate(entropy), scheme.generate(entropy)
    public = scheme.public(private)
    scheme.check(public)
    signature = scheme.sign(private, b"content")
    assert signature == scheme.sign(bytearray(private), b"content"), "no randomness is drawn"
    scheme.verify(public, b"content", signature)
    for content, wrong in ((b"other", signature), (b"content", b""), (b"content", signature[:-1]), (b"content", signature + b"\0")):
        with pytest.raises(BadSignature):
            scheme.verify(public, content, wrong)
    with pytest.raises(BadSignature):
        scheme.verify(scheme.public(other), b"content", signature)


def test_keys_that_are_none_are_refused(scheme: SignatureScheme) -> None:
    public = scheme.public(scheme.generate(random.Random(1).randbytes))
    with pytest.raises(BadKey):
        scheme.check(public[:-1])
    with pytest.raises(BadKey):
        scheme.verify(public + b"\0", b"", b"")
    with pytest.raises(BadKey):
        scheme.sign(b"", b"")


def test_ed25519_is_libsodiums() -> None:
    """A key of small order signs everything for OpenSSL (speccheck case 0 to 2); libsodium refuses it."""
    small_order = b"\x01" + bytes(31)
    with pytest.raises(BadSignature):
        ED25519.verify(small_order, b"anything", small_order + bytes(32))


def test_ed448_refuses_a_key_of_the_wrong_form() -> None:
    with pytest.raises(BadKey):
        ED448.verify(b"", b"", b"")


def test_a_signer_knows_its_public_key_and_hides_the_private_one() -> None:
    private = bytes(range(32))
    signer = KeySigner(ED25519, private)
    ED25519.verify(signer.public, b"content", signer.sign(b"content"))
    assert "private" not in repr(signer)
