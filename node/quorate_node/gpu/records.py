"""Batches as bytes: fixed-size records in one piece of memory, which sockets fill and devices read. No object is made for a vote.

The layouts are those of kernels/job.h. A batch owns plain memory, or memory that it is given (pinned, so that a device copies from it).
"""

from __future__ import annotations

from array import array
from struct import Struct
from typing import Final

from quorate_node.crypto.verdict.certificate import MESSAGE_BYTES_MAX
from quorate_node.crypto.verdict.rule import PUBLIC_KEY_BYTES, SIGNATURE_BYTES
from quorate_node.crypto.verdict.validators import WEIGHT_MAX

VOTE: Final = Struct("<64sII")
"""Signature (R, S), the validator's number, the ballot's number."""
BALLOT: Final = Struct("<47sB")
"""A message, and its length."""
TALLY: Final = Struct("<QIIII")
"""Weight, votes, accepted, distinct validators, reached."""
SIGNATURES_MAX: Final = 4_194_304
"""In one batch. Ten million votes at once are refused; whoever has as many sends several batches."""
TEXT_BYTES_MAX: Final = 1 << 30
NOBODY: Final = 2**32 - 1


class BatchRefused(Exception):
    """Something that does not fit a batch: field, value, limit and remedy are in the message."""


def _word(number: int) -> int:
    """The number, or one that neither a set nor a batch ever has: never a valid one by being cut."""
    return number if 0 <= number < NOBODY else NOBODY


class VoteBatch:
    """Votes of one validator set, and the ballots (messages) that they are for. Filled once, verified once."""

    __slots__ = ("_ballots", "_thresholds", "_votes", "capacity", "count", "epoch", "pinned_address")

    def __init__(self, epoch: int, capacity: int, memory: memoryview | None = None, pinned_address: int = 0) -> None:
        """`capacity`: votes, and ballots as well. `memory`: at least `capacity` records of `VOTE`; where a device may copy from it by
        itself, `pinned_address` is where it begins."""
        if not 1 <= capacity <= SIGNATURES_MAX:
            raise BatchRefused(f"capacity: {capacity} is not within 1 and {SIGNATURES_MAX}: send several batches")
        self.epoch = epoch
        self.capacity = capacity
        self.count = 0
        self.pinned_address = pinned_address
        self._votes = memoryview(bytearray(capacity * VOTE.size)) if memory is None else memory.cast("B")
        if len(self._votes) < capacity * VOTE.size:
            raise BatchRefused(f"memory: {len(self._votes)} bytes, {capacity} votes take {capacity * VOTE.size}")
        self._ballots = bytearray()
        self._thresholds = array("Q")

    def ballot(self, message: bytes, threshold: int) -> int:
        """Open a ballot; its number. `threshold`: the weight that makes it a certificate."""
        if len(message) > MESSAGE_BYTES_MAX:
            raise BatchRefused(f"message: {len(message)} bytes, a vote has {MESSAGE_BYTES_MAX} at most: sign a digest")
        if not 1 <= threshold <= WEIGHT_MAX:
            raise BatchRefused(f"threshold: {threshold} is not within 1 and {WEIGHT_MAX}")
        if self.ballots >= self.capacity:
            raise BatchRefused(f"ballots: the batch has room for {self.capacity}: begin another")
        self._ballots += BALLOT.pack(message, len(message))
        self._thresholds.append(threshold)
        return self.ballots - 1

    def vote(self, validator: int, ballot: int, signature: bytes) -> None:
        """Append one vote. Numbers that the set does not have get a verdict, not an error: they come from others."""
        if len(signature) != SIGNATURE_BYTES:
            raise BatchRefused(f"signature: {len(signature)} bytes, not {SIGNATURE_BYTES}")
        self._room(1)
        VOTE.pack_into(self._votes, self.count * VOTE.size, signature, _word(validator), _word(ballot))
        self.count += 1

    def votes(self, records: bytes | memoryview) -> None:
        """Append whole records as they came over the wire; their ballots' numbers are this batch's."""
        number, rest = divmod(len(records), VOTE.size)
        if rest:
            raise BatchRefused(f"records: {len(records)} bytes are not a multiple of {VOTE.size}")
        self._room(number)
        self._votes[self.count * VOTE.size : (self.count + number) * VOTE.size] = records
        self.count += number

    def _room(self, number: int) -> None:
        if self.count + number > self.capacity:
            raise BatchRefused(f"votes: {self.count + number}, the batch has room for {self.capacity}: begin another")

    @property
    def ballots(self) -> int:
        return len(self._thresholds)

    @property
    def vote_bytes(self) -> memoryview:
        """The records so far."""
        return self._votes[: self.count * VOTE.size]

    @property
    def ballot_bytes(self) -> bytearray:
        return self._ballots

    @property
    def thresholds(self) -> array[int]:
        return self._thresholds

    def record(self, number: int) -> tuple[bytes, int, int]:
        """(signature, validator, ballot) of one vote: for samples and errors, not for loops over all."""
        signature, validator, ballot = VOTE.unpack_from(self._votes, number * VOTE.size)
        return signature, validator, ballot

    def message(self, ballot: int) -> bytes:
        """What a ballot's votes sign."""
        text, length = BALLOT.unpack_from(self._ballots, ballot * BALLOT.size)
        return bytes(text[:length])


class SignatureBatch:
    """Signatures with a key and a message each: nobody has seen the keys before."""

    __slots__ = ("keys", "malformed", "offsets", "signatures", "text")

    def __init__(self) -> None:
        self.keys = bytearray()
        self.signatures = bytearray()
        self.offsets = array("I", [0])
        self.text = bytearray()
        self.malformed: list[int] = []
        """Numbers of those with a key or a signature of a wrong length; zeros stand in their place."""

    @property
    def count(self) -> int:
        return len(self.offsets) - 1

    def append(self, public_key: bytes, message: bytes, signature: bytes) -> None:
        """Add one. Wrong lengths get the verdict MALFORMED. Raises `BatchRefused` when the batch is full."""
        if self.count >= SIGNATURES_MAX:
            raise BatchRefused(f"signatures: the batch has room for {SIGNATURES_MAX}: send several batches")
        if len(self.text) + len(message) > TEXT_BYTES_MAX:
            raise BatchRefused(f"messages: over {TEXT_BYTES_MAX} bytes together: send several batches")
        if len(public_key) != PUBLIC_KEY_BYTES or len(signature) != SIGNATURE_BYTES:
            self.malformed.append(self.count)
            public_key, signature = bytes(PUBLIC_KEY_BYTES), bytes(SIGNATURE_BYTES)
        self.keys += public_key
        self.signatures += signature
        self.text += message
        self.offsets.append(len(self.text))

    def item(self, number: int) -> tuple[bytes, bytes, bytes]:
        """(public key, message, signature) of one."""
        text = bytes(self.text[self.offsets[number] : self.offsets[number + 1]])
        return bytes(self.keys[32 * number : 32 * number + 32]), text, bytes(self.signatures[64 * number : 64 * number + 64])
