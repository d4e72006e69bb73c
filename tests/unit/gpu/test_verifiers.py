"""The host library and the rule in Python answer alike about whole batches: verdicts, tallies, and what is not in the set."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from random import Random

import pytest
from nacl.signing import SigningKey

from quorate_node.crypto.verdict.rule import Verdict
from quorate_node.crypto.verdict.validators import ValidatorSet
from quorate_node.gpu import host
from quorate_node.gpu.exact import ExactVerifier
from quorate_node.gpu.outcome import BallotTally, Verifier
from quorate_node.gpu.records import SignatureBatch, VoteBatch
from tests.conformance.ed25519 import fuzz, paths

SIGNERS = [SigningKey(bytes([number]) * 32) for number in range(4)]
MEMBERS = ValidatorSet(1, [bytes(signer.verify_key) for signer in SIGNERS], [1, 2, 4, 8])


@pytest.fixture(params=["python", "5x51", "8x32"])
def verifier(request: pytest.FixtureRequest) -> Verifier:
    if request.param == "python":
        return ExactVerifier()
    return paths.verifier(8, request.param == "8x32")


def ballot_of(batch: VoteBatch, message: bytes, threshold: int, *voters: int) -> int:
    ballot = batch.ballot(message, threshold)
    for voter in voters:
        batch.vote(voter, ballot, SIGNERS[voter % 4].sign(message).signature)
    return ballot


def test_weights_are_counted_once_a_validator(verifier: Verifier) -> None:
    batch = VoteBatch(1, 64)
    enough = ballot_of(batch, b"enough", 12, 2, 3)
    short = ballot_of(batch, b"short", 12, 0, 1, 3)
    doubled = ballot_of(batch, b"doubled", 1, 3, 3)
    strange = ballot_of(batch, b"strange", 1, 0, 4)
    nobody = batch.ballot(b"nobody", 1)
    batch.vote(0, 99, bytes(64))
    outcome = verifier.verify_votes(MEMBERS, batch)
    assert outcome.tally(enough) == BallotTally(12, 2, 2, 2, True)
    assert outcome.tally(short) == BallotTally(11, 3, 3, 3, False)
    assert outcome.tally(doubled) == BallotTally(8, 2, 2, 1, False)
    assert outcome.tally(strange) == BallotTally(1, 2, 1, 1, False)
    assert outcome.tally(nobody) == BallotTally(0, 0, 0, 0, False)
    assert outcome.reasons() == {Verdict.ACCEPTED: 8, Verdict.MALFORMED: 1, Verdict.UNKNOWN_VALIDATOR: 1}


def test_empty_batches_have_empty_outcomes(verifier: Verifier) -> None:
    assert verifier.verify_votes(MEMBERS, VoteBatch(1, 1)).verdicts == b""
    assert verifier.verify_signatures(SignatureBatch()).verdicts == b""


def test_a_drawn_batch_is_judged_as_the_rule_does(verifier: Verifier) -> None:
    members, batch, expected = fuzz.votes(Random(3), validators=5, count=200)
    outcome = verifier.verify_votes(members, batch)
    assert [outcome.verdict(number) is Verdict.ACCEPTED for number in range(200)] == expected
    assert outcome == ExactVerifier().verify_votes(members, batch)


def test_a_set_that_is_too_large_for_tables_is_verified_without(monkeypatch: pytest.MonkeyPatch) -> None:
    members, batch, _ = fuzz.votes(Random(4), validators=5, count=150)
    with_tables = paths.verifier().verify_votes(members, batch)
    monkeypatch.setattr(host, "TABLE_BYTES_MAX", 1000)
    assert host.HostVerifier(paths.verifier()._library).verify_votes(members, batch) == with_tables


def test_tables_of_old_sets_are_let_go() -> None:
    held = host.HostVerifier(paths.verifier()._library)
    for epoch in range(5):
        held.admit(ValidatorSet(epoch, MEMBERS.keys))
    assert len(held._sets) == host.SETS_KEPT


def test_threads_verify_at_once_and_do_not_disturb_each_other() -> None:
    held = paths.verifier()
    drawn = [fuzz.votes(Random(number), validators=3, count=300) for number in range(4)]
    alone = [held.verify_votes(members, batch) for members, batch, _ in drawn]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(lambda one: held.verify_votes(one[0], one[1]), drawn * 3))
    assert together == alone * 3
