"""The state of a group as a member vouches for it, for those who join (RFC 9420 section 12.4.3). Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Self

from quorate_node.crypto.mls.codec import Reader, Writer
from quorate_node.crypto.mls.extension import Extension, find_extension
from quorate_node.crypto.mls.group_context import GroupContext
from quorate_node.crypto.mls.labels import sign_with_label, verify_with_label
from quorate_node.crypto.mls.secret import Octets
from quorate_node.crypto.mls.signatures import Signer
from quorate_node.crypto.mls.suites import Suite

_LABEL = "GroupInfoTBS"


@dataclass(frozen=True, slots=True)
class GroupInfo:
    """`signer`: leaf number of the member that vouches; `extensions` may hold the ratchet tree and the external public key."""

    group_context: GroupContext
    extensions: tuple[Extension, ...]
    confirmation_tag: bytes
    signer: int
    signature: bytes = b""

    def write(self, writer: Writer) -> None:
        self._write_content(writer)
        writer.vector(self.signature)

    @classmethod
    def read(cls, reader: Reader) -> Self:
        return cls(GroupContext.read(reader), reader.items(Extension.read), reader.vector(), reader.uint32(), reader.vector())

    def extension(self, extension_type: int) -> bytes | None:
        """Content of the extension, None when it is not there."""
        return find_extension(self.extensions, extension_type)

    def signed(self, suite: Suite, key: Octets | Signer) -> GroupInfo:
        """The same with the signature of the member at leaf `signer`."""
        return replace(self, signature=sign_with_label(suite, key, _LABEL, self._content()))

    def verify(self, suite: Suite, signature_key: bytes) -> None:
        """Raises `BadSignature`. `signature_key` is that of the leaf at `signer`, out of a tree that was checked against the context."""
        verify_with_label(suite, signature_key, _LABEL, self._content(), self.signature)

    def _content(self) -> bytes:
        writer = Writer()
        self._write_content(writer)
        return writer.data()

    def _write_content(self, writer: Writer) -> None:
        self.group_context.write(writer)
        writer.items(self.extensions)
        writer.vector(self.confirmation_tag)
        writer.uint32(self.signer)
