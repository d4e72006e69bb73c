"""Counting votes, and quorum certificates that anybody can check: one message, and signatures of enough weight. Pure.

A tally's sums do not depend on the order of votes: a validator's first accepted vote for a ballot counts, any further one is a duplicate.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from quorate_node.crypto.verdict.fast import verify_fast
from quorate_node.crypto.verdict.rule import SIGNATURE_BYTES, Verdict
from quorate_node.crypto.verdict.validators import ValidatorSet

MESSAGE_BYTES_MAX = 47
"""R, A and the message are then one block of SHA-512 (64 + 47 + 1 + 16 = 128 bytes)."""

VerifyMany = Callable[[Sequence[tuple[bytes, bytes, bytes]]], Sequence[Verdict]]
"""(public key, message, signature) each; a verdict each, in the same order."""


class CertificateRefused(Exception):
    """A certificate that proves nothing: malformed, of another epoch, with a signature that is wrong, or of too little weight."""


class Tally:
    """The weight behind one ballot. Mutable; a validator is counted once."""

    __slots__ = ("_members", "_voted", "duplicates", "weight")

    def __init__(self, members: ValidatorSet) -> None:
        self._members = members
        self._voted = 0  # A bit for each validator.
        self.weight = 0
        self.duplicates = 0

    def add(self, validator: int) -> bool:
        """Count an accepted vote; False for one that was counted before. The number must be one of the set: verdicts have checked it."""
        assert 0 <= validator < len(self._members), f"validator {validator} is not one of {len(self._members)}"
        if self._voted >> validator & 1:
            self.duplicates += 1
            return False
        self._voted |= 1 << validator
        self.weight += self._members.weights[validator]
        return True

    @property
    def count(self) -> int:
        """Validators that have voted."""
        return self._voted.bit_count()

    def reached(self, threshold: int) -> bool:
        """Whether the weight is `threshold` or more."""
        return self.weight >= threshold


@dataclass(frozen=True, slots=True)
class Certificate:
    """`signatures`: (validator's number, 64 bytes), numbers strictly ascending: one certificate has one form, and no duplicates."""

    epoch: int
    message: bytes
    signatures: tuple[tuple[int, bytes], ...]


def verify_each(items: Sequence[tuple[bytes, bytes, bytes]]) -> Sequence[Verdict]:
    """Verdicts one by one, on this processor's one core: the default of `check_certificate`."""
    return [verify_fast(*item) for item in items]


def check_certificate(members: ValidatorSet, certificate: Certificate, threshold: int, verify_many: VerifyMany = verify_each) -> int:
    """The weight of its signatures. Raises `CertificateRefused`; one wrong signature spoils it, however much weight the others have: honest
    makers put in none, and a verdict must not depend on which are looked at.

    `threshold` is in weight, within 1 and the set's total. For "k of n" the weights are one each.
    """
    if not 1 <= threshold <= members.total_weight:
        raise CertificateRefused(f"threshold: {threshold} is not within 1 and the set's weight {members.total_weight}")
    _check_form(members, certificate)
    tally = Tally(members)
    for number, _ in certificate.signatures:
        tally.add(number)
    if not tally.reached(threshold):
        raise CertificateRefused(f"weight: {tally.weight} of {members.total_weight}, {threshold} is needed")
    verdicts = verify_many([(members.keys[number], certificate.message, signature) for number, signature in certificate.signatures])
    assert len(verdicts) == len(certificate.signatures), "a verdict for each signature"
    for (number, _), verdict in zip(certificate.signatures, verdicts, strict=True):
        if verdict is not Verdict.ACCEPTED:
            raise CertificateRefused(f"signature of validator {number}: {verdict.name}")
    return tally.weight


def _check_form(members: ValidatorSet, certificate: Certificate) -> None:
    if certificate.epoch != members.epoch:
        raise CertificateRefused(f"epoch: {certificate.epoch}, the set is of {members.epoch}: ask for the set of that epoch")
    if len(certificate.message) > MESSAGE_BYTES_MAX:
        raise CertificateRefused(f"message: {len(certificate.message)} bytes, a vote has {MESSAGE_BYTES_MAX} at most")
    before = -1
    for number, signature in certificate.signatures:
        if number <= before:
            raise CertificateRefused(f"signatures: validator {number} after {before}: numbers ascend, each once")
        if number >= len(members):
            raise CertificateRefused(f"signatures: validator {number}, the set has {len(members)}")
        if len(signature) != SIGNATURE_BYTES:
            raise CertificateRefused(f"signature of validator {number}: {len(signature)} bytes, not {SIGNATURE_BYTES}")
        before = number
