"""The window of a session: numbers once, replies kept as long as they are needed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quorate.session import SessionWindow


@given(st.lists(st.integers(0, 9)), st.integers(1, 8))
def test_acked_below_is_the_oldest_unsettled(choices: list[int], window_max: int) -> None:
    """Against the naive model: a set of open numbers."""
    window = SessionWindow(5, window_max, 0.0)
    opened: list[int] = []
    for choice in choices:
        if choice < 5 and not window.full:
            opened.append(window.take(1.0))
        elif opened:
            window.settle(opened.pop(choice % len(opened)))
        assert window.acked_below == (min(opened) if opened else window.next_seq)
        assert window.outstanding == len(opened)
        assert window.full == (window.next_seq - window.acked_below >= window_max)


def test_a_full_window_gives_no_number() -> None:
    window = SessionWindow(5, 1, 0.0)
    window.take(0.0)
    assert window.full
    with pytest.raises(AssertionError):
        window.take(0.0)


def test_settling_twice_changes_nothing() -> None:
    window = SessionWindow(5, 4, 0.0)
    window.settle(window.take(0.0))
    window.settle(1)
    assert (window.acked_below, window.outstanding) == (2, 0)


def test_a_session_goes_stale_only_while_nothing_is_open() -> None:
    window = SessionWindow(5, 4, 10.0)
    assert not window.stale(10.4, 1000)
    assert window.stale(10.6, 1000)
    seq = window.take(10.6)
    assert not window.stale(99.0, 1000)
    window.settle(seq)
    assert window.stale(99.0, 1000)
