"""A member's clock against virtual time."""

from __future__ import annotations

import pytest

from quorate_node.simulator.clock import Clock


@pytest.mark.parametrize("drift_ppm", [-50_000, -1, 0, 1, 50_000])
def test_virtual_is_the_first_moment_at_which_the_clock_shows_a_time(drift_ppm: int) -> None:
    clock = Clock(1_000, drift_ppm)
    clock.set_drift(777, drift_ppm)
    for local_ns in range(1_777, 3_000, 13):
        virtual_ns = clock.virtual(local_ns)
        assert clock.local(virtual_ns) >= local_ns
        assert clock.local(virtual_ns - 1) < local_ns


def test_a_change_of_drift_leaves_the_time_as_it_is() -> None:
    clock = Clock(0, 50_000)
    before = clock.local(10**9)
    clock.set_drift(10**9, -50_000)
    assert clock.local(10**9) == before
    assert clock.local(2 * 10**9) == before + 950_000_000


def test_a_jump_is_forward() -> None:
    clock = Clock()
    clock.jump(100, 50)
    assert clock.local(100) == 150
    with pytest.raises(AssertionError):
        clock.jump(200, -1)
