"""Pre-shared keys: names on the wire, nonces of the right length. What they give is in the working group's vectors."""

from __future__ import annotations

import random

import pytest

from quorate_node.crypto.mls.codec import decode, encode
from quorate_node.crypto.mls.errors import CodecError, ValidationError
from quorate_node.crypto.mls.psk import PSKS_MAX, ExternalPsk, PreSharedKeyId, ResumptionPsk, ResumptionUsage, psk_secret
from quorate_node.crypto.mls.suites import SUITES

SUITE = SUITES[1]
EXTERNAL = PreSharedKeyId(ExternalPsk(b"id"), bytes(32))
RESUMPTION = PreSharedKeyId(ResumptionPsk(ResumptionUsage.BRANCH, b"group", 9), bytes(32))


@pytest.mark.parametrize("psk", [EXTERNAL, RESUMPTION])
def test_a_name_is_what_it_was_written_as(psk: PreSharedKeyId) -> None:
    assert decode(PreSharedKeyId, encode(psk)) == psk


@pytest.mark.parametrize(("data", "why"), [("00", "psktype is 0"), ("03", "psktype is 3"), ("0200", "usage"), ("0204", "usage")])
def test_what_names_nothing_is_refused(data: str, why: str) -> None:
    with pytest.raises(CodecError, match=why):
        decode(PreSharedKeyId, bytes.fromhex(data))


def test_each_use_has_a_nonce_of_its_own() -> None:
    entropy = random.Random(1).randbytes
    one, two = (PreSharedKeyId.fresh(SUITE, ExternalPsk(b"id"), entropy) for _ in range(2))
    one.check(SUITE)
    assert one != two
    with pytest.raises(ValidationError, match="psk_nonce has 32 bytes"):
        one.check(SUITES[4])


def test_without_keys_there_are_zeros_and_the_nonce_counts() -> None:
    assert psk_secret(SUITE, []) == bytes(32)
    other = PreSharedKeyId(EXTERNAL.name, b"n" * 32)
    assert psk_secret(SUITE, [(EXTERNAL, b"key")]) != psk_secret(SUITE, [(other, b"key")])


def test_there_are_at_most_so_many_as_can_be_counted() -> None:
    with pytest.raises(ValidationError, match="65535 are the most"):
        psk_secret(SUITE, [(EXTERNAL, b"")] * (PSKS_MAX + 1))
