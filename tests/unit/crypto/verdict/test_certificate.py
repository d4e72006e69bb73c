"""Counting votes, and certificates: enough weight of one set, each validator once, every signature right."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from nacl.signing import SigningKey

from quorate_node.crypto.verdict.certificate import Certificate, CertificateRefused, Tally, check_certificate
from quorate_node.crypto.verdict.registration import KeyRefused
from quorate_node.crypto.verdict.rule import Verdict
from quorate_node.crypto.verdict.validators import EPOCH_MAX, VALIDATORS_MAX, WEIGHT_MAX, InvalidSet, ValidatorSet

SIGNERS = [SigningKey(bytes([number]) * 32) for number in range(7)]
KEYS = [bytes(signer.verify_key) for signer in SIGNERS]
EQUALS = ValidatorSet(3, KEYS)
WEIGHTED = ValidatorSet(3, KEYS, [1, 2, 4, 8, 16, 32, 64])
VOTE = b"one block of the hash at most"


def certificate(*numbers: int) -> Certificate:
    return Certificate(3, VOTE, tuple((number, SIGNERS[number].sign(VOTE).signature) for number in numbers))


def test_k_of_n_is_enough() -> None:
    assert check_certificate(EQUALS, certificate(0, 1, 2, 4, 6), 5) == 5
    assert check_certificate(WEIGHTED, certificate(5, 6), 85) == 96


@pytest.mark.parametrize(
    "members, broken, threshold, complaint",
    [
        (EQUALS, certificate(0, 1, 2, 3), 5, "weight: 4 of 7, 5 is needed"),
        (WEIGHTED, certificate(0, 1, 2, 3, 4, 5), 85, "weight: 63 of 127"),
        (EQUALS, certificate(0, 1, 1, 2, 3), 5, "validator 1 after 1"),
        (EQUALS, certificate(1, 0, 2, 3, 4), 5, "validator 0 after 1"),
        (EQUALS, replace(certificate(0, 1, 2, 3, 4), epoch=2), 5, "epoch: 2, the set is of 3"),
        (EQUALS, replace(certificate(0, 1, 2, 3, 4), message=b"other"), 5, "signature of validator 0: EQUATION"),
        (EQUALS, replace(certificate(0, 1, 2, 3, 4), message=bytes(48)), 5, "48 bytes"),
        (EQUALS, replace(certificate(0), signatures=((7, bytes(64)),)), 1, "validator 7, the set has 7"),
        (EQUALS, replace(certificate(0), signatures=((0, bytes(63)),)), 1, "63 bytes"),
        (EQUALS, replace(certificate(0), signatures=()), 1, "weight: 0"),
        (EQUALS, certificate(0), 0, "threshold: 0"),
        (EQUALS, certificate(0), 8, "threshold: 8"),
    ],
)
def test_a_certificate_that_proves_nothing(members: ValidatorSet, broken: Certificate, threshold: int, complaint: str) -> None:
    with pytest.raises(CertificateRefused, match=complaint):
        check_certificate(members, broken, threshold)


def test_one_wrong_signature_spoils_it_with_whatever_weight_beside() -> None:
    genuine = certificate(0, 1, 2, 3, 4, 5, 6)
    forged = replace(genuine, signatures=(*genuine.signatures[:6], (6, genuine.signatures[0][1])))
    with pytest.raises(CertificateRefused, match="validator 6: EQUATION"):
        check_certificate(EQUALS, forged, 5)


def test_the_verifier_is_the_callers() -> None:
    asked = []

    def refuse_all(items: Sequence[tuple[bytes, bytes, bytes]]) -> Sequence[Verdict]:
        asked.extend(items)
        return [Verdict.S_NOT_REDUCED] * len(items)

    with pytest.raises(CertificateRefused, match="S_NOT_REDUCED"):
        check_certificate(EQUALS, certificate(2, 5), 2, refuse_all)
    assert [key for key, _, _ in asked] == [KEYS[2], KEYS[5]]


@pytest.mark.parametrize(
    "epoch, keys, weights, complaint",
    [
        (-1, KEYS, None, "epoch: -1"),
        (EPOCH_MAX + 1, KEYS, None, "epoch"),
        (0, [], None, "0 validators"),
        (0, [KEYS[0]] * (VALIDATORS_MAX + 1), None, "65537 validators"),
        (0, KEYS, [1] * 6, "6 for 7 keys"),
        (0, KEYS, [1, 1, 0, 1, 1, 1, 1], r"weights\[2\]: 0"),
        (0, KEYS, [1, 1, 1, 1, 1, 1, WEIGHT_MAX + 1], r"weights\[6\]"),
        (0, KEYS, [1, 1, 1, 1, 1, 1, WEIGHT_MAX - 5], "overflow"),
        (0, [*KEYS[:6], KEYS[0]], None, "twice"),
    ],
)
def test_what_is_no_set_of_validators(epoch: int, keys: list[bytes], weights: list[int] | None, complaint: str) -> None:
    with pytest.raises(InvalidSet, match=complaint):
        ValidatorSet(epoch, keys, weights)


def test_a_key_of_mixed_order_enters_no_set() -> None:
    with pytest.raises(KeyRefused):
        ValidatorSet(0, [KEYS[0], bytes(32)])


def test_weights_may_fill_the_word_exactly() -> None:
    assert ValidatorSet(0, KEYS[:2], [1, WEIGHT_MAX - 1]).total_weight == WEIGHT_MAX


@given(st.lists(st.integers(0, 6), max_size=40))
def test_a_tally_does_not_depend_on_order_or_repetition(numbers: list[int]) -> None:
    tallies = [Tally(WEIGHTED), Tally(WEIGHTED)]
    for tally, order in zip(tallies, (numbers, sorted(numbers)), strict=True):
        for number in order:
            tally.add(number)
    distinct = sorted(set(numbers))
    for tally in tallies:
        assert (tally.count, tally.weight, tally.duplicates) == (
            len(distinct),
            sum(WEIGHTED.weights[number] for number in distinct),
            len(numbers) - len(distinct),
        )
        assert tally.reached(tally.weight) and not tally.reached(tally.weight + 1)


def test_a_first_vote_counts_and_a_second_does_not() -> None:
    tally = Tally(EQUALS)
    assert [tally.add(3), tally.add(3), tally.add(4)] == [True, False, True]
