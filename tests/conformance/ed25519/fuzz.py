"""Differential fuzz: generic = fixed = batched = slow path, on both fields, and the rule in integers on a part.

    python -m tests.conformance.ed25519.fuzz --cases 10000000 --state FILE

Everything follows from the seed. What is known by construction (honest, or broken in a way that no rule forgives) is checked as well.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from hashlib import sha512
from pathlib import Path
from random import Random

from nacl import bindings as sodium

from quorate_node.crypto.verdict.curve import L, P, encode
from quorate_node.crypto.verdict.rule import Verdict, verify
from quorate_node.crypto.verdict.validators import ValidatorSet
from quorate_node.gpu.exact import vote_verdict
from quorate_node.gpu.records import SignatureBatch, VoteBatch
from tests.conformance.ed25519 import paths
from tests.conformance.ed25519.forging import NON_CANONICAL_SMALL_ORDER, SMALL_ORDER_ENCODINGS, TORSION

TORSION_ENCODED = tuple(encode(point) for point in TORSION)


@dataclass
class Judged:
    """What a run has seen."""

    cases: int = 0
    accepted: int = 0
    refused: int = 0
    exact: int = 0
    verdicts: dict[str, int] = field(default_factory=dict)


class Key:
    """A validator whose group arithmetic is libsodium's: 20,000 signatures a second, with any R."""

    def __init__(self, random: Random) -> None:
        self.secret = random.randrange(1, L).to_bytes(32, "little")
        self.public_key = sodium.crypto_scalarmult_ed25519_base_noclamp(self.secret)

    def sign(self, random: Random, message: bytes, torsion: int = 0) -> bytes:
        nonce = random.randrange(1, L).to_bytes(32, "little")
        commitment = sodium.crypto_scalarmult_ed25519_base_noclamp(nonce)
        if torsion:
            commitment = sodium.crypto_core_ed25519_add(commitment, TORSION_ENCODED[torsion])
        digest = sha512(commitment + self.public_key + message).digest()
        k = sodium.crypto_core_ed25519_scalar_reduce(digest)
        return commitment + sodium.crypto_core_ed25519_scalar_add(nonce, sodium.crypto_core_ed25519_scalar_mul(k, self.secret))


Broken = tuple[bytes, bool]


def _honest(random: Random, key: Key, message: bytes) -> Broken:
    return key.sign(random, message), True


def _torsion(random: Random, key: Key, message: bytes) -> Broken:
    return key.sign(random, message, random.randrange(1, 8)), True


def _bits(random: Random, key: Key, message: bytes) -> Broken:
    signature = bytearray(key.sign(random, message))
    for bit in random.sample(range(512), random.choice((1, 1, 2, 8))):
        signature[bit >> 3] ^= 1 << (bit & 7)
    return bytes(signature), False


def _other_message(random: Random, key: Key, message: bytes) -> Broken:
    return key.sign(random, message + b"x"), False


def _s_and_order(random: Random, key: Key, message: bytes) -> Broken:
    signature = key.sign(random, message)
    s = int.from_bytes(signature[32:], "little") + random.randrange(1, 15) * L
    return signature[:32] + s.to_bytes(32, "little"), False


def _small_order(random: Random, key: Key, message: bytes) -> Broken:
    """S = k a: right for R = O, and with the factor 8 for all of them; the rule refuses them all the same."""
    commitment = random.choice(SMALL_ORDER_ENCODINGS + NON_CANONICAL_SMALL_ORDER)
    k = sodium.crypto_core_ed25519_scalar_reduce(sha512(commitment + key.public_key + message).digest())
    return commitment + sodium.crypto_core_ed25519_scalar_mul(k, key.secret), False


def _noise(random: Random, key: Key, message: bytes) -> Broken:
    s = random.choice((0, 1, L - 1, L, random.randrange(L), random.getrandbits(256)))
    y = random.choice((P, P + 18, 2**255 - 1, 2, 3, random.getrandbits(255)))
    return (y | random.getrandbits(1) << 255).to_bytes(32, "little") + s.to_bytes(32, "little"), False


MUTATIONS: tuple[tuple[int, Callable[[Random, Key, bytes], Broken]], ...] = (
    (8, _honest),
    (4, _torsion),
    (4, _bits),
    (2, _other_message),
    (2, _s_and_order),
    (1, _small_order),
    (2, _noise),
)
_WEIGHTED = [mutation for weight, mutation in MUTATIONS for _ in range(weight)]


def votes(random: Random, validators: int, count: int) -> tuple[ValidatorSet, VoteBatch, list[bool]]:
    """A set, its votes (validators and ballots that are not there among them), and which must be accepted."""
    keys = [Key(random) for _ in range(validators)]
    members = ValidatorSet(random.getrandbits(32), [key.public_key for key in keys], [random.randrange(1, 1000) for _ in keys])
    batch = VoteBatch(members.epoch, count)
    expected = []
    ballots = [random.randbytes(random.randrange(48)) for _ in range(max(1, count // 16))]
    for message in ballots:
        batch.ballot(message, random.randrange(1, members.total_weight + 1))
    for _ in range(count):
        validator, ballot = random.randrange(validators), random.randrange(len(ballots))
        signature, accepted = random.choice(_WEIGHTED)(random, keys[validator], ballots[ballot])
        strange = random.randrange(64)
        if strange == 0:
            validator, accepted = random.choice((validators, 2**32 - 1)), False
        elif strange == 1:
            ballot, accepted = random.choice((len(ballots), 2**32 - 1)), False
        batch.vote(validator, ballot, signature)
        expected.append(accepted)
    return members, batch, expected


def _unknown(members: ValidatorSet, batch: VoteBatch) -> tuple[SignatureBatch, list[int]]:
    unknown, places = SignatureBatch(), []
    for number in range(batch.count):
        signature, validator, ballot = batch.record(number)
        if validator < len(members) and ballot < batch.ballots:
            unknown.append(members.keys[validator], batch.message(ballot), signature)
            places.append(number)
    return unknown, places


def judge_batch(random: Random, count: int, exact_one_in: int, judged: Judged) -> None:
    """One batch by all ways. Raises AssertionError, with the number of the signature."""
    members, batch, expected = votes(random, random.randrange(1, 9), count)
    outcome = paths.vote_outcome(members, batch)
    unknown, places = _unknown(members, batch)
    for number, code in zip(places, paths.signature_verdicts(unknown), strict=True):
        assert outcome.verdicts[number] == code, f"fixed and generic differ about signature {number}"
    for number, accepted in enumerate(expected):
        assert (outcome.verdicts[number] == Verdict.ACCEPTED) is accepted, f"signature {number}: {outcome.verdict(number).name}"
    for number in range(0, count, exact_one_in):
        signature, validator, ballot = batch.record(number)
        known = validator < len(members) and ballot < batch.ballots
        exact = verify(members.keys[validator], batch.message(ballot), signature) if known else vote_verdict(members, batch, number)
        assert outcome.verdicts[number] == exact, f"the rule says {exact.name} of signature {number}, not {outcome.verdict(number).name}"
        judged.exact += 1
    judged.cases += count
    judged.accepted += outcome.accepted
    judged.refused += count - outcome.accepted
    for verdict, number in outcome.reasons().items():
        judged.verdicts[verdict.name] = judged.verdicts.get(verdict.name, 0) + number


def run(seed: int, cases: int, per_batch: int, exact_one_in: int, judged: Judged | None = None, state: Path | None = None) -> Judged:
    """`cases` signatures, or what is left of them after those that `judged` counts already."""
    seen = judged or Judged()
    while seen.cases < cases:
        first = seen.cases
        try:
            judge_batch(Random(f"{seed}.{first}"), min(per_batch, cases - first), exact_one_in, seen)
        except AssertionError as error:
            raise AssertionError(f"seed {seed}, batch at {first} of {per_batch}: {error}") from error
        if state is not None:
            state.write_text(json.dumps(asdict(seen)))
    return seen


def main() -> int:
    parser = argparse.ArgumentParser(description="All ways to a verdict against each other")
    parser.add_argument("--cases", type=int, default=10_000_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--state", type=Path, help="goes on where it was ended")
    arguments = parser.parse_args()
    judged = None
    if arguments.state and arguments.state.exists():
        judged = Judged(**json.loads(arguments.state.read_text()))
    begun = time.monotonic()
    seen = run(arguments.seed, arguments.cases, 4096, 1024, judged, arguments.state)
    print(json.dumps({**asdict(seen), "seconds": round(time.monotonic() - begun, 1)}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
