"""The group context: what it holds is what is signed; another version is not guessed at."""

from __future__ import annotations

import pytest

from quorate_node.crypto.mls.codec import decode, encode
from quorate_node.crypto.mls.errors import UnsupportedError
from quorate_node.crypto.mls.extension import Extension
from quorate_node.crypto.mls.group_context import GroupContext

CONTEXT = GroupContext(1, b"group", 7, b"t" * 32, b"c" * 32, (Extension(0xF001, b"x"),))


def test_it_is_what_it_was_written_as() -> None:
    assert decode(GroupContext, encode(CONTEXT)) == CONTEXT
    assert CONTEXT.extension(0xF001) == b"x"
    assert CONTEXT.extension(0xF002) is None


def test_another_version_is_refused() -> None:
    with pytest.raises(UnsupportedError, match="protocol version 2"):
        decode(GroupContext, b"\0\x02" + encode(CONTEXT)[2:])
