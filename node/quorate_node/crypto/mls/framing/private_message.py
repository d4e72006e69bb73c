"""Messages that only members can read (section 6.3): body, signature and padding under the sender's next key.

Opening changes nothing until the signature has proved genuine: another member, who can make everything but the signature, must not be
able to use up the sender's key.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Self

from quorate_node.crypto.mls.codec import Reader, Writer
from quorate_node.crypto.mls.entropy import Entropy, draw
from quorate_node.crypto.mls.errors import ValidationError
from quorate_node.crypto.mls.framing.authenticated import Auth, AuthenticatedContent
from quorate_node.crypto.mls.framing.content import ContentType, FramedContent, WireFormat, read_body, read_content_type, write_body
from quorate_node.crypto.mls.framing.sender import Sender
from quorate_node.crypto.mls.framing.sender_data import REUSE_GUARD_BYTES, SenderData
from quorate_node.crypto.mls.secret import Octets
from quorate_node.crypto.mls.secret_tree import RatchetKind, SecretTree
from quorate_node.crypto.mls.suites import Suite


@dataclass(frozen=True, slots=True)
class EpochKeys:
    """What opens and seals an epoch's private messages. `group_context`: encoded."""

    suite: Suite
    group_context: bytes
    sender_data_secret: Octets
    secret_tree: SecretTree


SignatureKeyOf = Callable[[int], bytes]
"""The signature key of the member at a leaf. Raises an `MlsError` where there is none."""


@dataclass(frozen=True, slots=True)
class PrivateMessage:
    """`authenticated_data` is readable by everybody; who sent it, and what, is not."""

    group_id: bytes
    epoch: int
    content_type: ContentType
    authenticated_data: bytes
    encrypted_sender_data: bytes
    ciphertext: bytes

    @classmethod
    def protect(cls, keys: EpochKeys, authenticated: AuthenticatedContent, entropy: Entropy, padding_to: int = 1) -> Self:
        """Seal a member's content under its next key, which is consumed. The plaintext is padded to a multiple of `padding_to` bytes.

        Raises `ValidationError` for a content that no member sends or that was signed for another wire format.
        """
        content = authenticated.content
        leaf = content.sender.leaf
        if leaf is None:
            raise ValidationError(f"a private message of {content.sender}: only members can encrypt")
        if authenticated.wire_format is not WireFormat.PRIVATE_MESSAGE:
            raise ValidationError("the content was signed to be sent as a public message")
        suite = keys.suite
        ratchet = keys.secret_tree.ratchet(leaf, _kind(content.content_type))
        look = ratchet.look(ratchet.generation)
        sender_data = SenderData(leaf, look.message_key.generation, draw(entropy, REUSE_GUARD_BYTES))
        bare = cls(content.group_id, content.epoch, content.content_type, content.authenticated_data, b"", b"")
        nonce = sender_data.guarded(look.message_key.nonce.buffer())
        sealed = suite.seal(look.message_key.key.buffer(), nonce, bare.content_aad(), _plaintext(authenticated, padding_to))
        ratchet.take(look)
        encrypted = sender_data.seal(suite, keys.sender_data_secret, bare.sender_data_aad(), sealed)
        return cls(bare.group_id, bare.epoch, bare.content_type, bare.authenticated_data, encrypted, sealed)

    def unprotect(self, keys: EpochKeys, signature_key_of: SignatureKeyOf) -> AuthenticatedContent:
        """What was sent, with its signature verified; the key it was sealed with is consumed, and the same message opens no more.

        Raises `DecryptionFailed`, `CodecError`, `BadSignature`, `ReplayError`, `ValidationError`: then nothing is consumed.
        """
        suite = keys.suite
        data = SenderData.open(suite, keys.sender_data_secret, self.sender_data_aad(), self.ciphertext, self.encrypted_sender_data)
        signature_key = signature_key_of(data.leaf)
        kind = _kind(self.content_type)
        look = keys.secret_tree.look(data.leaf, kind, data.generation)
        genuine = False
        try:
            nonce = data.guarded(look.message_key.nonce.buffer())
            plaintext = suite.open(look.message_key.key.buffer(), nonce, self.content_aad(), self.ciphertext)
            authenticated = self._authenticated(data.leaf, plaintext)
            authenticated.verify(suite, signature_key, keys.group_context)
            genuine = True
        finally:
            if not genuine:
                look.drop()
        keys.secret_tree.take(data.leaf, kind, look)
        return authenticated

    def _authenticated(self, leaf: int, plaintext: bytes) -> AuthenticatedContent:
        reader = Reader(plaintext)
        body = read_body(reader, self.content_type)
        auth = Auth.read(reader, self.content_type)
        padding = reader.rest()
        if padding.count(0) != len(padding):
            raise ValidationError(f"the {len(padding)} bytes of padding are not all zero")
        content = FramedContent(self.group_id, self.epoch, Sender.member(leaf), body, self.authenticated_data)
        return AuthenticatedContent(WireFormat.PRIVATE_MESSAGE, content, auth)

    def sender_data_aad(self) -> bytes:
        """SenderDataAAD (section 6.3.2)."""
        writer = Writer()
        writer.vector(self.group_id)
        writer.uint64(self.epoch)
        writer.uint8(self.content_type)
        return writer.data()

    def content_aad(self) -> bytes:
        """PrivateContentAAD (section 6.3.1)."""
        writer = Writer()
        writer.opaque(self.sender_data_aad())
        writer.vector(self.authenticated_data)
        return writer.data()

    def write(self, writer: Writer) -> None:
        writer.opaque(self.content_aad())
        writer.vector(self.encrypted_sender_data)
        writer.vector(self.ciphertext)

    @classmethod
    def read(cls, reader: Reader) -> Self:
        group_id, epoch, content_type = reader.vector(), reader.uint64(), read_content_type(reader)
        return cls(group_id, epoch, content_type, reader.vector(), reader.vector(), reader.vector())


def _kind(content_type: ContentType) -> RatchetKind:
    return RatchetKind.APPLICATION if content_type is ContentType.APPLICATION else RatchetKind.HANDSHAKE


def _plaintext(authenticated: AuthenticatedContent, padding_to: int) -> bytes:
    """PrivateMessageContent: the body, its authentication, and zeros up to the next multiple."""
    writer = Writer()
    write_body(writer, authenticated.content.body)
    authenticated.auth.write(writer)
    data = writer.data()
    return data + bytes(-len(data) % padding_to)
