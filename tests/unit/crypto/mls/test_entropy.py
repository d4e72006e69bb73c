"""Randomness passed in: the right amount or an error."""

from __future__ import annotations

import pytest

from quorate_node.crypto.mls.entropy import draw
from quorate_node.crypto.mls.errors import LifecycleError


def test_a_source_gives_what_it_is_asked_for() -> None:
    assert draw(lambda length: b"x" * length, 5) == b"xxxxx"


def test_a_short_source_is_refused_and_never_padded() -> None:
    with pytest.raises(LifecycleError, match="returned 4 bytes where 5 were asked for"):
        draw(lambda length: b"x" * (length - 1), 5)
