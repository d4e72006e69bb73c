"""What a signature covers (section 6.1): wire format, content and, for those it binds, the group context."""

from __future__ import annotations

from dataclasses import replace

import pytest

from quorate_node.crypto.mls.codec import decode, encode
from quorate_node.crypto.mls.commit_content import Commit
from quorate_node.crypto.mls.errors import BadSignature, CodecError
from quorate_node.crypto.mls.framing.authenticated import Auth, AuthenticatedContent
from quorate_node.crypto.mls.framing.content import ApplicationData, Body, FramedContent, WireFormat
from quorate_node.crypto.mls.framing.sender import Sender, SenderType
from quorate_node.crypto.mls.proposals import Remove
from quorate_node.crypto.mls.suites import SUITES

SUITE = SUITES[1]
KEY = bytes(range(32))
PUBLIC = SUITE.signature_public(KEY)
REMOVAL = Remove(1)


def signed(sender: Sender, body: Body = REMOVAL, wire_format: WireFormat = WireFormat.PUBLIC_MESSAGE) -> AuthenticatedContent:
    return AuthenticatedContent.sign(SUITE, KEY, wire_format, FramedContent(b"group", 7, sender, body), b"context")


@pytest.mark.parametrize("sender_type", list(SenderType))
def test_members_and_who_joins_by_a_commit_are_bound_to_the_context(sender_type: SenderType) -> None:
    authenticated = signed(Sender(sender_type))
    authenticated.verify(SUITE, PUBLIC, b"context")
    if sender_type in (SenderType.MEMBER, SenderType.NEW_MEMBER_COMMIT):
        with pytest.raises(BadSignature):
            authenticated.verify(SUITE, PUBLIC, b"another context")
    else:
        authenticated.verify(SUITE, PUBLIC, b"another context")


def test_the_wire_format_and_the_content_are_covered() -> None:
    authenticated = signed(Sender.member(1))
    for changed in (
        replace(authenticated, wire_format=WireFormat.PRIVATE_MESSAGE),
        replace(authenticated, content=replace(authenticated.content, epoch=8)),
        replace(authenticated, content=replace(authenticated.content, authenticated_data=b"more")),
        replace(authenticated, auth=Auth(b"")),
    ):
        with pytest.raises(BadSignature):
            changed.verify(SUITE, PUBLIC, b"context")


def test_a_commit_alone_has_a_confirmation_tag() -> None:
    commit = signed(Sender.member(1), Commit((), None))
    confirmed = commit.confirmed(b"tag")
    assert decode(AuthenticatedContent, encode(confirmed)) == confirmed
    assert confirmed.confirmed_input() == commit.confirmed_input(), "the tag confirms it and is no part of it"
    application = signed(Sender.member(1), ApplicationData(b"data"), WireFormat.PRIVATE_MESSAGE)
    assert decode(AuthenticatedContent, encode(application)) == application


@pytest.mark.parametrize("code", [0, 3])
def test_only_messages_of_a_group_are_authenticated(code: int) -> None:
    with pytest.raises(CodecError, match=f"authenticated content is {code}"):
        decode(AuthenticatedContent, bytes([0, code]) + encode(signed(Sender.member(1)))[2:])


def test_a_proposal_is_named_by_all_that_was_sent() -> None:
    one, other = signed(Sender.member(1)), signed(Sender.member(1), wire_format=WireFormat.PRIVATE_MESSAGE)
    assert len(one.reference(SUITE)) == 32
    assert one.reference(SUITE) != other.reference(SUITE)
