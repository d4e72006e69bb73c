"""Sender data: sealed under a key of the message's own."""

from __future__ import annotations

import pytest

from quorate_node.crypto.mls.errors import DecryptionFailed
from quorate_node.crypto.mls.framing.sender_data import SenderData
from quorate_node.crypto.mls.suites import SUITES

SUITE = SUITES[1]
DATA = SenderData(3, 9, b"abcd")


def test_it_opens_with_its_ciphertext_alone() -> None:
    sealed = DATA.seal(SUITE, bytes(32), b"aad", b"c" * 40)
    assert SenderData.open(SUITE, bytes(32), b"aad", b"c" * 40, sealed) == DATA
    assert SenderData.open(SUITE, bytes(32), b"aad", b"c" * 32, sealed) == DATA, "the sample has hash_bytes"
    for aad, ciphertext in ((b"", b"c" * 40), (b"aad", b"d" * 40), (b"aad", b"c" * 31)):
        with pytest.raises(DecryptionFailed):
            SenderData.open(SUITE, bytes(32), aad, ciphertext, sealed)


def test_the_guard_changes_the_first_bytes_of_the_nonce() -> None:
    nonce = bytes(range(12))
    guarded = DATA.guarded(bytearray(nonce))
    assert guarded[4:] == nonce[4:]
    assert bytes(a ^ b for a, b in zip(guarded[:4], nonce, strict=False)) == b"abcd"
