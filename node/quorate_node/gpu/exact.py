"""A verifier without a compiler: libsodium's yes and the rule's no, one by one. Right on every machine; it waives the CPU numbers."""

from __future__ import annotations

from quorate_node.crypto.verdict.certificate import Tally
from quorate_node.crypto.verdict.fast import verify_fast
from quorate_node.crypto.verdict.rule import Verdict
from quorate_node.crypto.verdict.validators import ValidatorSet
from quorate_node.gpu.outcome import Outcome
from quorate_node.gpu.records import TALLY, SignatureBatch, VoteBatch


def vote_verdict(members: ValidatorSet, batch: VoteBatch, number: int) -> Verdict:
    """The verdict about one vote of a batch: what every sample is held against."""
    signature, validator, ballot = batch.record(number)
    if ballot >= batch.ballots:
        return Verdict.MALFORMED
    if validator >= len(members):
        return Verdict.UNKNOWN_VALIDATOR
    return verify_fast(members.keys[validator], batch.message(ballot), signature)


class ExactVerifier:
    """`Verifier` by the rule."""

    name = "python"

    def admit(self, members: ValidatorSet) -> None:
        """Nothing is made ahead."""

    def verify_votes(self, members: ValidatorSet, batch: VoteBatch) -> Outcome:
        verdicts = bytes(vote_verdict(members, batch, number) for number in range(batch.count))
        tallies = [Tally(members) for _ in range(batch.ballots)]
        votes, accepted = [0] * batch.ballots, [0] * batch.ballots
        for number, verdict in enumerate(verdicts):
            _, validator, ballot = batch.record(number)
            if ballot >= batch.ballots:
                continue
            votes[ballot] += 1
            if verdict == Verdict.ACCEPTED:
                accepted[ballot] += 1
                tallies[ballot].add(validator)
        packed = bytearray()
        for ballot, tally in enumerate(tallies):
            whole = votes[ballot] == accepted[ballot] == tally.count
            reached = whole and tally.reached(batch.thresholds[ballot])
            packed += TALLY.pack(tally.weight, votes[ballot], accepted[ballot], tally.count, reached)
        return Outcome(verdicts, bytes(packed))

    def verify_signatures(self, batch: SignatureBatch) -> Outcome:
        verdicts = bytearray(verify_fast(*batch.item(number)) for number in range(batch.count))
        for number in batch.malformed:
            verdicts[number] = Verdict.MALFORMED
        return Outcome(bytes(verdicts))
