"""Who a leaf belongs to (RFC 9420 section 5.3). What a credential proves is decided above: here it is only carried. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from quorate_node.crypto.mls.codec import Reader, Writer
from quorate_node.crypto.mls.errors import UnsupportedError

BASIC = 1
X509 = 2


@dataclass(frozen=True, slots=True)
class BasicCredential:
    """A bare identity, vouched for by nobody: `identity` is what the application makes of it."""

    credential_type: ClassVar[int] = BASIC
    identity: bytes

    def write(self, writer: Writer) -> None:
        writer.uint16(BASIC)
        writer.vector(self.identity)


@dataclass(frozen=True, slots=True)
class X509Credential:
    """A chain of DER certificates, the leaf's first; its key must be the leaf node's signature key, which the application checks."""

    credential_type: ClassVar[int] = X509
    certificates: tuple[bytes, ...]

    def write(self, writer: Writer) -> None:
        writer.uint16(X509)
        writer.sequence(self.certificates, Writer.vector)


Credential = BasicCredential | X509Credential


def read_credential(reader: Reader) -> Credential:
    """Raises `UnsupportedError` for a type that is not ours: its length is unknown, so nothing behind it could be read."""
    credential_type = reader.uint16()
    if credential_type == BASIC:
        return BasicCredential(reader.vector())
    if credential_type == X509:
        return X509Credential(reader.items(Reader.vector))
    raise UnsupportedError(f"a credential of type {credential_type}: basic ({BASIC}) and x509 ({X509}) are supported")
