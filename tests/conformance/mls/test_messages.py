"""Every structure is read and written again (source: the MLS working group's messages vectors), and damaged ones are refused.

A damaged message either is refused with an `MlsError`, or it is another message that is written as it was read: nothing has two forms.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import pytest

from quorate_node.crypto.mls.codec import Reader, Writable, encode
from quorate_node.crypto.mls.commit_content import Commit
from quorate_node.crypto.mls.errors import CodecError, MlsError
from quorate_node.crypto.mls.framing.content import ContentType
from quorate_node.crypto.mls.framing.message import MlsMessage
from quorate_node.crypto.mls.framing.private_message import PrivateMessage
from quorate_node.crypto.mls.framing.public_message import PublicMessage
from quorate_node.crypto.mls.group_info import GroupInfo
from quorate_node.crypto.mls.key_package import KeyPackage
from quorate_node.crypto.mls.proposals import Add, ExternalInit, GroupContextExtensions, PreSharedKey, ReInit, Remove, Update
from quorate_node.crypto.mls.ratchet_tree import RatchetTree
from quorate_node.crypto.mls.suites import SUITES
from quorate_node.crypto.mls.welcome_content import GroupSecrets, Welcome
from tests.conformance.mls.vectors import cases

CHANGES_PER_FIELD = 4

MESSAGES: dict[str, tuple[type, ContentType | None]] = {
    "mls_welcome": (Welcome, None),
    "mls_group_info": (GroupInfo, None),
    "mls_key_package": (KeyPackage, None),
    "public_message_application": (PublicMessage, ContentType.APPLICATION),
    "public_message_proposal": (PublicMessage, ContentType.PROPOSAL),
    "public_message_commit": (PublicMessage, ContentType.COMMIT),
    "private_message": (PrivateMessage, None),
}
STRUCTURES: dict[str, Callable[[Reader], Writable]] = {
    "ratchet_tree": lambda reader: RatchetTree.read(reader, SUITES[1]),
    "group_secrets": GroupSecrets.read,
    "add_proposal": Add.read,
    "update_proposal": Update.read,
    "remove_proposal": Remove.read,
    "pre_shared_key_proposal": PreSharedKey.read,
    "re_init_proposal": ReInit.read,
    "external_init_proposal": ExternalInit.read,
    "group_context_extensions_proposal": GroupContextExtensions.read,
    "commit": Commit.read,
} | dict.fromkeys(MESSAGES, MlsMessage.read)


def whole(read: Callable[[Reader], Writable], data: bytes) -> Writable:
    reader = Reader(data)
    value = read(reader)
    reader.end()
    return value


@pytest.mark.parametrize("case", cases("messages"))
def test_messages(case: Any) -> None:
    assert sorted(case) == sorted(STRUCTURES)
    for name, text in case.items():
        value = whole(STRUCTURES[name], bytes.fromhex(text))
        assert encode(value).hex() == text, name
        if isinstance(value, MlsMessage):
            kind, content_type = MESSAGES[name]
            message = value.message
            assert type(message) is kind
            if isinstance(message, PublicMessage):
                assert message.content.content_type is content_type


@pytest.mark.parametrize("case", cases("messages"))
def test_damaged_messages(case: Any) -> None:
    draw = random.Random(7)
    for name, text in case.items():
        data = bytes.fromhex(text)
        for _ in range(CHANGES_PER_FIELD):
            with pytest.raises(CodecError):
                whole(STRUCTURES[name], data[: draw.randrange(len(data))])
            with pytest.raises(CodecError):
                whole(STRUCTURES[name], data + draw.randbytes(1))
            flipped = bytearray(data)
            flipped[draw.randrange(len(data))] ^= 1 << draw.randrange(8)
            try:
                value = whole(STRUCTURES[name], bytes(flipped))
            except MlsError:
                continue
            assert encode(value) == flipped, name
