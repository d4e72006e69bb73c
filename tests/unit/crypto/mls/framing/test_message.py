"""The envelope: version and kind."""

from __future__ import annotations

import pytest

from quorate_node.crypto.mls.codec import decode, encode
from quorate_node.crypto.mls.errors import UnsupportedError
from quorate_node.crypto.mls.framing.content import WireFormat
from quorate_node.crypto.mls.framing.message import MlsMessage
from quorate_node.crypto.mls.welcome_content import Welcome

WELCOME = MlsMessage(Welcome(1, (), b"info"))


def test_a_message_names_its_kind() -> None:
    assert decode(MlsMessage, encode(WELCOME)) == WELCOME
    assert WELCOME.wire_format is WireFormat.WELCOME
    assert encode(WELCOME)[:4] == bytes.fromhex("00010003")


@pytest.mark.parametrize(("data", "why"), [("00020003", "protocol version 2"), ("00010000", "wire_format is 0"), ("00010006", "is 6")])
def test_an_unknown_version_or_kind_is_refused(data: str, why: str) -> None:
    with pytest.raises(UnsupportedError, match=why):
        decode(MlsMessage, bytes.fromhex(data) + encode(WELCOME)[4:])
