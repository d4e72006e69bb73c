"""A bug put in on purpose, found by a seed, and shrunk: what is left breaks the same property, is small, and is said in one line."""

from __future__ import annotations

import asyncio
import logging
import shlex
from collections.abc import Iterator
from typing import Any

import pytest

from quorate_node.replica.service import ReadDone
from quorate_node.replica.service_face import ServiceFace
from quorate_node.simulator.arguments import parse
from quorate_node.simulator.case import Case
from quorate_node.simulator.options import draw
from quorate_node.simulator.run import run_case, run_seed
from quorate_node.simulator.shrink import Shrinker, attempt


@pytest.fixture(autouse=True)
def _silence() -> Iterator[None]:
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


@pytest.fixture
def _reads_without_a_round(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever is asked answers from what it has."""

    def read(self: ServiceFace, consistency: int, done: ReadDone, **_: Any) -> None:
        asyncio.get_running_loop().call_soon(done, None)

    monkeypatch.setattr(ServiceFace, "read", read)


@pytest.mark.timeout(300)
@pytest.mark.usefixtures("_reads_without_a_round")
def test_a_planted_bug_is_shrunk_to_a_handful_of_operations() -> None:
    failing = next(result for result in (run_seed(seed, 150) for seed in range(60)) if not result.ok)
    whole = attempt(failing.case)
    shrinker = Shrinker(failing, 200, lambda _: None)
    smallest = shrinker.shrink()
    result = smallest.result
    assert failing.outcome.broken in result.violated
    assert len(smallest.operations) <= 8 and len(smallest.operations) < len(whole.operations) / 10, shrinker.summary()
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
