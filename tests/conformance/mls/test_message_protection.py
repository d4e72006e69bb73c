"""A proposal, a commit and application data, public and private: theirs open, ours open, and nothing that was touched does."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from quorate_node.crypto.mls.codec import Reader, Writer, decode, encode
from quorate_node.crypto.mls.errors import BadMac, BadSignature, MlsError, ReplayError, ValidationError
from quorate_node.crypto.mls.framing.authenticated import Auth, AuthenticatedContent
from quorate_node.crypto.mls.framing.content import ApplicationData, Body, ContentType, FramedContent, WireFormat, read_body, write_body
from quorate_node.crypto.mls.framing.message import MlsMessage
from quorate_node.crypto.mls.framing.private_message import EpochKeys, PrivateMessage
from quorate_node.crypto.mls.framing.public_message import PublicMessage
from quorate_node.crypto.mls.framing.sender import Sender
from quorate_node.crypto.mls.group_context import GroupContext
from quorate_node.crypto.mls.key_schedule import confirmation_tag
from quorate_node.crypto.mls.secret import Secret
from quorate_node.crypto.mls.secret_tree import SecretTree
from quorate_node.crypto.mls.suites import Suite, suite_of
from tests.conformance.mls.vectors import cases

SENDER = 1


@dataclass
class Vector:
    """One entry, read."""

    case: Any

    @property
    def suite(self) -> Suite:
        return suite_of(self.case["cipher_suite"])

    def bytes(self, name: str) -> bytes:
        return bytes.fromhex(self.case[name])

    @property
    def context(self) -> bytes:
        return encode(
            GroupContext(
                self.suite.number,
                self.bytes("group_id"),
                self.case["epoch"],
                self.bytes("tree_hash"),
                self.bytes("confirmed_transcript_hash"),
            )
        )

    def keys(self) -> EpochKeys:
        tree = SecretTree(self.suite, Secret(self.bytes("encryption_secret")), 2)
        return EpochKeys(self.suite, self.context, self.bytes("sender_data_secret"), tree)

    def body(self, content_type: ContentType) -> Body:
        name = content_type.name.lower()
        if content_type is ContentType.APPLICATION:
            return ApplicationData(self.bytes(name))
        reader = Reader(self.bytes(name))
        body = read_body(reader, content_type)
        reader.end()
        writer = Writer()
        write_body(writer, body)
        assert writer.data() == self.bytes(name)
        return body

    def signed(self, content_type: ContentType, wire_format: WireFormat) -> AuthenticatedContent:
        content = FramedContent(self.bytes("group_id"), self.case["epoch"], Sender.member(SENDER), self.body(content_type), b"aad")
        signed = AuthenticatedContent.sign(self.suite, self.bytes("signature_priv"), wire_format, content, self.context)
        if content_type is ContentType.COMMIT:
            return signed.confirmed(confirmation_tag(self.suite, b"any key", b"any hash"))
        return signed

    def signature_key_of(self, leaf: int) -> bytes:
        if leaf != SENDER:
            raise ValidationError(f"leaf {leaf} is not the sender")
        return self.bytes("signature_pub")

    def open_public(self, data: bytes) -> AuthenticatedContent:
        message = decode(MlsMessage, data).message
        assert isinstance(message, PublicMessage)
        authenticated = message.unprotect(self.suite, self.bytes("membership_key"), self.context)
        authenticated.verify(self.suite, self.signature_key_of(SENDER), self.context)
        return authenticated

    def open_private(self, data: bytes, keys: EpochKeys | None = None) -> AuthenticatedContent:
        message = decode(MlsMessage, data).message
        assert isinstance(message, PrivateMessage)
        return message.unprotect(keys or self.keys(), self.signature_key_of)


def damaged(data: bytes, opens: Callable[[bytes], object]) -> None:
    """Every truncation and every fifth byte flipped: a typed error each time."""
    for size in range(0, len(data), 5):
        with pytest.raises(MlsError):
            opens(data[:size])
        changed = bytearray(data)
        changed[size] ^= 1
        with pytest.raises(MlsError):
            opens(bytes(changed))
    with pytest.raises(MlsError):
        opens(data + b"\0")


@pytest.mark.parametrize("content_type", [ContentType.PROPOSAL, ContentType.COMMIT], ids=lambda value: value.name.lower())
@pytest.mark.parametrize("case", cases("message-protection"))
def test_public(case: Any, content_type: ContentType) -> None:
    vector = Vector(case)
    theirs = vector.bytes(f"{content_type.name.lower()}_pub")
    assert encode(decode(MlsMessage, theirs)) == theirs
    assert vector.open_public(theirs).content.body == vector.body(content_type)
    signed = vector.signed(content_type, WireFormat.PUBLIC_MESSAGE)
    ours = encode(MlsMessage(PublicMessage.protect(vector.suite, signed, vector.bytes("membership_key"), vector.context)))
    assert vector.open_public(ours) == signed
    damaged(theirs, vector.open_public)
    message = decode(MlsMessage, ours).message
    assert isinstance(message, PublicMessage)
    with pytest.raises(BadMac):
        message.unprotect(vector.suite, b"another key", vector.context)


@pytest.mark.parametrize("content_type", list(ContentType), ids=lambda value: value.name.lower())
@pytest.mark.parametrize("case", cases("message-protection"))
def test_private(case: Any, content_type: ContentType) -> None:
    vector = Vector(case)
    theirs = vector.bytes(f"{content_type.name.lower()}_priv")
    assert encode(decode(MlsMessage, theirs)) == theirs
    assert vector.open_private(theirs).content.body == vector.body(content_type)
    signed = vector.signed(content_type, WireFormat.PRIVATE_MESSAGE)
    sending, receiving = vector.keys(), vector.keys()
    for padding_to in (1, 64):
        ours = encode(MlsMessage(PrivateMessage.protect(sending, signed, os.urandom, padding_to)))
        assert vector.open_private(ours, receiving) == signed
        with pytest.raises(ReplayError):
            vector.open_private(ours, receiving)
    damaged(theirs, vector.open_private)


@pytest.mark.parametrize("case", cases("message-protection"))
def test_application_data_is_never_public(case: Any) -> None:
    vector = Vector(case)
    with pytest.raises(ValidationError, match="must be encrypted"):
        PublicMessage.protect(
            vector.suite, vector.signed(ContentType.APPLICATION, WireFormat.PUBLIC_MESSAGE), vector.bytes("membership_key"), vector.context
        )


@pytest.mark.parametrize("case", cases("message-protection"))
def test_an_empty_signature_is_a_wrong_one(case: Any) -> None:
    """Whoever is a member can make everything of another member's message but the signature, and uses up no key of the other one's."""
    vector = Vector(case)
    genuine = vector.signed(ContentType.APPLICATION, WireFormat.PRIVATE_MESSAGE)
    forged = AuthenticatedContent(genuine.wire_format, genuine.content, Auth(b""))
    receiving = vector.keys()
    message = encode(MlsMessage(PrivateMessage.protect(vector.keys(), forged, os.urandom)))
    with pytest.raises(BadSignature):
        vector.open_private(message, receiving)
    ours = encode(MlsMessage(PrivateMessage.protect(vector.keys(), genuine, os.urandom)))
    assert vector.open_private(ours, receiving) == genuine, "the same generation still opens"
