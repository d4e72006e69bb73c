"""Framed contents: three kinds of body, encoded once."""

from __future__ import annotations

import pytest

from quorate_node.crypto.mls.codec import Reader, decode, encode
from quorate_node.crypto.mls.commit_content import Commit
from quorate_node.crypto.mls.errors import CodecError
from quorate_node.crypto.mls.framing.content import ApplicationData, Body, ContentType, FramedContent, content_type_of, read_content_type
from quorate_node.crypto.mls.framing.sender import Sender
from quorate_node.crypto.mls.proposals import Remove


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (ApplicationData(b"data"), ContentType.APPLICATION),
        (Remove(3), ContentType.PROPOSAL),
        (Commit((Remove(1),), None), ContentType.COMMIT),
    ],
)
def test_a_content_is_what_it_was_written_as(body: Body, content_type: ContentType) -> None:
    content = FramedContent(b"group", 7, Sender.member(2), body, b"aad")
    assert content_type_of(body) is content.content_type is content_type
    assert decode(FramedContent, encode(content)) == content
    assert content.encoded() is content.encoded(), "encoded once"


@pytest.mark.parametrize("code", [0, 4])
def test_no_other_kind(code: int) -> None:
    with pytest.raises(CodecError, match=f"content_type is {code}"):
        read_content_type(Reader(bytes([code])))
