"""Extensions: any type is carried, each at most once."""

from __future__ import annotations

import pytest

from quorate_node.crypto.mls.codec import decode, encode
from quorate_node.crypto.mls.errors import ValidationError
from quorate_node.crypto.mls.extension import Extension, ExtensionType, check_distinct, find_extension

GREASE = Extension(0x0A0A, b"\xff")
SENDERS = Extension(ExtensionType.EXTERNAL_SENDERS, b"senders")


def test_unknown_types_are_carried_along() -> None:
    assert decode(Extension, encode(GREASE)) == GREASE
    assert encode(GREASE) == bytes.fromhex("0a0a 01 ff")


def test_one_is_found_by_its_type() -> None:
    assert find_extension((GREASE, SENDERS), ExtensionType.EXTERNAL_SENDERS) == b"senders"
    assert find_extension((GREASE,), ExtensionType.EXTERNAL_SENDERS) is None


def test_none_stands_twice() -> None:
    check_distinct((GREASE, SENDERS))
    with pytest.raises(ValidationError, match="0x0a0a stands twice"):
        check_distinct((GREASE, SENDERS, GREASE))
