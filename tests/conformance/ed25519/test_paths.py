"""One verdict everywhere: whatever way a signature takes, on whatever field, the verdict is the rule's, its reason included."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from random import Random

import pytest

from quorate_node.crypto.verdict.registration import KeyRefused
from quorate_node.crypto.verdict.rule import Verdict, verify
from quorate_node.crypto.verdict.validators import ValidatorSet
from quorate_node.gpu.exact import ExactVerifier
from quorate_node.gpu.jobs import WIDTHS
from quorate_node.gpu.records import MESSAGE_BYTES_MAX, VoteBatch
from tests.conformance.ed25519 import cases, forging, fuzz, paths, rfc8032
from tests.conformance.ed25519.cases import Case


def judge(family: Sequence[Case]) -> None:
    verdicts = paths.signature_verdicts(paths.signature_batch(family))
    for case, code in zip(family, verdicts, strict=True):
        verdict = Verdict(code)
        if case.accepted is not None:
            assert (verdict is Verdict.ACCEPTED) is case.accepted, f"{case.name}: {verdict.name}"
    # All that is refused for a reason of its own is in `test_rule`; here the reason is compared on every third.
    for case, code in list(zip(family, verdicts, strict=True))[::3]:
        assert verify(case.public_key, case.message, case.signature) == code, case.name


@pytest.mark.parametrize("path", cases.vector_files())
def test_every_file_of_vectors(path: Path) -> None:
    judge(cases.read(path))


def test_rfc_8032() -> None:
    judge(rfc8032.CASES)


@pytest.mark.parametrize("family", forging.FAMILIES, ids=lambda family: family.__name__)
def test_forged(family: Callable[[Random], Iterator[Case]]) -> None:
    judge(list(family(Random(8032))))


def admitted(family: Sequence[Case]) -> tuple[ValidatorSet, list[tuple[int, Case]]]:
    """The cases whose key a set may have and whose message a vote may have, and that set: the forgeries of honest validators."""
    numbers: dict[bytes, int] = {}
    kept = []
    for case in family:
        if len(case.message) > MESSAGE_BYTES_MAX or len(case.signature) != 64:
            continue
        if case.public_key not in numbers:
            try:
                ValidatorSet(0, [case.public_key])
            except KeyRefused:
                continue
            numbers[case.public_key] = len(numbers)
        kept.append((numbers[case.public_key], case))
    return ValidatorSet(0, list(numbers)), kept


FIXED = [
    forging.torsion_shifted,
    forging.not_reduced,
    forging.small_orders,
    forging.not_canonical,
    forging.off_the_curve,
    forging.message_lengths,
]


@pytest.mark.parametrize("family", FIXED, ids=lambda family: family.__name__)
def test_forged_votes_of_a_fixed_set(family: Callable[[Random], Iterator[Case]]) -> None:
    members, kept = admitted(list(family(Random(7))))
    batch = VoteBatch(0, len(kept))
    for number, case in kept:
        batch.vote(number, batch.ballot(case.message, 1), case.signature)
    outcome = paths.vote_outcome(members, batch)
    for position, (_, case) in enumerate(kept):
        assert (outcome.verdict(position) is Verdict.ACCEPTED) is case.accepted, f"{case.name}: {outcome.verdict(position).name}"
        assert outcome.tally(position).reached is case.accepted
    assert len(kept) >= 8


def test_every_width_of_tables_says_the_same() -> None:
    members, batch, expected = fuzz.votes(Random(12), validators=1, count=120)
    outcome = paths.vote_outcome(members, batch, WIDTHS)
    assert outcome == ExactVerifier().verify_votes(members, batch)
    assert [verdict is Verdict.ACCEPTED for verdict in map(outcome.verdict, range(batch.count))] == expected


def test_a_seeded_sample_of_the_long_fuzz() -> None:
    """`make soak-verdicts` runs as many as one likes; here the first few thousand of them."""
    judged = fuzz.run(seed=0, cases=4_000, per_batch=1_000, exact_one_in=80)
    assert judged.cases == 4_000
    assert judged.accepted > 1_000 and judged.refused > 1_000 and judged.exact >= 50
