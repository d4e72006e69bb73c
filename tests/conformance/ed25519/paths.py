"""All ways to a verdict that this machine has, side by side: the rule, the host library, and the device's code on the host."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import pytest

from quorate_node.crypto.verdict.validators import ValidatorSet
from quorate_node.gpu.host import HostVerifier
from quorate_node.gpu.jobs import WIDTHS
from quorate_node.gpu.library import NoLibrary, load
from quorate_node.gpu.outcome import Outcome
from quorate_node.gpu.records import SignatureBatch, VoteBatch
from tests.conformance.ed25519.cases import Case


class Disagreement(AssertionError):
    """Two ways give different verdicts about the same bytes."""


@cache
def verifier(bits: int = 8, device_field: bool = False) -> HostVerifier:
    """The library, compiled once a machine; the test is skipped, with the reason, where there is no compiler."""
    try:
        return HostVerifier(load(device_field=device_field), bits)
    except NoLibrary as error:
        pytest.skip(f"the numbers of the host library and the device's code are not checked here: {error}")


def signature_batch(cases: Sequence[Case]) -> SignatureBatch:
    batch = SignatureBatch()
    for case in cases:
        batch.append(case.public_key, case.message, case.signature)
    return batch


def signature_verdicts(batch: SignatureBatch) -> bytes:
    """What all ways for unknown keys say. Raises `Disagreement`."""
    return _one(
        {
            f"{way}, {field}": method(batch)
            for field, held in (("5 x 51", verifier()), ("8 x 32", verifier(device_field=True)))
            for way, method in (("batched", held.verify_signatures), ("full equation", held.verify_full))
        }
    ).verdicts


def vote_outcome(members: ValidatorSet, batch: VoteBatch, widths: Sequence[int] = WIDTHS[:1]) -> Outcome:
    """What all ways for a fixed set say. Raises `Disagreement`."""
    found = {}
    for bits in widths:
        for device_field in (False, True):
            held = verifier(bits, device_field)
            name = f"{bits} bits, {'8 x 32' if device_field else '5 x 51'}"
            found[f"fixed set, {name}"] = held.verify_votes(members, batch)
            if device_field:
                found[f"two warps a vote, {name}"] = held.verify_together(members, batch)
    return _one(found)


def _one(found: dict[str, Outcome]) -> Outcome:
    (first, outcome), *others = found.items()
    for name, other in others:
        if other != outcome:
            where = [number for number, pair in enumerate(zip(outcome.verdicts, other.verdicts, strict=True)) if pair[0] != pair[1]]
            raise Disagreement(
                f"{first} and {name} differ about {len(where)} signatures (tallies {other.tallies == outcome.tallies}): {where[:5]}"
            )
    return outcome
