"""Opened messages are views of a buffer that is used again when they are given back, never before."""

from __future__ import annotations

import pytest

from tests.unit.crypto.epochs.members import Pair


def test_views_of_a_released_batch_raise_instead_of_showing_another_batch() -> None:
    pair = Pair()
    batch = pair.b.open(pair.to_a, [pair.seal(b"secret")], 0)
    view = batch.messages[0]
    batch.release()
    batch.release()
    assert batch.messages == []
    with pytest.raises(ValueError, match="released"):
        bytes(view)


def test_a_batch_that_is_kept_is_not_overwritten() -> None:
    pair = Pair()
    kept = pair.b.open(pair.to_a, [pair.seal(b"first")], 0)
    assert pair.open(pair.seal(b"other")) == [b"other"]
    assert bytes(kept.messages[0]) == b"first"


def test_the_buffer_is_used_again() -> None:
    pair = Pair()
    with pair.b.open(pair.to_a, [pair.seal(b"first")], 0) as batch:
        buffer = batch.messages[0].obj
    with pair.b.open(pair.to_a, [pair.seal(b"second")], 0) as batch:
        assert batch.messages[0].obj is buffer
