"""The node's failpoints as faults of the simulator: members die, meet errors and are held up at them, and a bug that shows nowhere else
is found."""

from __future__ import annotations

from collections import Counter

import msgspec
import pytest

from quorate_node.failpoints import SITES
from quorate_node.replica.writer import LogWriter
from quorate_node.simulator.options import Options, draw, quiet
from quorate_node.simulator.places import places
from quorate_node.simulator.run import Result, run_seed

pytestmark = pytest.mark.usefixtures("silent_logs")

SEEDS = range(6)


def armed(seed: int, *, panic: int, error: int) -> Options:
    """Nothing goes wrong but at failpoints, and there often."""
    calm = quiet(draw(seed))
    faults = msgspec.structs.replace(
        calm.faults,
        failpoint=20.0,
        failpoint_panic_percent=panic,
        failpoint_error_percent=error,
        failpoint_sleep_ms_max=50,
        down_ms_max=200,
    )
    return msgspec.structs.replace(
        calm, members=3, spares=1, witness=False, faults=faults, clients=4, commands=200, membership_changes=0.5, think_ms_max=50,
        compact_every_entries=30, log_keep_entries=5,
    )  # fmt: skip


def run_all(*, panic: int, error: int) -> Counter[str]:
    counters: Counter[str] = Counter()
    for seed in SEEDS:
        result: Result = run_seed(seed, options=armed(seed, panic=panic, error=error))
        assert result.ok, result.failure()
        counters.update(result.outcome.counters)
    return counters


def fired(counters: Counter[str]) -> set[str]:
    return {name.removeprefix("failpoint ") for name in counters if name.startswith("failpoint ")}


@pytest.mark.timeout(300)
def test_members_die_at_failpoints_and_nothing_is_lost() -> None:
    counters = run_all(panic=100, error=0)
    assert counters["died at a failpoint"] > 10
    assert len(fired(counters)) > 20


@pytest.mark.timeout(300)
def test_members_meet_errors_at_failpoints_and_go_on_or_stop() -> None:
    counters = run_all(panic=0, error=100)
    assert counters["process gave up"] > 10
    assert len(fired(counters)) > 20


@pytest.mark.timeout(300)
def test_members_are_held_up_at_failpoints() -> None:
    counters = run_all(panic=0, error=0)
    assert len(fired(counters)) > 20
    assert counters["process gave up"] == 0


@pytest.mark.timeout(300)
def test_a_writer_that_an_error_leaves_busy_for_ever_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """The bug of seed 160: the member looks alive and takes part in nothing."""
    monkeypatch.setattr(LogWriter, "_finished", LogWriter._take)
    broken = {run_seed(seed, options=armed(seed, panic=0, error=100)).outcome.broken for seed in SEEDS}
    assert broken & {"progress", "convergence"}


def test_every_place_of_a_simulated_member_is_one_of_the_table() -> None:
    assert set(places()) <= set(SITES)
    assert len(places()) > 90
