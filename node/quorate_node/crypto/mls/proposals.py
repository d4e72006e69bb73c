"""What members propose (RFC 9420 section 12.1), each a wire structure. Whether it may be committed is decided elsewhere. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Self

from quorate_node.crypto.mls.codec import Reader, Writer
from quorate_node.crypto.mls.errors import UnsupportedError
from quorate_node.crypto.mls.extension import Extension
from quorate_node.crypto.mls.group_context import MLS10
from quorate_node.crypto.mls.key_package import KeyPackage
from quorate_node.crypto.mls.leaf_node import LeafNode
from quorate_node.crypto.mls.psk import PreSharedKeyId


@dataclass(frozen=True, slots=True)
class Add:
    """Take a client in by its key package (12.1.1)."""

    proposal_type: ClassVar[int] = 1
    key_package: KeyPackage

    def write(self, writer: Writer) -> None:
        self.key_package.write(writer)

    @classmethod
    def read(cls, reader: Reader) -> Self:
        return cls(KeyPackage.read(reader))


@dataclass(frozen=True, slots=True)
class Update:
    """Replace the sender's own leaf (12.1.2)."""

    proposal_type: ClassVar[int] = 2
    leaf_node: LeafNode

    def write(self, writer: Writer) -> None:
        self.leaf_node.write(writer)

    @classmethod
    def read(cls, reader: Reader) -> Self:
        return cls(LeafNode.read(reader))


@dataclass(frozen=True, slots=True)
class Remove:
    """Remove the member at leaf number `removed` (12.1.3)."""

    proposal_type: ClassVar[int] = 3
    removed: int

    def write(self, writer: Writer) -> None:
        writer.uint32(self.removed)

    @classmethod
    def read(cls, reader: Reader) -> Self:
        return cls(reader.uint32())


@dataclass(frozen=True, slots=True)
class PreSharedKey:
    """Mix a pre-shared key into the next epoch (12.1.4)."""

    proposal_type: ClassVar[int] = 4
    psk: PreSharedKeyId

    def write(self, writer: Writer) -> None:
        self.psk.write(writer)

    @classmethod
    def read(cls, reader: Reader) -> Self:
        return cls(PreSharedKeyId.read(reader))


@dataclass(frozen=True, slots=True)
class ReInit:
    """End this group and begin another one with these parameters (12.1.5)."""

    proposal_type: ClassVar[int] = 5
    group_id: bytes
    cipher_suite: int
    extensions: tuple[Extension, ...] = ()
    version: int = MLS10

    def write(self, writer: Writer) -> None:
        writer.vector(self.group_id)
        writer.uint16(self.version)
        writer.uint16(self.cipher_suite)
        writer.items(self.extensions)

    @classmethod
    def read(cls, reader: Reader) -> Self:
        group_id = reader.vector()
        version = reader.uint16()
        return cls(group_id, reader.uint16(), reader.items(Extension.read), version)


@dataclass(frozen=True, slots=True)
class ExternalInit:
    """In an external commit only: the encapsulated init secret of the joiner (12.1.6)."""

    proposal_type: ClassVar[int] = 6
    kem_output: bytes

    def write(self, writer: Writer) -> None:
        writer.vector(self.kem_output)

    @classmethod
    def read(cls, reader: Reader) -> Self:
        return cls(reader.vector())


@dataclass(frozen=True, slots=True)
class GroupContextExtensions:
    """Replace all extensions of the group context (12.1.7)."""

    proposal_type: ClassVar[int] = 7
    extensions: tuple[Extension, ...]

    def write(self, writer: Writer) -> None:
        writer.items(self.extensions)

    @classmethod
    def read(cls, reader: Reader) -> Self:
        return cls(reader.items(Extension.read))


Proposal = Add | Update | Remove | PreSharedKey | ReInit | ExternalInit | GroupContextExtensions
_KINDS: dict[int, type[Proposal]] = {
    kind.proposal_type: kind for kind in (Add, Update, Remove, PreSharedKey, ReInit, ExternalInit, GroupContextExtensions)
}


def write_proposal(writer: Writer, proposal: Proposal) -> None:
    """A proposal with its type in front."""
    writer.uint16(proposal.proposal_type)
    proposal.write(writer)


def read_proposal(reader: Reader) -> Proposal:
    """Raises `UnsupportedError` for a type that is not ours: its length is unknown, so nothing behind it could be read."""
    proposal_type = reader.uint16()
    kind = _KINDS.get(proposal_type)
    if kind is None:
        raise UnsupportedError(f"a proposal of type {proposal_type}: 1 to {max(_KINDS)} are supported")
    return kind.read(reader)
