"""Which keys may be validators."""

from __future__ import annotations

from random import Random

import pytest
from nacl.signing import SigningKey

from quorate_node.crypto.verdict.registration import KeyRefused, check_key, check_possession, possession_statement
from quorate_node.crypto.verdict.rule import SMALL_ORDER_Y
from tests.conformance.ed25519.forging import NON_CANONICAL_SMALL_ORDER, SMALL_ORDER_ENCODINGS, Signer

KEY = SigningKey(bytes(range(32)))
PUBLIC = bytes(KEY.verify_key)
HERE = b"cluster and member".ljust(32, b".")


def test_an_honest_key_with_its_proof_is_taken() -> None:
    check_possession(HERE, PUBLIC, KEY.sign(possession_statement(HERE, PUBLIC)).signature)


@pytest.mark.parametrize(
    "key, complaint",
    [
        (b"", "0 bytes"),
        (bytes(31), "31 bytes"),
        (b"\xff" * 32, "not canonical"),
        (bytes(32), "small order"),
        ((2).to_bytes(32, "little"), "no point"),
        (Signer(Random(1), torsion=1).public_key, "prime order"),
        (Signer(Random(1), torsion=4).public_key, "prime order"),
    ],
)
def test_a_key_that_no_validator_may_have(key: bytes, complaint: str) -> None:
    with pytest.raises(KeyRefused, match=complaint):
        check_key(key)


@pytest.mark.parametrize("encoded", SMALL_ORDER_ENCODINGS + NON_CANONICAL_SMALL_ORDER, ids=bytes.hex)
def test_no_encoding_of_a_small_order_is_a_key(encoded: bytes) -> None:
    with pytest.raises(KeyRefused):
        check_key(encoded)


def test_the_small_orders_are_all_there() -> None:
    assert {int.from_bytes(encoded, "little") % 2**255 for encoded in SMALL_ORDER_ENCODINGS} == SMALL_ORDER_Y


def test_a_proof_is_good_for_one_place_and_one_key() -> None:
    elsewhere = b"another cluster".ljust(32, b".")
    proof = KEY.sign(possession_statement(elsewhere, PUBLIC)).signature
    with pytest.raises(KeyRefused, match="EQUATION"):
        check_possession(HERE, PUBLIC, proof)
    with pytest.raises(KeyRefused, match="EQUATION"):
        check_possession(elsewhere, bytes(SigningKey(bytes(32)).verify_key), proof)
