"""GroupInfos: signed by a member over all they say."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from quorate_node.crypto.mls.codec import decode, encode
from quorate_node.crypto.mls.errors import BadSignature
from quorate_node.crypto.mls.extension import Extension, ExtensionType
from quorate_node.crypto.mls.group_context import GroupContext
from quorate_node.crypto.mls.group_info import GroupInfo
from tests.unit.crypto.mls.clients import SUITE, Client

ALICE = Client("alice")
CONTEXT = GroupContext(1, b"group", 3, bytes(32), bytes(32), ())
INFO = GroupInfo(CONTEXT, (Extension(ExtensionType.EXTERNAL_PUB, b"key"),), b"tag", 1).signed(SUITE, ALICE.signature_key)


def test_wire_form_can_be_read_again() -> None:
    assert decode(GroupInfo, encode(INFO)) == INFO
    INFO.verify(SUITE, ALICE.leaf().signature_key)


def test_extensions_are_found() -> None:
    assert INFO.extension(ExtensionType.EXTERNAL_PUB) == b"key"
    assert INFO.extension(ExtensionType.RATCHET_TREE) is None


@pytest.mark.parametrize(
    "change",
    [
        {"group_context": replace(CONTEXT, epoch=4)},
        {"extensions": ()},
        {"confirmation_tag": b"other"},
        {"signer": 2},
        {"signature": bytes(64)},
    ],
)
def test_the_signature_covers_everything(change: dict[str, Any]) -> None:
    with pytest.raises(BadSignature):
        replace(INFO, **change).verify(SUITE, ALICE.leaf().signature_key)


def test_another_members_key_does_not_verify_it() -> None:
    with pytest.raises(BadSignature):
        INFO.verify(SUITE, Client("bob").leaf().signature_key)
