"""What a device is asked before anybody believes it, and every few minutes after: votes of every kind, with the rule's verdicts."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha512
from random import Random
from typing import Final

from quorate_node.crypto.verdict import curve
from quorate_node.crypto.verdict.curve import BASE, L, P, add, encode, multiply
from quorate_node.crypto.verdict.rule import SMALL_ORDER_Y
from quorate_node.crypto.verdict.validators import ValidatorSet
from quorate_node.gpu.exact import ExactVerifier
from quorate_node.gpu.outcome import Outcome
from quorate_node.gpu.records import VOTE, VoteBatch

VALIDATORS: Final = 3
SIZES: Final = (48, 160)
"""Votes of the two batches: one for the small-batch kernel, one for the others."""

HONEST: Final = 24


@dataclass(frozen=True)
class Examination:
    """A set, batches of its votes, and what the rule says of each."""

    members: ValidatorSet
    batches: tuple[VoteBatch, ...]
    expected: tuple[Outcome, ...]
    honest: VoteBatch
    """Right votes alone, none of which takes the slow path: what rates are measured with."""


def repeated(batch: VoteBatch, size: int) -> VoteBatch:
    """A batch of the same ballots, with its votes over and over."""
    more = VoteBatch(batch.epoch, max(size, batch.ballots))
    for ballot in range(batch.ballots):
        more.ballot(batch.message(ballot), batch.thresholds[ballot])
    while more.count < size:
        more.votes(batch.vote_bytes[: (size - more.count) * VOTE.size])
    return more


def examination(epoch: int = 2**64 - 1) -> Examination:
    """The same one each time: half a second of a core for the rule's verdicts."""
    random = Random(6)
    secrets = [random.randrange(1, L) for _ in range(VALIDATORS)]
    members = ValidatorSet(epoch, [encode(multiply(secret, BASE)) for secret in secrets], [1, 2, 4])
    batches = tuple(_batch(random, members, secrets, size) for size in SIZES)
    exact = ExactVerifier()
    honest = VoteBatch(epoch, HONEST)
    for number in range(HONEST):
        message = number.to_bytes(41, "little")
        signature = _signed(random, secrets[number % VALIDATORS], members.keys[number % VALIDATORS], message, torsion=False)
        honest.vote(number % VALIDATORS, honest.ballot(message, 1), signature)
    return Examination(members, batches, tuple(exact.verify_votes(members, batch) for batch in batches), honest)


def _batch(random: Random, members: ValidatorSet, secrets: list[int], size: int) -> VoteBatch:
    batch = VoteBatch(members.epoch, size)
    messages = [random.randbytes(length) for length in (0, 41, 47)]
    for threshold, message in enumerate(messages, 1):
        batch.ballot(message, threshold)
    for number in range(size):
        validator, ballot = number % VALIDATORS, number // VALIDATORS % len(messages)
        kind = number % 8
        signature = _signed(random, secrets[validator], members.keys[validator], messages[ballot], torsion=kind == 1)
        s = int.from_bytes(signature[32:], "little")
        if kind == 2:
            bit = random.randrange(512)
            signature = bytes(byte ^ (1 << (bit & 7) if place == bit >> 3 else 0) for place, byte in enumerate(signature))
        elif kind == 3:
            signature = signature[:32] + (s + L).to_bytes(32, "little")
        elif kind == 4:
            signature = sorted(SMALL_ORDER_Y)[number // 8 % len(SMALL_ORDER_Y)].to_bytes(32, "little") + signature[32:]
        elif kind == 5:
            signature = (P + number % 19).to_bytes(32, "little") + signature[32:]
        batch.vote(validator if kind != 6 else VALIDATORS + number, ballot, signature)
    return batch


def _signed(random: Random, secret: int, public_key: bytes, message: bytes, *, torsion: bool) -> bytes:
    nonce = random.randrange(1, L)
    point = multiply(nonce, BASE)
    if torsion:
        # The point of order two: (0, -1).
        point = add(point, (0, P - 1, 1, 0))
    commitment = curve.encode(point)
    k = int.from_bytes(sha512(commitment + public_key + message).digest(), "little") % L
    return commitment + ((nonce + k * secret) % L).to_bytes(32, "little")
