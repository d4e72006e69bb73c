"""Batches as bytes: what goes in comes out, and what does not fit is refused with one exact error."""

from __future__ import annotations

import pytest

from quorate_node.crypto.verdict.rule import Verdict
from quorate_node.gpu.outcome import BallotTally, Outcome, VerifierFault, checked
from quorate_node.gpu.records import BALLOT, NOBODY, SIGNATURES_MAX, TALLY, VOTE, BatchRefused, SignatureBatch, VoteBatch

SIGNATURE = bytes(range(64))


def test_the_layouts_are_those_of_the_header() -> None:
    assert (VOTE.size, BALLOT.size, TALLY.size) == (72, 48, 24)


def test_a_vote_is_a_record() -> None:
    batch = VoteBatch(5, 3)
    ballot = batch.ballot(b"message", 9)
    batch.vote(7, ballot, SIGNATURE)
    assert batch.record(0) == (SIGNATURE, 7, 0)
    assert (batch.count, batch.ballots, batch.message(0), list(batch.thresholds)) == (1, 1, b"message", [9])
    assert bytes(batch.vote_bytes) == SIGNATURE + (7).to_bytes(4, "little") + bytes(4)


def test_a_number_that_does_not_fit_is_nobodys_and_never_anothers() -> None:
    batch = VoteBatch(5, 4)
    for strange in (2**32 + 1, -1, 2**32, 2**32 - 1):
        batch.vote(strange, strange, SIGNATURE)
    assert {batch.record(number)[1:] for number in range(4)} == {(NOBODY, NOBODY)}


def test_records_from_the_wire_are_taken_as_they_are() -> None:
    memory = bytearray(VOTE.size * 2)
    batch = VoteBatch(5, 2, memoryview(memory))
    batch.votes(VOTE.pack(SIGNATURE, 1, 0) + VOTE.pack(SIGNATURE, 2, 0))
    assert [batch.record(number)[1] for number in range(2)] == [1, 2]
    assert memory[64] == 1


def test_what_does_not_fit_a_vote_batch() -> None:
    for capacity in (0, SIGNATURES_MAX + 1, 10_000_000):
        with pytest.raises(BatchRefused, match=f"capacity: {capacity}"):
            VoteBatch(0, capacity)
    with pytest.raises(BatchRefused, match="memory: 71 bytes, 1 votes take 72"):
        VoteBatch(0, 1, memoryview(bytearray(71)))
    batch = VoteBatch(0, 1)
    with pytest.raises(BatchRefused, match="message: 48 bytes"):
        batch.ballot(bytes(48), 1)
    for threshold in (0, 2**63):
        with pytest.raises(BatchRefused, match="threshold"):
            batch.ballot(b"", threshold)
    with pytest.raises(BatchRefused, match="signature: 63 bytes"):
        batch.vote(0, 0, bytes(63))
    with pytest.raises(BatchRefused, match="multiple of 72"):
        batch.votes(bytes(73))
    with pytest.raises(BatchRefused, match="votes: 2, the batch has room for 1"):
        batch.votes(bytes(144))
    batch.ballot(b"", 1)
    with pytest.raises(BatchRefused, match="ballots"):
        batch.ballot(b"", 1)
    assert batch.count == 0


def test_a_signature_of_a_wrong_length_keeps_its_place() -> None:
    batch = SignatureBatch()
    batch.append(bytes(32), b"one", SIGNATURE)
    batch.append(bytes(31), b"two", SIGNATURE)
    batch.append(bytes(32), b"", bytes(65))
    assert batch.malformed == [1, 2]
    assert (batch.count, batch.item(0), batch.item(1)) == (3, (bytes(32), b"one", SIGNATURE), (bytes(32), b"two", bytes(64)))


def test_an_outcome_without_a_verdict_is_a_fault() -> None:
    for verdicts in (b"", b"\x00\xff", b"\x00\x0b"):
        with pytest.raises(VerifierFault):
            checked(Outcome(verdicts), 2)
    outcome = checked(Outcome(b"\x00\x0a", TALLY.pack(3, 2, 1, 1, 0)), 2)
    assert (outcome.accepted, outcome.verdict(1), outcome.tally(0)) == (1, Verdict.EQUATION, BallotTally(3, 2, 1, 1, False))
    assert outcome.reasons() == {Verdict.ACCEPTED: 1, Verdict.EQUATION: 1}
