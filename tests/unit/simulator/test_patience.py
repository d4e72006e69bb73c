"""Somebody slow is waited for as long as it moves on, and not for ever."""

from __future__ import annotations

from quorate_node.simulator.patience import SLOW_S, SLOW_S_MAX, Patience


def ends(patience: Patience, come: list[tuple[float, int]]) -> float:
    """When it is over, in whole seconds, for whoever has come so far at these times."""
    for now_s in range(10_000):
        for at_s, slowest in come:
            if at_s == now_s:
                patience.look(now_s, slowest)
        if patience.is_over(now_s):
            return now_s - 1
    raise AssertionError("it is never over")


def test_who_never_moves_has_the_usual_time() -> None:
    assert ends(Patience(0, 60), [(0, 5), (30, 5), (59, 5)]) == 60


def test_who_moves_on_is_waited_for() -> None:
    assert ends(Patience(0, 60), [(at_s, at_s) for at_s in range(0, 100, 10)]) == 90 + SLOW_S


def test_who_falls_back_and_comes_as_far_again_has_not_moved_on() -> None:
    assert ends(Patience(0, 60), [(50, 7), (55, 2), (60, 7), (65, 3), (70, 7)]) == 50 + SLOW_S


def test_nobody_is_waited_for_without_end() -> None:
    assert ends(Patience(0, 60), [(at_s, at_s) for at_s in range(5_000)]) == SLOW_S_MAX
