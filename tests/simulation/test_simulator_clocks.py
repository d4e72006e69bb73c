"""Machines that sleep or are stopped by their host, clocks that begin anywhere after a loss of power, times of day that are set.

Nothing that was promised by time is broken by them, and whoever counts by the wrong clock is found.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from quorate_node.replica.service import Consistency, ReadDone
from quorate_node.replica.service_face import ServiceFace
from quorate_node.simulator.life import Life
from quorate_node.simulator.options import Options, draw, quiet
from quorate_node.simulator.run import run_seed
from tests.simulation.planted_bug import found_in

pytestmark = pytest.mark.usefixtures("silent_logs")

SEEDS = range(4)


def asleep(seed: int) -> Options:
    """Leaders sleep for longer than a read lease lasts, under many reads by clients that soon ask another member."""
    calm = quiet(draw(seed))
    faults = msgspec.structs.replace(calm.faults, suspend=0.8, power_loss=0.2, down_ms_max=300, pause_ms_max=2_000)
    load = msgspec.structs.replace(calm.load, writes=0.2, several=0.1, lease_reads=0.8, past=0.0, leasing=0.1, patience_ms=200)
    return msgspec.structs.replace(
        calm, members=3, spares=0, witness=False, faults=faults, load=load, clients=10, commands=600, think_ms_max=50, keys=1, leases=True,
        sessions=0.0, read_lease_ms=100, tick_ms=10, heartbeat_ms=50, election_timeout_ms=200, pre_vote=True, check_quorum=False,
        clock_drift_ppm_max=0, reboots_set_clocks=True,
    )  # fmt: skip


def frozen(seed: int) -> Options:
    """As `asleep`, and to the machines themselves no time has passed."""
    options = asleep(seed)
    return msgspec.structs.replace(options, faults=msgspec.structs.replace(options.faults, suspend=0.0, freeze=0.8))


def set_clocks(seed: int) -> Options:
    """Times of day that are set forward and back, under leases that run out."""
    options = asleep(seed)
    faults = msgspec.structs.replace(options.faults, suspend=0.0, power_loss=0.0, wall_clock=3.0)
    return msgspec.structs.replace(options, faults=faults, commands=300)


@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    ("world", "counted"),
    [
        (asleep, ["fault suspend", "network repeated after sleep", "clock set by a reboot"]),
        (frozen, ["fault freeze", "network repeated after sleep"]),
        (set_clocks, ["wall clock set back", "wall clock set forward"]),
    ],
)
def test_nothing_is_read_or_expired_too_early(world: Callable[[int], Options], counted: list[str]) -> None:
    counters: Counter[str] = Counter()
    for seed in SEEDS:
        result = run_seed(seed, options=world(seed))
        assert result.ok, result.failure()
        counters.update(result.outcome.counters)
    assert {name: counters[name] for name in counted if counters[name] < 4} == {}


@pytest.mark.timeout(300)
def test_leases_counted_by_the_clock_that_stops_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    def now_ms(self: Life) -> int:
        return self.host.clocks.timers.local(self.host.loop.now_ns + self.process.ahead_ns) // 1_000_000

    monkeypatch.setattr(Life, "_now_ms", now_ms)
    assert found_in(asleep, {"lease-reads", "stale-reads"}, range(20))


@pytest.mark.timeout(300)
def test_linearizable_reads_by_lease_are_found_where_no_clock_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    """A lease is only as good as the clock; what is asked for without one must not lean on it."""
    asked = ServiceFace.read

    def read(self: ServiceFace, _consistency: int, done: ReadDone, **options: Any) -> None:
        asked(self, Consistency.LEASE, done, **options)

    monkeypatch.setattr(ServiceFace, "read", read)
    assert found_in(frozen, {"linearizable", "stale-reads"}, range(20))


@pytest.mark.timeout(300)
def test_leases_counted_by_the_time_of_day_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Life, "_now_ms", lambda _: time.time_ns() // 1_000_000)
    properties = {"lease-reads", "stale-reads", "leases-never-early", "linearizable", "members do not fail", "callbacks do not fail"}
    assert found_in(set_clocks, properties, range(20))
