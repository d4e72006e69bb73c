"""Public messages: members' carry a tag that nobody else can make; application data is never public."""

from __future__ import annotations

from dataclasses import replace

import pytest

from quorate_node.crypto.mls.codec import decode, encode
from quorate_node.crypto.mls.errors import BadMac, ValidationError
from quorate_node.crypto.mls.framing.authenticated import AuthenticatedContent
from quorate_node.crypto.mls.framing.content import ApplicationData, Body, FramedContent, WireFormat
from quorate_node.crypto.mls.framing.public_message import PublicMessage
from quorate_node.crypto.mls.framing.sender import Sender
from quorate_node.crypto.mls.proposals import Remove
from quorate_node.crypto.mls.suites import SUITES

SUITE = SUITES[1]
MEMBER = Sender.member(1)
REMOVAL = Remove(1)


def signed(sender: Sender = MEMBER, body: Body = REMOVAL, wire_format: WireFormat = WireFormat.PUBLIC_MESSAGE) -> AuthenticatedContent:
    return AuthenticatedContent.sign(SUITE, bytes(32), wire_format, FramedContent(b"group", 7, sender, body), b"context")


def test_a_members_tag_is_asked_for() -> None:
    message = PublicMessage.protect(SUITE, signed(), b"key", b"context")
    assert decode(PublicMessage, encode(message)).unprotect(SUITE, b"key", b"context") == signed()
    tag = message.membership_tag
    assert tag is not None
    for wrong in (None, b"", tag[:-1], tag[:-1] + bytes([tag[-1] ^ 1])):
        with pytest.raises(BadMac, match="membership tag of member 1"):
            replace(message, membership_tag=wrong).unprotect(SUITE, b"key", b"context")
    for key, context in ((b"other key", b"context"), (b"key", b"other context")):
        with pytest.raises(BadMac):
            message.unprotect(SUITE, key, context)


def test_somebody_else_has_none() -> None:
    outsider = signed(Sender.external(0))
    message = PublicMessage.protect(SUITE, outsider, b"key", b"context")
    assert message.membership_tag is None
    assert decode(PublicMessage, encode(message)).unprotect(SUITE, b"no key", b"no context") == outsider


def test_application_data_is_refused_in_both_directions() -> None:
    application = signed(body=ApplicationData(b"data"))
    with pytest.raises(ValidationError, match="must be encrypted"):
        PublicMessage.protect(SUITE, application, b"key", b"context")
    with pytest.raises(ValidationError, match="must be encrypted"):
        PublicMessage(application.content, application.auth, b"tag").unprotect(SUITE, b"key", b"context")


def test_what_was_signed_as_private_is_not_published() -> None:
    with pytest.raises(ValidationError, match="as a private message"):
        PublicMessage.protect(SUITE, signed(wire_format=WireFormat.PRIVATE_MESSAGE), b"key", b"context")
