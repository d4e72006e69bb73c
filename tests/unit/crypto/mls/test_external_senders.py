"""The extensions that let somebody outside propose and join."""

from __future__ import annotations

from quorate_node.crypto.mls.codec import decode, encode
from quorate_node.crypto.mls.credential import BasicCredential
from quorate_node.crypto.mls.external_senders import ExternalPub, ExternalSender, ExternalSenders


def test_wire_forms() -> None:
    senders = ExternalSenders((ExternalSender(b"key", BasicCredential(b"operator")), ExternalSender(b"k", BasicCredential(b""))))
    assert encode(senders) == bytes.fromhex("14  03 6b6579 0001 08 6f70657261746f72  01 6b 0001 00")
    assert decode(ExternalSenders, encode(senders)) == senders
    assert encode(ExternalPub(b"key")) == b"\x03key"
    assert decode(ExternalPub, b"\x03key") == ExternalPub(b"key")
