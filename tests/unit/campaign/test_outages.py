"""The arithmetic of a report: when a cluster did not serve, and for how long."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.cluster.campaign.outages import Outage, outages, percentile, totals

instants = st.lists(st.floats(0.0, 100.0), max_size=60)


def test_a_gap_between_successes_is_an_outage() -> None:
    assert outages([0.1, 0.2, 1.5, 1.6], 0.0, 1.7) == [Outage(0.2, 1.5)]


def test_a_gap_at_the_beginning_and_at_the_end_counts() -> None:
    assert outages([2.0], 0.0, 5.0) == [Outage(0.0, 2.0), Outage(2.0, 5.0)]


def test_no_success_at_all_is_one_outage() -> None:
    assert outages([], 0.0, 9.0) == [Outage(0.0, 9.0)]


def test_short_gaps_are_how_requests_fall() -> None:
    eighths = [0.0, 0.125, 0.25, 0.375]
    assert outages(eighths, 0.0, 0.375) == []
    assert outages(eighths, 0.0, 0.375, shortest_s=0.125) == [Outage(0.0, 0.125), Outage(0.125, 0.25), Outage(0.25, 0.375)]


def test_successes_outside_of_the_time_do_not_count_and_their_order_does_not_matter() -> None:
    assert outages([7.0, 1.0, -3.0], 0.0, 2.0) == [Outage(0.0, 1.0), Outage(1.0, 2.0)]


def test_a_time_that_ends_before_it_begins_is_a_mistake() -> None:
    with pytest.raises(AssertionError, match="before it began"):
        outages([], 2.0, 1.0)


def test_totals_tell_count_longest_sum_and_share() -> None:
    found = [Outage(1.0, 2.0), Outage(4.0, 7.0)]
    assert totals(found, 0.0, 10.0) == {"count": 2, "longest_s": 3.0, "total_s": 4.0, "served_share": 0.6}
    assert totals([], 0.0, 10.0) == {"count": 0, "longest_s": 0.0, "total_s": 0.0, "served_share": 1.0}


@given(instants)
def test_outages_hold_no_success_and_do_not_overlap(successes_s: list[float]) -> None:
    found = outages(successes_s, 0.0, 100.0)
    for outage in found:
        assert not any(outage.begin_s < at_s < outage.end_s for at_s in successes_s)
    assert all(earlier.end_s <= later.begin_s for earlier, later in pairwise(found))
    assert sum(outage.length_s for outage in found) <= 100.0 + 1e-9


@given(instants, st.floats(0.0, 100.0))
def test_one_more_success_never_makes_an_outage_longer(successes_s: list[float], more_s: float) -> None:
    before = totals(outages(successes_s, 0.0, 100.0), 0.0, 100.0)
    after = totals(outages([*successes_s, more_s], 0.0, 100.0), 0.0, 100.0)
    assert after["longest_s"] <= before["longest_s"] and after["total_s"] <= before["total_s"]


def test_percentiles_are_by_nearest_rank() -> None:
    ordered = [float(number) for number in range(100)]
    assert (percentile(ordered, 0.5), percentile(ordered, 0.99), percentile(ordered, 1.0)) == (50.0, 99.0, 99.0)
    assert percentile([], 0.5) == 0.0
