"""Operations under labels, for every suite; what is changed in any byte is refused."""

from __future__ import annotations

import os
from typing import Any

import pytest

from quorate_node.crypto.mls import labels
from quorate_node.crypto.mls.errors import BadSignature, DecryptionFailed, ValidationError
from quorate_node.crypto.mls.labels import HpkeCiphertext
from quorate_node.crypto.mls.suites import suite_of
from tests.conformance.mls.vectors import cases


def flipped(data: bytes, at: int = -1) -> bytes:
    changed = bytearray(data)
    changed[at] ^= 1
    return bytes(changed)


@pytest.mark.parametrize("vector", cases("crypto-basics"))
def test_derivations(vector: dict[str, Any]) -> None:
    suite = suite_of(vector["cipher_suite"])
    case = vector["ref_hash"]
    assert labels.ref_hash(suite, case["label"], bytes.fromhex(case["value"])) == bytes.fromhex(case["out"])
    case = vector["expand_with_label"]
    assert labels.expand_with_label(
        suite, bytes.fromhex(case["secret"]), case["label"], bytes.fromhex(case["context"]), case["length"]
    ) == bytes.fromhex(case["out"])
    case = vector["derive_secret"]
    assert labels.derive_secret(suite, bytes.fromhex(case["secret"]), case["label"]) == bytes.fromhex(case["out"])
    case = vector["derive_tree_secret"]
    assert labels.derive_tree_secret(
        suite, bytes.fromhex(case["secret"]), case["label"], case["generation"], case["length"]
    ) == bytes.fromhex(case["out"])


@pytest.mark.parametrize("vector", cases("crypto-basics"))
def test_signatures(vector: dict[str, Any]) -> None:
    suite = suite_of(vector["cipher_suite"])
    case = vector["sign_with_label"]
    label, content, private, public = case["label"], bytes.fromhex(case["content"]), bytes.fromhex(case["priv"]), bytes.fromhex(case["pub"])
    assert suite.signature_public(private) == public
    ours = labels.sign_with_label(suite, private, label, content)
    assert ours == labels.sign_with_label(suite, suite.signer(private), label, content), "signatures are deterministic"
    for signature in (bytes.fromhex(case["signature"]), ours):
        labels.verify_with_label(suite, public, label, content, signature)
        for damaged in (flipped(signature), flipped(signature, 9), signature[:-1], b"", signature + b"\0"):
            with pytest.raises(BadSignature):
                labels.verify_with_label(suite, public, label, content, damaged)
        with pytest.raises(BadSignature):
            labels.verify_with_label(suite, public, label, flipped(content), signature)
        with pytest.raises(BadSignature):
            labels.verify_with_label(suite, public, label + "x", content, signature)


@pytest.mark.parametrize("vector", cases("crypto-basics"))
def test_public_key_encryption(vector: dict[str, Any]) -> None:
    suite = suite_of(vector["cipher_suite"])
    case = vector["encrypt_with_label"]
    label, context, private, public = case["label"], bytes.fromhex(case["context"]), bytes.fromhex(case["priv"]), bytes.fromhex(case["pub"])
    plaintext = bytes.fromhex(case["plaintext"])
    assert suite.kem_public(private) == public
    theirs = HpkeCiphertext(bytes.fromhex(case["kem_output"]), bytes.fromhex(case["ciphertext"]))
    ours = labels.encrypt_with_label(suite, public, label, context, plaintext, os.urandom)
    for sealed in (theirs, ours):
        assert labels.decrypt_with_label(suite, private, label, context, sealed) == plaintext
        assert labels.decrypt_with_label(suite, private, label, context, sealed, public) == plaintext
        for damaged in (
            HpkeCiphertext(sealed.kem_output, flipped(sealed.ciphertext)),
            HpkeCiphertext(sealed.kem_output, sealed.ciphertext[:-1]),
            HpkeCiphertext(sealed.kem_output, b""),
        ):
            with pytest.raises(DecryptionFailed):
                labels.decrypt_with_label(suite, private, label, context, damaged)
        for output in (flipped(sealed.kem_output, 5), sealed.kem_output[:-1], b"", bytes(len(sealed.kem_output))):
            with pytest.raises(ValidationError):
                labels.decrypt_with_label(suite, private, label, context, HpkeCiphertext(output, sealed.ciphertext))
        with pytest.raises(DecryptionFailed):
            labels.decrypt_with_label(suite, private, label, flipped(context), sealed)
