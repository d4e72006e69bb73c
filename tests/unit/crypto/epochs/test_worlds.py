"""Random lives of a group, with crashes, reconnects, epoch switches and a bad network: see `group_world.py` for what they must show."""

from __future__ import annotations

import pytest
from hypothesis import settings

from quorate_node.crypto.epochs.cipher import Cipher
from quorate_node.crypto.mls.secret import Secret
from tests.unit.crypto.epochs.group_world import NarrowWorld, World
from tests.unit.crypto.epochs.recorder import recorded_nonces

World.TestCase.settings = settings(max_examples=60, stateful_step_count=60)
NarrowWorld.TestCase.settings = settings(max_examples=60, stateful_step_count=60)


class TestWide(World.TestCase):
    """What is not damaged opens, whatever overtakes it."""


class TestNarrow(NarrowWorld.TestCase):
    """Nothing but typed errors when every limit is met all the time."""


def test_the_watch_on_nonces_sees_one_that_repeats() -> None:
    with recorded_nonces() as recorder:
        one, same = Cipher(Secret(bytes(32))), Cipher(Secret(bytes(32)))
        one.seal(0, b"", b"x", memoryview(bytearray(17)))
        one.seal(1, b"", b"x", memoryview(bytearray(17)))
        with pytest.raises(AssertionError, match="a second time"):
            same.seal(1, b"", b"y", memoryview(bytearray(17)))
    assert len(recorder.pairs) == 2
