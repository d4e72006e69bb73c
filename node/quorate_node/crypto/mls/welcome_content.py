"""What new members are sent: sealed secrets for each, and the sealed GroupInfo for all (RFC 9420 section 12.4.3.1). Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Self

from quorate_node.crypto.mls.codec import Reader, Writer
from quorate_node.crypto.mls.labels import HpkeCiphertext
from quorate_node.crypto.mls.psk import PreSharedKeyId


@dataclass(frozen=True, slots=True)
class GroupSecrets:
    """What one new member opens. `path_secret`: that of the lowest node above both it and the committer, None without a path."""

    joiner_secret: bytes = field(repr=False)
    path_secret: bytes | None = field(repr=False)
    psks: tuple[PreSharedKeyId, ...]

    def write(self, writer: Writer) -> None:
        writer.vector(self.joiner_secret)
        writer.uint8(self.path_secret is not None)
        if self.path_secret is not None:
            writer.vector(self.path_secret)
        writer.items(self.psks)

    @classmethod
    def read(cls, reader: Reader) -> Self:
        return cls(reader.vector(), reader.optional(Reader.vector), reader.items(PreSharedKeyId.read))


@dataclass(frozen=True, slots=True)
class EncryptedGroupSecrets:
    """`new_member`: the KeyPackageRef of the one who can open it."""

    new_member: bytes
    encrypted_group_secrets: HpkeCiphertext

    def write(self, writer: Writer) -> None:
        writer.vector(self.new_member)
        self.encrypted_group_secrets.write(writer)

    @classmethod
    def read(cls, reader: Reader) -> Self:
        return cls(reader.vector(), HpkeCiphertext.read(reader))


@dataclass(frozen=True, slots=True)
class Welcome:
    """`encrypted_group_info` opens with a key that follows from the joiner secret and the PSKs."""

    cipher_suite: int
    secrets: tuple[EncryptedGroupSecrets, ...]
    encrypted_group_info: bytes

    def write(self, writer: Writer) -> None:
        writer.uint16(self.cipher_suite)
        writer.items(self.secrets)
        writer.vector(self.encrypted_group_info)

    @classmethod
    def read(cls, reader: Reader) -> Self:
        return cls(reader.uint16(), reader.items(EncryptedGroupSecrets.read), reader.vector())

    def secrets_for(self, reference: bytes) -> HpkeCiphertext | None:
        """What is sealed to the key package of this reference, None when there is nothing."""
        return next((found.encrypted_group_secrets for found in self.secrets if found.new_member == reference), None)
