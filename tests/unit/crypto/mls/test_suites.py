"""The table of suites (section 17.1)."""

from __future__ import annotations

import pytest

from quorate_node.crypto.mls.errors import BadKey, DecryptionFailed, UnsupportedError
from quorate_node.crypto.mls.suites import SUITES, TAG_BYTES, Suite, suite_of


def test_there_are_seven() -> None:
    assert [(number, suite.hash_bytes, suite.key_bytes, suite.nonce_bytes) for number, suite in SUITES.items()] == [
        (1, 32, 16, 12),
        (2, 32, 16, 12),
        (3, 32, 32, 12),
        (4, 64, 32, 12),
        (5, 64, 32, 12),
        (6, 64, 32, 12),
        (7, 48, 32, 12),
    ]
    assert suite_of(3) is SUITES[3]


@pytest.mark.parametrize("number", [0, 8, 0x0A0A])
def test_an_unknown_one_is_named(number: int) -> None:
    with pytest.raises(UnsupportedError, match=f"{number:#06x} is unknown"):
        suite_of(number)


@pytest.mark.parametrize("suite", SUITES.values(), ids=lambda suite: suite.number)
def test_what_is_sealed_opens_whole_or_not_at_all(suite: Suite) -> None:
    key, nonce = bytes(suite.key_bytes), bytes(suite.nonce_bytes)
    sealed = suite.seal(bytearray(key), nonce, b"aad", b"text")
    assert len(sealed) == len(b"text") + TAG_BYTES
    assert suite.open(key, nonce, b"aad", sealed) == b"text"
    for aad, data in ((b"", sealed), (b"aad", sealed[:-1]), (b"aad", b""), (b"aad", sealed + b"\0")):
        with pytest.raises(DecryptionFailed):
            suite.open(key, nonce, aad, data)
    with pytest.raises(BadKey):
        suite.check_kem_public(b"")
    with pytest.raises(BadKey):
        suite.check_signature_public(b"")
    assert suite.hmac(b"key", b"data") == suite.extract(b"key", b"data")
