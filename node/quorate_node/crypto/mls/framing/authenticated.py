"""A content with its sender's signature and, for a commit, the tag that confirms the epoch it leads to (section 6.1)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from quorate_node.crypto.mls.codec import Reader, Writer, encode
from quorate_node.crypto.mls.errors import CodecError
from quorate_node.crypto.mls.framing.content import ContentType, FramedContent, WireFormat
from quorate_node.crypto.mls.framing.sender import SenderType
from quorate_node.crypto.mls.group_context import MLS10
from quorate_node.crypto.mls.labels import ref_hash, sign_with_label, verify_with_label
from quorate_node.crypto.mls.secret import Octets
from quorate_node.crypto.mls.signatures import Signer
from quorate_node.crypto.mls.suites import Suite

_LABEL = "FramedContentTBS"
_REF_LABEL = "MLS 1.0 Proposal Reference"
_BOUND_TO_CONTEXT = (SenderType.MEMBER, SenderType.NEW_MEMBER_COMMIT)


@dataclass(frozen=True, slots=True)
class Auth:
    """FramedContentAuthData. `confirmation_tag`: of a commit, None for everything else."""

    signature: bytes
    confirmation_tag: bytes | None = None

    def write(self, writer: Writer) -> None:
        writer.vector(self.signature)
        if self.confirmation_tag is not None:
            writer.vector(self.confirmation_tag)

    @classmethod
    def read(cls, reader: Reader, content_type: ContentType) -> Self:
        signature = reader.vector()
        return cls(signature, reader.vector() if content_type is ContentType.COMMIT else None)


def to_be_signed(wire_format: WireFormat, content: FramedContent, group_context: bytes) -> bytes:
    """FramedContentTBS. `group_context`: encoded; only what a member sends, and who joins by a commit, is bound to it."""
    head = MLS10.to_bytes(2, "big") + wire_format.to_bytes(2, "big") + content.encoded()
    return head + group_context if content.sender.sender_type in _BOUND_TO_CONTEXT else head


@dataclass(frozen=True, slots=True)
class AuthenticatedContent:
    """`wire_format`: as what it is sent; the signature covers that too."""

    wire_format: WireFormat
    content: FramedContent
    auth: Auth

    @classmethod
    def sign(cls, suite: Suite, key: Octets | Signer, wire_format: WireFormat, content: FramedContent, group_context: bytes) -> Self:
        """Signed by `key`; a commit's confirmation tag is set later, with `confirmed`."""
        return cls(wire_format, content, Auth(sign_with_label(suite, key, _LABEL, to_be_signed(wire_format, content, group_context))))

    def confirmed(self, confirmation_tag: bytes) -> AuthenticatedContent:
        """The same commit with its tag."""
        return AuthenticatedContent(self.wire_format, self.content, Auth(self.auth.signature, confirmation_tag))

    def verify(self, suite: Suite, public: bytes, group_context: bytes) -> None:
        """Raises `BadSignature`, and `BadKey` for a key that is none. An empty signature is a wrong one."""
        verify_with_label(suite, public, _LABEL, to_be_signed(self.wire_format, self.content, group_context), self.auth.signature)

    def confirmed_input(self) -> bytes:
        """ConfirmedTranscriptHashInput (section 8.2): everything but the confirmation tag."""
        writer = Writer()
        writer.uint16(self.wire_format)
        self.content.write(writer)
        writer.vector(self.auth.signature)
        return writer.data()

    def reference(self, suite: Suite) -> bytes:
        """ProposalRef (section 5.2): what a commit names this proposal by."""
        return ref_hash(suite, _REF_LABEL, encode(self))

    def write(self, writer: Writer) -> None:
        writer.uint16(self.wire_format)
        self.content.write(writer)
        self.auth.write(writer)

    @classmethod
    def read(cls, reader: Reader) -> Self:
        code = reader.uint16()
        if code not in (WireFormat.PUBLIC_MESSAGE, WireFormat.PRIVATE_MESSAGE):
            raise CodecError(f"wire_format of an authenticated content is {code}: 1 (public) and 2 (private) are allowed")
        content = FramedContent.read(reader)
        return cls(WireFormat(code), content, Auth.read(reader, content.content_type))
