"""Bars that overlap lie in tracks of their own, and no more tracks are used than overlap."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tests.cluster.campaign.tracks import tracks


def test_bars_one_after_the_other_share_a_track_and_an_end_may_be_the_next_ones_begin() -> None:
    assert tracks([(0.0, 1.0), (1.0, 3.0), (3.5, 4.0)]) == [0, 0, 0]


def test_a_bar_within_another_goes_below_it_and_the_next_one_goes_back_up() -> None:
    assert tracks([(0.0, 5.0), (1.0, 2.0), (1.5, 3.0), (2.0, 9.0), (5.0, 6.0)]) == [0, 1, 2, 1, 0]


def test_nothing_needs_nothing() -> None:
    assert tracks([]) == []


@given(st.lists(st.tuples(st.integers(0, 40), st.integers(1, 10)), max_size=30))
def test_no_two_bars_of_a_track_overlap_and_there_are_no_more_tracks_than_bars_that_overlap(drawn: list[tuple[int, int]]) -> None:
    bars = sorted((float(begin), float(begin + length)) for begin, length in drawn)
    chosen = tracks(bars)
    for one, (begin, end) in enumerate(bars):
        for other in range(one):
            assert chosen[one] != chosen[other] or bars[other][1] <= begin, (bars[other], (begin, end))
    most = max((sum(begin <= at < end for begin, end in bars) for at, _ in bars), default=0)
    assert len(set(chosen)) == most
