"""What became of a batch: a verdict a signature, a tally a ballot. The same bytes from every verifier."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from quorate_node.crypto.verdict.rule import Verdict
from quorate_node.crypto.verdict.validators import ValidatorSet
from quorate_node.gpu.records import TALLY, SignatureBatch, VoteBatch

PENDING = 255
"""A verdict that a device has not written. It never leaves a verifier."""
SLOW_BYTES = bytes((Verdict.R_NOT_ON_CURVE, Verdict.EQUATION))
"""Verdicts that only the full equation gives, so the slow path: what a peer that sends many of them is throttled for."""


class VerifierFault(Exception):
    """A verifier gave no verdict, or one that does not exist. Nothing of the batch may be believed."""


class BallotTally(NamedTuple):
    """`reached`: weight >= threshold, all votes accepted, no validator twice: the ballot's votes are a certificate."""

    weight: int
    votes: int
    accepted: int
    distinct: int
    reached: bool


@dataclass(frozen=True, slots=True)
class Outcome:
    """`verdicts`: a `Verdict` in each byte, in the batch's order. `tallies`: `records.TALLY` a ballot; empty where keys were unknown."""

    verdicts: bytes
    tallies: bytes = b""

    def verdict(self, number: int) -> Verdict:
        return Verdict(self.verdicts[number])

    @property
    def accepted(self) -> int:
        return self.verdicts.count(bytes((Verdict.ACCEPTED,)))

    def tally(self, ballot: int) -> BallotTally:
        weight, votes, accepted, distinct, reached = TALLY.unpack_from(self.tallies, ballot * TALLY.size)
        return BallotTally(weight, votes, accepted, distinct, bool(reached))

    def reasons(self) -> dict[Verdict, int]:
        """How many of each verdict: for metrics."""
        return {Verdict(code): number for code, number in sorted(Counter(self.verdicts).items())}


def checked(outcome: Outcome, count: int) -> Outcome:
    """The outcome, when it has a verdict for each signature. Raises `VerifierFault`."""
    if len(outcome.verdicts) != count:
        raise VerifierFault(f"{len(outcome.verdicts)} verdicts for {count} signatures")
    strange = sorted(code for code in set(outcome.verdicts) if code > max(Verdict))
    if strange:
        raise VerifierFault(f"verdicts {strange} do not exist")
    return outcome


class Verifier(Protocol):
    """Whoever verifies batches at once, in the caller's thread. Implementations: the host library, and the rule in Python."""

    @property
    def name(self) -> str:
        """For logs and metrics."""
        ...

    def admit(self, members: ValidatorSet) -> None:
        """Make what this set's votes need (tables); the newest sets are kept."""
        ...

    def verify_votes(self, members: ValidatorSet, batch: VoteBatch) -> Outcome:
        """Verdicts and tallies of votes of an admitted set."""
        ...

    def verify_signatures(self, batch: SignatureBatch) -> Outcome:
        """Verdicts of signatures whose keys nobody has seen."""
        ...
