"""Whole clusters of the node's own code in virtual time, with faults, from seeds; every history judged by all checkers.

Other seeds: `QUORATE_SEEDS=1000:1100 pytest tests/simulation/test_simulator_seeds.py`, or `make simulate`.
"""

from __future__ import annotations

import os

import pytest

from quorate_node.simulator.options import Options, draw, without_later_faults
from quorate_node.simulator.run import run_seed

pytestmark = pytest.mark.usefixtures("silent_logs")

FOUND_BUGS = (16, 24, 30, 37, 41, 43, 51, 57, 126, 217, 296, 386, 537, 100_001)
"""Seeds that once found one, in docs/bugs.md: first of all, and without the kinds of faults that came later."""


def seeds() -> list[int]:
    given = os.environ.get("QUORATE_SEEDS")
    if given:
        low, _, high = given.partition(":")
        return list(range(int(low), int(high)))
    return list(range(20))


@pytest.mark.timeout(120)
@pytest.mark.parametrize("seed", seeds())
def test_every_promise_holds_under_the_faults_of_a_seed(seed: int) -> None:
    holds(draw(seed))


@pytest.mark.timeout(120)
@pytest.mark.parametrize("seed", FOUND_BUGS)
def test_a_seed_that_found_a_bug_finds_none_any_more(seed: int) -> None:
    holds(without_later_faults(draw(seed)))


def holds(options: Options) -> None:
    result = run_seed(options.seed, options=options)
    assert result.ok, result.failure()
    assert result.judged > 0
