"""Pre-shared keys (section 8.4): how they are named, and the one secret that all of a commit's give."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Self

from quorate_node.crypto.mls.codec import Reader, Writer, encode
from quorate_node.crypto.mls.entropy import Entropy, draw
from quorate_node.crypto.mls.errors import CodecError, ValidationError
from quorate_node.crypto.mls.labels import expand_with_label
from quorate_node.crypto.mls.secret import Octets
from quorate_node.crypto.mls.suites import Suite

PSKS_MAX = 2**16 - 1
"""The most that one commit can count (PSKLabel)."""

_EXTERNAL, _RESUMPTION = 1, 2


class ResumptionUsage(IntEnum):
    """What a past epoch's key is used for (section 8.4): `APPLICATION` in a PSK proposal, the others by a successor group's first epoch."""

    APPLICATION = 1
    REINIT = 2
    BRANCH = 3


@dataclass(frozen=True, slots=True)
class ExternalPsk:
    """A key that the application has spread; `psk_id` is its name there."""

    psk_id: bytes

    def write(self, writer: Writer) -> None:
        writer.uint8(_EXTERNAL)
        writer.vector(self.psk_id)


@dataclass(frozen=True, slots=True)
class ResumptionPsk:
    """The resumption secret of an epoch of a group."""

    usage: ResumptionUsage
    group_id: bytes
    epoch: int

    def write(self, writer: Writer) -> None:
        writer.uint8(_RESUMPTION)
        writer.uint8(self.usage)
        writer.vector(self.group_id)
        writer.uint64(self.epoch)


PskName = ExternalPsk | ResumptionPsk


def _read_name(reader: Reader) -> PskName:
    kind = reader.uint8()
    if kind == _EXTERNAL:
        return ExternalPsk(reader.vector())
    if kind != _RESUMPTION:
        raise CodecError(f"psktype is {kind}: {_EXTERNAL} (external) and {_RESUMPTION} (resumption) are allowed")
    usage = reader.uint8()
    if not ResumptionUsage.APPLICATION <= usage <= ResumptionUsage.BRANCH:
        raise CodecError(f"the usage of a resumption PSK is {usage}: 1 to 3 are allowed")
    return ResumptionPsk(ResumptionUsage(usage), reader.vector(), reader.uint64())


@dataclass(frozen=True, slots=True)
class PreSharedKeyId:
    """PreSharedKeyID: which key, and a nonce of the suite's `hash_bytes` that makes this use of it unlike all others."""

    name: PskName
    psk_nonce: bytes

    def write(self, writer: Writer) -> None:
        self.name.write(writer)
        writer.vector(self.psk_nonce)

    @classmethod
    def read(cls, reader: Reader) -> Self:
        return cls(_read_name(reader), reader.vector())

    @classmethod
    def fresh(cls, suite: Suite, name: PskName, entropy: Entropy) -> Self:
        """A use of the key with a nonce of its own."""
        return cls(name, draw(entropy, suite.hash_bytes))

    def check(self, suite: Suite) -> None:
        """Raises `ValidationError` for a nonce that is not of the suite's `hash_bytes` (section 12.1.4)."""
        if len(self.psk_nonce) != suite.hash_bytes:
            raise ValidationError(f"psk_nonce has {len(self.psk_nonce)} bytes: {suite.name} wants {suite.hash_bytes}")


@dataclass(frozen=True, slots=True)
class _PskLabel:
    """PSKLabel: the place of a key among those of its commit."""

    id: PreSharedKeyId
    index: int
    count: int

    def write(self, writer: Writer) -> None:
        self.id.write(writer)
        writer.uint16(self.index)
        writer.uint16(self.count)


def psk_secret(suite: Suite, psks: Sequence[tuple[PreSharedKeyId, Octets]]) -> bytes:
    """`psk_secret` (section 8.4) of keys in the order of their proposals; zeros without any. Raises `ValidationError` for too many."""
    if len(psks) > PSKS_MAX:
        raise ValidationError(f"{len(psks)} pre-shared keys in one commit: {PSKS_MAX} are the most")
    zero = bytes(suite.hash_bytes)
    secret = zero
    for index, (name, key) in enumerate(psks):
        context = encode(_PskLabel(name, index, len(psks)))
        derived = expand_with_label(suite, suite.extract(zero, key), "derived psk", context, suite.hash_bytes)
        secret = suite.extract(derived, secret)
    return secret
