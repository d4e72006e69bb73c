"""Labels keep uses of one key apart. That they are those of the RFC is for the working group's vectors to say."""

from __future__ import annotations

import os

import pytest

from quorate_node.crypto.mls import labels
from quorate_node.crypto.mls.codec import decode, encode
from quorate_node.crypto.mls.errors import BadSignature, DecryptionFailed
from quorate_node.crypto.mls.suites import SUITES

SUITE = SUITES[1]


def test_a_signature_is_bound_to_its_label() -> None:
    private = bytes(range(32))
    signature = labels.sign_with_label(SUITE, private, "LeafNodeTBS", b"content")
    assert signature == labels.sign_with_label(SUITE, SUITE.signer(private), "LeafNodeTBS", b"content")
    public = SUITE.signature_public(private)
    labels.verify_with_label(SUITE, public, "LeafNodeTBS", b"content", signature)
    for label, content in (("KeyPackageTBS", b"content"), ("LeafNodeTBS", b""), ("LeafNodeTBSc", b"ontent")):
        with pytest.raises(BadSignature):
            labels.verify_with_label(SUITE, public, label, content, signature)


def test_a_ciphertext_is_bound_to_its_label_and_context() -> None:
    pair = SUITE.derive_key_pair(bytes(32))
    sealed = labels.encrypt_with_label(SUITE, pair.public, "Welcome", b"context", b"text", os.urandom)
    assert decode(labels.HpkeCiphertext, encode(sealed)) == sealed
    assert labels.decrypt_with_label(SUITE, pair.private, "Welcome", b"context", sealed, pair.public) == b"text"
    for label, context in (("UpdatePathNode", b"context"), ("Welcome", b"")):
        with pytest.raises(DecryptionFailed):
            labels.decrypt_with_label(SUITE, pair.private, label, context, sealed)


def test_derived_secrets_differ_by_label_context_generation_and_length() -> None:
    derived = [
        labels.derive_secret(SUITE, bytes(32), "a"),
        labels.derive_secret(SUITE, bytes(32), "b"),
        labels.expand_with_label(SUITE, bytes(32), "a", b"context", 32),
        labels.expand_with_label(SUITE, bytes(32), "a", b"", 31),
        labels.derive_tree_secret(SUITE, bytes(32), "a", 0, 32),
        labels.derive_tree_secret(SUITE, bytes(32), "a", 1, 32),
    ]
    assert len({value[:31] for value in derived}) == len(derived)
    assert labels.derive_secret(SUITE, bytes(32), "a") == labels.expand_with_label(SUITE, bytearray(32), "a", b"", 32)


def test_references_are_by_label_and_value() -> None:
    assert labels.ref_hash(SUITE, "a", b"value") != labels.ref_hash(SUITE, "av", b"alue")
