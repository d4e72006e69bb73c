"""Small decisions: from which size on a device is worth it, and what a peer may cost."""

from __future__ import annotations

from quorate_node.gpu.calibration import NEVER, Timing, crossover
from quorate_node.gpu.selftest import SIZES, examination
from quorate_node.gpu.throttle import SOURCES_MAX, SlowPathBudget

# A processor with 10 us a signature; a device with 100 us a batch and nothing more.
TIMINGS = [Timing(size, size * 1e-5, 1e-4) for size in (4, 16, 64, 256)]


def test_the_device_is_asked_from_where_it_is_faster() -> None:
    assert crossover(TIMINGS, 1) == 10
    assert crossover(TIMINGS, 8) == 80
    assert crossover([Timing(4, 1.0, 0.5), Timing(8, 2.0, 0.5)], 1) == 4


def test_a_device_that_is_never_faster_is_never_asked() -> None:
    assert crossover(TIMINGS, 64) == NEVER
    assert crossover([], 1) == NEVER


def test_a_device_that_is_slow_again_in_large_batches_is_asked_only_above() -> None:
    slower_in_between = [Timing(4, 1.0, 0.1), Timing(8, 1.0, 2.0), Timing(16, 4.0, 1.0)]
    assert 8 < crossover(slower_in_between, 1) <= 16


def test_a_peer_that_sends_only_slow_votes_is_held_to_a_rate() -> None:
    budget = SlowPathBudget(per_second=10, burst=100)
    assert budget.admits("peer", 0.0)
    budget.charge("peer", 150, 0.0)
    assert not budget.admits("peer", 0.0) and not budget.admits("peer", 4.9)
    assert budget.admits("peer", 5.1) and budget.admits("other", 0.0)
    assert budget.refused == 2
    budget.charge("honest", 0, 1.0)
    assert "honest" not in budget._levels


def test_sources_are_bounded() -> None:
    budget = SlowPathBudget(per_second=1, burst=1)
    for number in range(SOURCES_MAX + 10):
        budget.charge(f"peer-{number}", 5, 0.0)
    assert len(budget._levels) == SOURCES_MAX
    assert budget.admits("peer-0", 0.0) and not budget.admits(f"peer-{SOURCES_MAX + 9}", 0.0)


def test_the_examination_has_every_kind_of_verdict_and_is_the_same_each_time() -> None:
    first, second = examination(), examination()
    assert first.expected == second.expected
    assert tuple(batch.count for batch in first.batches) == SIZES
    for outcome in first.expected:
        assert {verdict.name for verdict in outcome.reasons()} >= {
            "ACCEPTED",
            "UNKNOWN_VALIDATOR",
            "S_NOT_REDUCED",
            "R_NOT_CANONICAL",
            "R_SMALL_ORDER",
        }
        assert outcome.accepted >= len(outcome.verdicts) // 8
