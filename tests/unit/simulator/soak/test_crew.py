"""Every seed is reported once, whatever becomes of the process that runs it."""

from __future__ import annotations

from pathlib import Path

import pytest

from quorate_node.simulator.case import Case
from quorate_node.simulator.options import draw
from quorate_node.simulator.soak import worker
from quorate_node.simulator.soak.crew import ENDS, SURVIVES, Crew
from quorate_node.simulator.soak.worker import Report
from tests.unit.simulator.soak.programs import BREAKS, DIES, HANGS, misbehave


def ended(jobs: int, seeds: range, folder: Path, seed_s_max: float = 60.0) -> dict[int, Report]:
    reports: list[Report] = []
    Crew(jobs, seed_s_max, 2_048, folder, misbehave).run(iter(seeds), reports.append, lambda: False)
    assert sorted(report.seed for report in reports) == list(seeds)
    return {report.seed: report for report in reports}


def test_a_seed_that_hangs_one_that_kills_its_process_and_one_that_breaks_cost_one_seed_each(tmp_path: Path) -> None:
    reports = ended(2, range(10), tmp_path, seed_s_max=1.5)
    assert {seed for seed, report in reports.items() if not report.ok} == {HANGS, DIES, BREAKS}
    assert reports[HANGS].broken == ENDS
    assert "where_it_hangs" in reports[HANGS].evidence, "it says where"
    assert reports[DIES].broken == SURVIVES
    assert "-9" in reports[DIES].evidence
    assert f"--seed {DIES}" in reports[DIES].again
    assert list(tmp_path.iterdir()) == [], "nothing is left of the workers"


def test_no_seed_begins_after_the_word_to_stop(tmp_path: Path) -> None:
    reports: list[Report] = []
    Crew(1, 60.0, 2_048, tmp_path, misbehave).run(iter(range(100, 1_000_000)), reports.append, lambda: len(reports) >= 4)
    assert [report.seed for report in reports] == [100, 101, 102, 103]


def test_a_simulator_that_fails_is_a_failed_seed(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(case: Case) -> None:
        raise ZeroDivisionError(case.options.seed)

    monkeypatch.setattr(worker, "run_case", fails)
    report = worker.run(4)
    assert report.broken == "the simulator does not fail"
    assert "ZeroDivisionError: 4" in report.evidence


def test_a_true_worker_runs_true_seeds_failpoints_included(tmp_path: Path) -> None:
    without, with_them = (next(seed for seed in range(100) if bool(draw(seed).faults.failpoint) is wanted) for wanted in (False, True))
    reports: list[Report] = []
    Crew(1, 300.0, 2_048, tmp_path).run(iter([without, with_them]), reports.append, lambda: False)
    assert [(report.seed, report.broken) for report in reports] == [(without, ""), (with_them, "")]
    assert reports[0].sums.virtual_s > 0 < reports[0].sums.judged
