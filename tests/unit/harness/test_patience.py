"""A test waits for as long as it was awake: what stood still for minutes gets its time all the same."""

from __future__ import annotations

from tests.cluster.harness.patience import LOOK_S_MAX, Patience


def test_it_lasts_as_long_as_was_said_while_all_goes_on() -> None:
    clock = iter(range(100))
    patience = Patience(5.0, lambda: float(next(clock)))
    assert [patience.lasts() for _ in range(6)] == [True, True, True, True, False, False]


def test_a_machine_that_stood_still_costs_one_look_at_most() -> None:
    clock = iter([0.0, 1.0, 1_000.0, 1_001.0, 1_002.0])
    patience = Patience(LOOK_S_MAX + 2.5, lambda: next(clock))
    assert [patience.lasts() for _ in range(4)] == [True, True, True, False]
