"""Senders on the wire."""

from __future__ import annotations

import pytest

from quorate_node.crypto.mls.codec import decode, encode
from quorate_node.crypto.mls.errors import CodecError
from quorate_node.crypto.mls.framing.sender import Sender, SenderType


@pytest.mark.parametrize(
    ("sender", "data", "name"),
    [
        (Sender.member(5), "0100000005", "member 5"),
        (Sender.external(1), "0200000001", "external 1"),
        (Sender(SenderType.NEW_MEMBER_PROPOSAL), "03", "new_member_proposal"),
        (Sender(SenderType.NEW_MEMBER_COMMIT), "04", "new_member_commit"),
    ],
)
def test_four_kinds(sender: Sender, data: str, name: str) -> None:
    assert encode(sender).hex() == data
    assert decode(Sender, bytes.fromhex(data)) == sender
    assert str(sender) == name
    assert sender.leaf == (5 if sender.is_member else None)


@pytest.mark.parametrize("code", [0, 5, 255])
def test_no_other(code: int) -> None:
    with pytest.raises(CodecError, match=f"sender_type is {code}"):
        decode(Sender, bytes([code]))
