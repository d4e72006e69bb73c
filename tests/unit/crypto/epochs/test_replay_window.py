"""The window of opened counters, held against a set that remembers all of them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quorate_node.crypto.epochs.errors import Replayed
from quorate_node.crypto.epochs.replay_window import ReplayWindow


def takes(window: ReplayWindow, counter: int) -> bool:
    try:
        window.check(counter)
    except Replayed:
        return False
    window.accept(counter)
    return True


@given(st.integers(1, 70), st.lists(st.one_of(st.integers(0, 100), st.integers(0, 2**64 - 1))))
def test_it_takes_what_a_set_and_a_newest_counter_would(size: int, counters: list[int]) -> None:
    window, seen, newest = ReplayWindow(size), set[int](), -1
    for counter in counters:
        expected = counter not in seen and counter > newest - size
        assert takes(window, counter) is expected
        if expected:
            seen.add(counter)
            newest = max(newest, counter)


def test_a_frame_that_is_only_checked_is_not_used_up() -> None:
    window = ReplayWindow(8)
    window.check(3)
    assert takes(window, 3)


def test_refusals_say_why() -> None:
    window = ReplayWindow(8)
    window.accept(20)
    with pytest.raises(Replayed, match="counter is 20, which was opened before"):
        window.check(20)
    with pytest.raises(Replayed, match=r"counter is 12, 8 behind the newest; epochs.replay_window is 8"):
        window.check(12)
    window.check(13)


def test_a_jump_costs_nothing_however_far_it_is() -> None:
    window = ReplayWindow(1_024)
    window.accept(0)
    window.accept(2**64 - 1)
    assert not takes(window, 0)
    assert takes(window, 2**64 - 2)
