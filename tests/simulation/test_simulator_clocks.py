"""Machines that sleep, and clocks that begin anywhere after a loss of power: nothing that was promised by time is broken by them."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterator

import msgspec
import pytest

from quorate_node.simulator.options import Options, draw, quiet
from quorate_node.simulator.run import run_seed

SEEDS = range(4)


@pytest.fixture(autouse=True)
def _silence() -> Iterator[None]:
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


def asleep(seed: int) -> Options:
    """Machines sleep for longer than a read lease lasts, and lose power, under many reads."""
    calm = quiet(draw(seed))
    faults = msgspec.structs.replace(
        calm.faults, suspend=2.0, power_loss=0.3, partition=1.5, down_ms_max=300, pause_ms_max=1_500, partition_ms_max=2_000
    )
    return msgspec.structs.replace(
        calm, members=3, spares=0, witness=False, faults=faults, clients=6, commands=250, think_ms_max=100, keys=1, leases=True,
        read_lease_ms=100, tick_ms=10, heartbeat_ms=50, election_timeout_ms=200, pre_vote=True, check_quorum=False, clock_drift_ppm_max=0,
        reboots_set_clocks=True,
    )  # fmt: skip


@pytest.mark.timeout(300)
def test_nothing_is_read_or_expired_too_early_by_machines_that_slept() -> None:
    counters: Counter[str] = Counter()
    for seed in SEEDS:
        result = run_seed(seed, options=asleep(seed))
        assert result.ok, result.failure()
        counters.update(result.outcome.counters)
    assert counters["fault suspend"] > 10
    assert counters["clock set by a reboot"] > 2
