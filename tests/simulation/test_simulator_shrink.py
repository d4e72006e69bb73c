"""A bug put in on purpose, found by a seed, and shrunk: what is left breaks the same property, is small, and is said in one line."""

from __future__ import annotations

import asyncio
import shlex
import time
from typing import Any

import pytest

from quorate_node.replica.service import ReadDone
from quorate_node.replica.service_face import ServiceFace
from quorate_node.simulator.arguments import parse
from quorate_node.simulator.case import Case
from quorate_node.simulator.features import change
from quorate_node.simulator.options import Options, draw, quiet
from quorate_node.simulator.run import run_case, run_seed
from quorate_node.simulator.shrink import Shrinker, attempt

pytestmark = pytest.mark.usefixtures("silent_logs")


@pytest.fixture
def _reads_without_a_round(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever is asked answers from what it has."""

    def read(self: ServiceFace, consistency: int, done: ReadDone, **_: Any) -> None:
        asyncio.get_running_loop().call_soon(done, None)

    monkeypatch.setattr(ServiceFace, "read", read)


def small(seed: int) -> Options:
    """A few clients for a second or two, and members that die."""
    settings = ["members=3", "spares=0", "witness=false", "clients=3", "keys=1", "think_ms_max=50", "faults.kill=2"]
    return change(quiet(draw(seed, 50)), settings)


@pytest.mark.timeout(300)
@pytest.mark.usefixtures("_reads_without_a_round")
def test_a_planted_bug_is_shrunk_to_a_handful_of_operations() -> None:
    failing = next(result for result in (run_seed(seed, options=small(seed)) for seed in range(60)) if not result.ok)
    whole = attempt(failing.case)
    shrinker = Shrinker(failing, 60, lambda _: None, now_s=time.process_time)  # A busy machine must not cut it short.
    smallest = shrinker.shrink()
    result = smallest.result
    assert failing.outcome.broken in result.violated
    assert len(smallest.operations) <= 8 and len(smallest.operations) < len(whole.operations) / 4, shrinker.summary()
    assert len(smallest.faults) <= min(2, len(whole.faults)), shrinker.summary()
    again, _ = run_case(parse(shlex.split(result.case.line())[3:]).case)
    assert (again.outcome.broken, again.outcome.trace_hash) == (result.outcome.broken, result.outcome.trace_hash)


@pytest.mark.parametrize("seed", [12, 43])
def test_a_fault_left_out_leaves_the_others_as_they_were(seed: int) -> None:
    """Up to the first one left out the run is the same one, and what comes later still comes under its name."""
    whole = attempt(Case(draw(seed, 200)))
    assert len(whole.faults) > 5
    left_out = whole.faults[len(whole.faults) // 2]
    kept = tuple(name for name in whole.faults if name != left_out)
    case = Case(draw(seed, 200))
    reductions = parse(["--seed", str(seed), "--faults", ",".join(kept)]).case.reductions
    reduced = attempt(Case(case.options, (), reductions))
    assert reduced.result.ok
    begun = whole.faults.index(left_out)
    assert reduced.faults[:begun] == whole.faults[:begun]
    assert set(reduced.faults) <= set(kept)
