"""Key encapsulation: what one side encapsulates, the other finds. The numbers are RFC 9180's, in test_hpke."""

from __future__ import annotations

import random

import pytest

from quorate_node.crypto.mls.kem import KemKeyPair
from quorate_node.crypto.mls.suites import SUITES, Suite


@pytest.mark.parametrize("suite", SUITES.values(), ids=lambda suite: suite.number)
def test_the_receiver_finds_the_senders_secret(suite: Suite) -> None:
    entropy = random.Random(1).randbytes
    pair = suite.derive_key_pair(entropy(suite.hash_bytes))
    sent = suite.encapsulate(pair.public, entropy)
    assert len(sent.shared_secret) == suite.hash_bytes
    assert suite.decapsulate(pair.private, sent.kem_output) == sent.shared_secret
    assert suite.decapsulate(bytearray(pair.private), sent.kem_output, pair.public) == sent.shared_secret
    assert suite.kem_public(pair.private) == pair.public


def test_a_key_pair_is_derived_and_shows_no_private_key() -> None:
    suite = SUITES[1]
    pair = suite.derive_key_pair(b"i" * 32)
    assert pair == suite.derive_key_pair(bytearray(b"i" * 32))
    assert pair != suite.derive_key_pair(b"j" * 32)
    assert pair.private.hex() not in repr(pair) and "private" not in repr(KemKeyPair(b"x", b"y"))
