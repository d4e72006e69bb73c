"""Honest votes for benchmarks: a few thousand distinct signatures, repeated to any number (a device remembers none)."""

from __future__ import annotations

from nacl.signing import SigningKey

from quorate_node.crypto.verdict.validators import ValidatorSet
from quorate_node.gpu.records import SignatureBatch, VoteBatch

DISTINCT = 4096


def members_of(validators: int, epoch: int = 1) -> tuple[ValidatorSet, list[SigningKey]]:
    """A set, and the keys that sign for it."""
    keys = [SigningKey(number.to_bytes(32, "little")) for number in range(1, validators + 1)]
    return ValidatorSet(epoch, [bytes(key.verify_key) for key in keys]), keys


def fill(batch: VoteBatch, keys: list[SigningKey], count: int) -> VoteBatch:
    """`count` right votes: ballots of 41 bytes, as many votes each as there are validators."""
    distinct = min(count, DISTINCT)
    begun = batch.count
    message = b""
    for number in range(distinct):
        validator = number % len(keys)
        if validator == 0:
            message = (b"vote %d " % number).ljust(41, b".")
            ballot = batch.ballot(message, len(keys))
        batch.vote(validator, ballot, keys[validator].sign(message).signature)
    records = bytes(batch.vote_bytes[begun * 72 :])
    left = count - distinct
    while left > 0:
        part = records[: 72 * min(left, distinct)]
        batch.votes(part)
        left -= len(part) // 72
    return batch


def signatures(keys: list[SigningKey], count: int) -> SignatureBatch:
    """As many right signatures of 41 bytes, as if nobody knew the keys."""
    batch = SignatureBatch()
    made = []
    for number in range(min(count, DISTINCT)):
        key, message = keys[number % len(keys)], (b"vote %d " % number).ljust(41, b".")
        made.append((bytes(key.verify_key), message, key.sign(message).signature))
    for number in range(count):
        batch.append(*made[number % len(made)])
    return batch
