"""Who outside of the group may act on it: the extensions external_senders and external_pub (RFC 9420 12.1.8.1, 12.4.3.2). Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from quorate_node.crypto.mls.codec import Reader, Writer
from quorate_node.crypto.mls.credential import Credential, read_credential


@dataclass(frozen=True, slots=True)
class ExternalSender:
    """One who may send proposals without being a member; its place in the list is its sender index."""

    signature_key: bytes
    credential: Credential

    def write(self, writer: Writer) -> None:
        writer.vector(self.signature_key)
        self.credential.write(writer)

    @classmethod
    def read(cls, reader: Reader) -> Self:
        return cls(reader.vector(), read_credential(reader))


@dataclass(frozen=True, slots=True)
class ExternalSenders:
    """The extension of a GroupContext: `external_senders<V>`."""

    senders: tuple[ExternalSender, ...]

    def write(self, writer: Writer) -> None:
        writer.items(self.senders)

    @classmethod
    def read(cls, reader: Reader) -> Self:
        return cls(reader.items(ExternalSender.read))


@dataclass(frozen=True, slots=True)
class ExternalPub:
    """The extension of a GroupInfo: the public key to which somebody outside encapsulates its external commit's init secret."""

    external_pub: bytes

    def write(self, writer: Writer) -> None:
        writer.vector(self.external_pub)

    @classmethod
    def read(cls, reader: Reader) -> Self:
        return cls(reader.vector())
