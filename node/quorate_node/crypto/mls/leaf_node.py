"""A member's leaf: its keys, its credential and where the leaf came from (RFC 9420 section 7.2). Pure.

A leaf is encoded once: trees hash it, signatures cover it, messages carry it, and all of them take the same bytes.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar, Self

from quorate_node.crypto.mls.capabilities import Capabilities, Lifetime
from quorate_node.crypto.mls.codec import Reader, Writer
from quorate_node.crypto.mls.credential import Credential, read_credential
from quorate_node.crypto.mls.errors import CodecError
from quorate_node.crypto.mls.extension import Extension
from quorate_node.crypto.mls.labels import sign_with_label, verify_with_label
from quorate_node.crypto.mls.secret import Octets
from quorate_node.crypto.mls.signatures import Signer
from quorate_node.crypto.mls.suites import Suite

_LABEL = "LeafNodeTBS"


@dataclass(frozen=True, slots=True)
class FromKeyPackage:
    """The leaf came in a key package: not bound to a group, good for a lifetime."""

    code: ClassVar[int] = 1
    lifetime: Lifetime


@dataclass(frozen=True, slots=True)
class FromUpdate:
    """The leaf came in an Update proposal: bound to its group and place."""

    code: ClassVar[int] = 2


@dataclass(frozen=True, slots=True)
class FromCommit:
    """The leaf came with a commit's path: bound to its group and place, and to the path by the parent hash."""

    code: ClassVar[int] = 3
    parent_hash: bytes


LeafNodeSource = FromKeyPackage | FromUpdate | FromCommit


@dataclass(frozen=True, slots=True)
class LeafNode:
    """`encryption_key`: HPKE public key of the leaf; `signature_key`: verifies what the member signs; both in the suite's encoding."""

    encryption_key: bytes
    signature_key: bytes
    credential: Credential
    capabilities: Capabilities
    source: LeafNodeSource
    extensions: tuple[Extension, ...] = ()
    signature: bytes = b""
    _content: bytes = field(default=b"", init=False, compare=False, repr=False)

    def write(self, writer: Writer) -> None:
        writer.opaque(self.content())
        writer.vector(self.signature)

    @classmethod
    def read(cls, reader: Reader) -> Self:
        start = reader.position()
        fields = (reader.vector(), reader.vector(), read_credential(reader), Capabilities.read(reader), _read_source(reader))
        extensions = reader.items(Extension.read)
        content = reader.since(start)
        leaf = cls(*fields, extensions, reader.vector())
        object.__setattr__(leaf, "_content", content)
        return leaf

    def content(self) -> bytes:
        """The encoding without its signature."""
        if not self._content:
            writer = Writer()
            writer.vector(self.encryption_key)
            writer.vector(self.signature_key)
            self.credential.write(writer)
            self.capabilities.write(writer)
            _write_source(writer, self.source)
            writer.items(self.extensions)
            object.__setattr__(self, "_content", writer.data())
        return self._content

    def to_be_signed(self, group_id: bytes, leaf: int) -> bytes:
        """LeafNodeTBS: a leaf of an update or a commit is bound to its group and its leaf number."""
        if isinstance(self.source, FromKeyPackage):
            return self.content()
        writer = Writer()
        writer.opaque(self.content())
        writer.vector(group_id)
        writer.uint32(leaf)
        return writer.data()

    def signed(self, suite: Suite, key: Octets | Signer, group_id: bytes = b"", leaf: int = 0) -> LeafNode:
        """The same leaf, signed with `key`. `group_id` and `leaf` are not looked at for one of a key package."""
        return self.changed(signature=sign_with_label(suite, key, _LABEL, self.to_be_signed(group_id, leaf)))

    def verify(self, suite: Suite, group_id: bytes = b"", leaf: int = 0) -> None:
        """Raises `BadSignature`."""
        verify_with_label(suite, self.signature_key, _LABEL, self.to_be_signed(group_id, leaf), self.signature)

    def changed(self, **fields: Any) -> LeafNode:
        """The same leaf with other fields; what was encoded before is forgotten."""
        kept = {name: getattr(self, name) for name in _FIELDS if name not in fields}
        return LeafNode(**kept, **fields)


_FIELDS = ("encryption_key", "signature_key", "credential", "capabilities", "source", "extensions", "signature")


def _read_source(reader: Reader) -> LeafNodeSource:
    code = reader.uint8()
    if code == FromKeyPackage.code:
        return FromKeyPackage(Lifetime.read(reader))
    if code == FromUpdate.code:
        return FromUpdate()
    if code == FromCommit.code:
        return FromCommit(reader.vector())
    raise CodecError(f"leaf_node_source is {code}: 1 (key_package), 2 (update) and 3 (commit) are allowed")


def _write_source(writer: Writer, source: LeafNodeSource) -> None:
    writer.uint8(source.code)
    if isinstance(source, FromKeyPackage):
        source.lifetime.write(writer)
    elif isinstance(source, FromCommit):
        writer.vector(source.parent_hash)
