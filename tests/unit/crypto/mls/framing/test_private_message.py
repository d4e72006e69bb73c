"""Private messages: what consumes a key, what does not, and what nobody outside can see."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from quorate_node.crypto.mls.codec import decode, encode
from quorate_node.crypto.mls.errors import BadSignature, DecryptionFailed, ReplayError, TreeError, ValidationError
from quorate_node.crypto.mls.framing import private_message
from quorate_node.crypto.mls.framing.authenticated import Auth, AuthenticatedContent
from quorate_node.crypto.mls.framing.content import ApplicationData, Body, ContentType, FramedContent, WireFormat
from quorate_node.crypto.mls.framing.private_message import EpochKeys, PrivateMessage
from quorate_node.crypto.mls.framing.sender import Sender
from quorate_node.crypto.mls.proposals import Remove
from quorate_node.crypto.mls.secret import Secret
from quorate_node.crypto.mls.secret_tree import SecretTree
from quorate_node.crypto.mls.suites import SUITES

SUITE = SUITES[1]
KEY = bytes(range(32))
SENDER = 1
MEMBER = Sender.member(SENDER)
DATA = ApplicationData(b"data")
ENTROPY = random.Random(1).randbytes


def keys() -> EpochKeys:
    return EpochKeys(SUITE, b"context", bytes(32), SecretTree(SUITE, Secret(bytes(32)), 2))


def signature_key_of(leaf: int) -> bytes:
    if leaf != SENDER:
        raise TreeError(f"leaf {leaf} is blank")
    return SUITE.signature_public(KEY)


def signed(body: Body = DATA, sender: Sender = MEMBER) -> AuthenticatedContent:
    content = FramedContent(b"group", 7, sender, body, b"open")
    return AuthenticatedContent.sign(SUITE, KEY, WireFormat.PRIVATE_MESSAGE, content, b"context")


@pytest.mark.parametrize("body", [ApplicationData(b"data"), Remove(1)])
def test_it_opens_once(body: Body) -> None:
    receiving = keys()
    message = decode(PrivateMessage, encode(PrivateMessage.protect(keys(), signed(body), ENTROPY)))
    assert message.unprotect(receiving, signature_key_of) == signed(body)
    with pytest.raises(ReplayError, match="was used before"):
        message.unprotect(receiving, signature_key_of)


def test_messages_open_in_any_order() -> None:
    sending, receiving = keys(), keys()
    messages = [PrivateMessage.protect(sending, signed(ApplicationData(bytes([number]))), ENTROPY) for number in range(5)]
    for number in (3, 0, 4, 2, 1):
        assert messages[number].unprotect(receiving, signature_key_of).content.body == ApplicationData(bytes([number]))


def test_padding_hides_the_length() -> None:
    lengths = {len(PrivateMessage.protect(keys(), signed(ApplicationData(bytes(size))), ENTROPY, 128).ciphertext) for size in range(1, 40)}
    assert len(lengths) == 1


def test_padding_is_zero(monkeypatch: pytest.MonkeyPatch) -> None:
    plaintext = private_message._plaintext
    monkeypatch.setattr(private_message, "_plaintext", lambda authenticated, padding_to: plaintext(authenticated, 1) + b"\0\x01")
    message = PrivateMessage.protect(keys(), signed(), ENTROPY)
    with pytest.raises(ValidationError, match="2 bytes of padding are not all zero"):
        message.unprotect(keys(), signature_key_of)


def test_a_forger_among_the_members_uses_up_nothing() -> None:
    """It can make all of another one's message but the signature."""
    receiving = keys()
    sending = keys()
    genuine = [PrivateMessage.protect(sending, signed(), ENTROPY) for _ in range(3)]
    forged = keys()
    for message in (PrivateMessage.protect(forged, replace(signed(), auth=Auth(b"")), ENTROPY) for _ in range(3)):
        with pytest.raises(BadSignature):
            message.unprotect(receiving, signature_key_of)
    for message in reversed(genuine):
        assert message.unprotect(receiving, signature_key_of) == signed()


@pytest.mark.parametrize(
    "change",
    [
        {"group_id": b"other"},
        {"epoch": 8},
        {"content_type": ContentType.PROPOSAL},
        {"authenticated_data": b"changed"},
        {"encrypted_sender_data": b""},
        {"ciphertext": b"\0" * 100},
    ],
)
def test_every_open_field_is_bound_to_the_ciphertext(change: dict[str, object]) -> None:
    message = replace(PrivateMessage.protect(keys(), signed(), ENTROPY), **change)  # type: ignore[arg-type]
    with pytest.raises(DecryptionFailed):
        message.unprotect(keys(), signature_key_of)


def test_a_sender_that_is_no_member_is_refused() -> None:
    message = PrivateMessage.protect(keys(), signed(sender=Sender.member(0)), ENTROPY)
    with pytest.raises(TreeError, match="leaf 0 is blank"):
        message.unprotect(keys(), signature_key_of)


def test_who_is_no_member_cannot_encrypt_and_public_stays_public() -> None:
    with pytest.raises(ValidationError, match="only members can encrypt"):
        PrivateMessage.protect(keys(), signed(Remove(1), Sender.external(0)), ENTROPY)
    with pytest.raises(ValidationError, match="as a public message"):
        PrivateMessage.protect(keys(), replace(signed(), wire_format=WireFormat.PUBLIC_MESSAGE), ENTROPY)


def test_nothing_of_the_content_is_in_the_message() -> None:
    encoded = encode(PrivateMessage.protect(keys(), signed(ApplicationData(b"a secret text")), ENTROPY))
    assert b"a secret text" not in encoded and b"open" in encoded
