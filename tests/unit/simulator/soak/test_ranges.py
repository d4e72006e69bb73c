"""Sets of seeds as ranges, held against sets."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from quorate_node.simulator.soak.ranges import Ranges

seeds = st.lists(st.integers(0, 40))


@given(st.lists(st.tuples(st.integers(0, 40), st.integers(0, 40))), seeds)
def test_it_holds_what_was_given_and_added_and_nothing_else(given_ranges: list[tuple[int, int]], added: list[int]) -> None:
    ranges = Ranges(given_ranges)
    expected = {seed for low, high in given_ranges for seed in range(low, high)}
    for seed in added:
        ranges.add(seed)
        expected.add(seed)
    assert {seed for seed in range(-2, 45) if seed in ranges} == expected
    assert len(ranges) == len(expected)
    assert ranges.end == max(expected, default=-1) + 1
    assert ranges.count(3, 30) == len([seed for seed in range(3, 30) if seed in expected])
    assert list(ranges.missing(3, 30)) == [seed for seed in range(3, 30) if seed not in expected]


@given(seeds)
def test_it_is_as_short_as_can_be(added: list[int]) -> None:
    ranges = Ranges()
    for seed in added:
        ranges.add(seed)
    listed = ranges.to_list()
    assert all(low < high for low, high in listed)
    assert all(before[1] < after[0] for before, after in pairwise(listed))
    assert Ranges(listed).to_list() == listed
