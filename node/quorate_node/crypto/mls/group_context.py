"""What the members of a group agree on in one epoch (section 8.1): every signature, key and tag of the epoch is bound to it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from quorate_node.crypto.mls.codec import Reader, Writer
from quorate_node.crypto.mls.errors import UnsupportedError
from quorate_node.crypto.mls.extension import Extension, find_extension

MLS10 = 1
"""The protocol version of RFC 9420."""

EPOCH_MAX = 2**64 - 1


def read_version(reader: Reader) -> int:
    """A protocol version. Raises `UnsupportedError` for any but `MLS10`: what follows it has another shape."""
    version = reader.uint16()
    if version != MLS10:
        raise UnsupportedError(f"protocol version {version}: {MLS10} is supported")
    return version


@dataclass(frozen=True, slots=True)
class GroupContext:
    """One epoch of one group. Both hashes have the suite's `hash_bytes`; in epoch 0 the transcript's is empty."""

    cipher_suite: int
    group_id: bytes
    epoch: int
    tree_hash: bytes
    confirmed_transcript_hash: bytes
    extensions: tuple[Extension, ...] = ()

    def write(self, writer: Writer) -> None:
        writer.uint16(MLS10)
        writer.uint16(self.cipher_suite)
        writer.vector(self.group_id)
        writer.uint64(self.epoch)
        writer.vector(self.tree_hash)
        writer.vector(self.confirmed_transcript_hash)
        writer.items(self.extensions)

    @classmethod
    def read(cls, reader: Reader) -> Self:
        read_version(reader)
        return cls(reader.uint16(), reader.vector(), reader.uint64(), reader.vector(), reader.vector(), reader.items(Extension.read))

    def extension(self, extension_type: int) -> bytes | None:
        """The data of the extension of that type; None when there is none."""
        return find_extension(self.extensions, extension_type)
