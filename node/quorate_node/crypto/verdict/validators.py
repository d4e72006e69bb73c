"""A set of validators of one epoch: their keys by number, and their weights. Pure, immutable.

Votes name a validator by its number in the set, so a key is decoded, and its tables are made, once an epoch and not once a vote.
"""

from __future__ import annotations

from collections.abc import Sequence

from quorate_node.crypto.verdict.registration import check_key

VALIDATORS_MAX = 65_536
WEIGHT_MAX = 2**63 - 1
"""Of all weights together: a sum of any part of them fits an unsigned 64-bit word of any machine, GPUs included."""
EPOCH_MAX = 2**64 - 1


class InvalidSet(Exception):
    """Keys or weights that make no set of validators."""


class ValidatorSet:
    """`keys[number]` is a 32-byte public key, `weights[number]` a positive integer. Raises `InvalidSet`, and `KeyRefused` for a key."""

    __slots__ = ("epoch", "keys", "total_weight", "weights")

    def __init__(self, epoch: int, keys: Sequence[bytes], weights: Sequence[int] | None = None) -> None:
        """`weights` None: one each. Keys are checked for prime order here (2 ms each); their proofs of possession by whoever registers."""
        chosen = tuple(weights) if weights is not None else (1,) * len(keys)
        if not 0 <= epoch <= EPOCH_MAX:
            raise InvalidSet(f"epoch: {epoch} is not within 0 and {EPOCH_MAX}")
        if not 1 <= len(keys) <= VALIDATORS_MAX:
            raise InvalidSet(f"keys: {len(keys)} validators, a set has 1 to {VALIDATORS_MAX}")
        if len(chosen) != len(keys):
            raise InvalidSet(f"weights: {len(chosen)} for {len(keys)} keys: give one for each, or none")
        for number, weight in enumerate(chosen):
            if not 1 <= weight <= WEIGHT_MAX:
                raise InvalidSet(f"weights[{number}]: {weight} is not within 1 and {WEIGHT_MAX}")
        if sum(chosen) > WEIGHT_MAX:
            raise InvalidSet(f"weights: their sum {sum(chosen)} is over {WEIGHT_MAX} and would overflow: scale them down")
        if len(set(keys)) != len(keys):
            raise InvalidSet("keys: one is there twice: a validator has a key of its own")
        for key in keys:
            check_key(key)
        self.epoch = epoch
        self.keys = tuple(keys)
        self.weights = chosen
        self.total_weight = sum(chosen)

    def __len__(self) -> int:
        return len(self.keys)
