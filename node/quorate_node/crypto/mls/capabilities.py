"""What a client can do, what a group asks for, and how long a key package is good (RFC 9420 sections 7.2 and 11.1). Pure.

Values that nobody knows, GREASE (section 13.5) among them, are carried along and mean nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from struct import Struct
from typing import Self

from quorate_node.crypto.mls.codec import Reader, Writer
from quorate_node.crypto.mls.errors import CodecError, UnsupportedError, ValidationError

DEFAULT_EXTENSIONS = frozenset(range(1, 6))
"""application_id, ratchet_tree, required_capabilities, external_pub, external_senders: every client has them, no list names them."""
DEFAULT_PROPOSALS = frozenset(range(1, 8))
"""add, update, remove, psk, reinit, external_init, group_context_extensions."""

_GREASE = frozenset(0x0A0A + 0x1010 * step for step in range(15))


def is_grease(value: int) -> bool:
    """True for a value that is reserved to keep everybody's parsers open (section 13.5)."""
    return value in _GREASE


def _read_types(reader: Reader) -> tuple[int, ...]:
    data = reader.vector()
    if len(data) % 2:
        raise CodecError(f"a list of types of {len(data)} bytes: each has 2")
    return Struct(f">{len(data) // 2}H").unpack(data)


def _write_types(writer: Writer, types: tuple[int, ...]) -> None:
    writer.sequence(types, Writer.uint16)


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a client supports beyond the defaults; GREASE values may stand anywhere."""

    versions: tuple[int, ...]
    cipher_suites: tuple[int, ...]
    extensions: tuple[int, ...]
    proposals: tuple[int, ...]
    credentials: tuple[int, ...]

    def write(self, writer: Writer) -> None:
        for types in (self.versions, self.cipher_suites, self.extensions, self.proposals, self.credentials):
            _write_types(writer, types)

    @classmethod
    def read(cls, reader: Reader) -> Self:
        return cls(_read_types(reader), _read_types(reader), _read_types(reader), _read_types(reader), _read_types(reader))

    def check_extension(self, extension_type: int) -> None:
        """Raises `UnsupportedError` unless the extension is a default one or listed."""
        if extension_type not in DEFAULT_EXTENSIONS and extension_type not in self.extensions:
            raise UnsupportedError(f"the leaf's capabilities do not list extension {extension_type}")

    def check_proposal(self, proposal_type: int) -> None:
        """Raises `UnsupportedError` unless the proposal is a default one or listed."""
        if proposal_type not in DEFAULT_PROPOSALS and proposal_type not in self.proposals:
            raise UnsupportedError(f"the leaf's capabilities do not list proposal {proposal_type}")

    def check_credential(self, credential_type: int) -> None:
        """Raises `UnsupportedError` unless the credential type is listed: there is no default one."""
        if credential_type not in self.credentials:
            raise UnsupportedError(f"the leaf's capabilities do not list credential {credential_type}")


@dataclass(frozen=True, slots=True)
class RequiredCapabilities:
    """The required_capabilities extension of a group: what every member must support (section 11.1)."""

    extensions: tuple[int, ...] = ()
    proposals: tuple[int, ...] = ()
    credentials: tuple[int, ...] = ()

    def write(self, writer: Writer) -> None:
        for types in (self.extensions, self.proposals, self.credentials):
            _write_types(writer, types)

    @classmethod
    def read(cls, reader: Reader) -> Self:
        return cls(_read_types(reader), _read_types(reader), _read_types(reader))

    def check(self, capabilities: Capabilities) -> None:
        """Raises `UnsupportedError` for the first thing that the group requires and the client does not support."""
        for extension_type in self.extensions:
            capabilities.check_extension(extension_type)
        for proposal_type in self.proposals:
            capabilities.check_proposal(proposal_type)
        for credential_type in self.credentials:
            capabilities.check_credential(credential_type)


@dataclass(frozen=True, slots=True)
class Lifetime:
    """When a key package may be used: seconds since 1970, both ends included."""

    not_before: int
    not_after: int

    def write(self, writer: Writer) -> None:
        writer.uint64(self.not_before)
        writer.uint64(self.not_after)

    @classmethod
    def read(cls, reader: Reader) -> Self:
        return cls(reader.uint64(), reader.uint64())

    def check(self, now_s: int) -> None:
        """Raises `ValidationError` when `now_s`, seconds since 1970, is outside."""
        if not self.not_before <= now_s <= self.not_after:
            raise ValidationError(f"the lifetime is from {self.not_before} to {self.not_after}; now it is {now_s}")
