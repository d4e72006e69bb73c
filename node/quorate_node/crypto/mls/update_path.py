"""The path of a commit on the wire: new keys from the sender's leaf to the root (RFC 9420 section 7.6). Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from quorate_node.crypto.mls.codec import Reader, Writer
from quorate_node.crypto.mls.labels import HpkeCiphertext
from quorate_node.crypto.mls.leaf_node import LeafNode


@dataclass(frozen=True, slots=True)
class UpdatePathNode:
    """A parent's new public key, and its path secret sealed to each node of the resolution of the child off the path."""

    encryption_key: bytes
    encrypted_path_secret: tuple[HpkeCiphertext, ...]

    def write(self, writer: Writer) -> None:
        writer.vector(self.encryption_key)
        writer.items(self.encrypted_path_secret)

    @classmethod
    def read(cls, reader: Reader) -> Self:
        return cls(reader.vector(), reader.items(HpkeCiphertext.read))


@dataclass(frozen=True, slots=True)
class UpdatePath:
    """`nodes`: one for each node of the sender's filtered direct path, lowest first."""

    leaf_node: LeafNode
    nodes: tuple[UpdatePathNode, ...]

    def write(self, writer: Writer) -> None:
        self.leaf_node.write(writer)
        writer.items(self.nodes)

    @classmethod
    def read(cls, reader: Reader) -> Self:
        return cls(LeafNode.read(reader), reader.items(UpdatePathNode.read))
