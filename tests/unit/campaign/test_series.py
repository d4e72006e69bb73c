"""Many seeds one after the other: what is asked for, what is added up, and what an interrupted series does not do twice."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.cluster.campaign import series, totals


def report(seed: int, *, verdict: str = "ok", minutes: float = 3.0, members: int = 3) -> dict[str, Any]:
    faults = [("kill", "done"), ("kill", "done"), ("isolate", "done"), ("pause", "skipped"), ("loss", "failed")]
    return {
        "seed": seed,
        "members": members,
        "verdict": verdict,
        "versions": {"commit": "abc1234"},
        "options": {"minutes": minutes},
        "faults_s": 60.0,
        "operations": {"Put": {"ok": 900, "failed": 0, "unknown": 3}, "stale read": {"ok": 100, "failed": 2, "unknown": 1}},
        "operations_total": 1_006,
        "availability": {"writes": {"total_s": 1.5, "longest_s": 0.75}, "reads": {"total_s": 0.0, "longest_s": 0.0}},
        "findings": [{"name": "linearizable", "verdict": "violated" if verdict != "ok" else "ok"}],
        "faults": [{"planned": {"fault": name}, "outcome": outcome} for name, outcome in faults],
    }


def left_by(asked: series.Asked, seed: int, **fields: Any) -> None:
    place = asked.place(seed)
    place.mkdir(parents=True, exist_ok=True)
    (place / totals.REPORT).write_text(json.dumps(report(seed, minutes=asked.minutes, **fields)))


def asked_of(directory: Path, *seeds: int) -> series.Asked:
    return series.Asked(seeds, 3.0, 3, "", directory)


def test_seeds_are_numbers_and_ranges_each_once() -> None:
    assert series.seeds_of("7") == [7]
    assert series.seeds_of("1..4") == [1, 2, 3, 4]
    assert series.seeds_of("5, 1..3,2") == [5, 1, 2, 3]


@pytest.mark.parametrize(("words", "complaint"), [("1-3", "'1-3' is no seed"), ("", "'' is no seed"), ("4..1", "'4..1' names 0 seeds"),
                                                  ("1..", "'1..' is no seed"), ("1..99999", "names 99999 seeds")])  # fmt: skip
def test_what_is_no_seed_is_told_with_what_would_be(words: str, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        series.seeds_of(words)


def test_long_campaigns_are_cut_into_equal_stages_whose_histories_fit_in_memory() -> None:
    assert [series.stages(minutes) for minutes in (0.5, 10.0, 10.5, 60.0)] == [1, 1, 2, 6]


def test_campaigns_are_added_up() -> None:
    rows = [totals.row_of(report(1)), totals.row_of(report(2)), totals.row_of(report(3, verdict="violated"))]
    told = totals.totals_of(rows)
    assert (told["campaigns"], told["faults"], told["operations"], told["unknown"]) == (3, 9, 3_018, 12), "only faults that were done count"
    assert told["faults_by_kind"] == {"kill": 6, "partition": 3}
    assert (told["faults_a_minute"], told["unavailable_s"], told["longest_unavailable_s"]) == (3.0, 4.5, 0.75)
    assert told["served_share"] == 0.975
    assert told["violated"] == ["3 members, seed 3: linearizable"]
    table = totals.as_markdown(rows).splitlines()
    assert table[4] == "| 3 | 3 | 1.0 | 3 | 1,006 | 4 | 1.5 | 0.8 | violated: linearizable |"
    assert table[5] == "| **all** | 3 | 3.0 | 9 | 3,018 | 12 | 4.5 | 0.8 | 1 violated |"


def test_reports_are_found_below_directories_and_the_status_is_the_verdict(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert totals.main([str(tmp_path)]) == 2
    left_by(asked_of(tmp_path / "a"), 4)
    left_by(asked_of(tmp_path / "b"), 3)
    assert totals.main(["-o", "json", str(tmp_path / "a"), str(tmp_path / "b"), str(tmp_path)]) == 0
    assert [row["seed"] for row in json.loads(capsys.readouterr().out)["campaigns"]] == [3, 4], "each report counts once"
    left_by(asked_of(tmp_path / "b"), 5, verdict="violated")
    assert totals.main([str(tmp_path)]) == 1


def runs(monkeypatch: pytest.MonkeyPatch, statuses: dict[int, int], asked: series.Asked) -> list[int]:
    """Seeds that were run, in place of campaigns; status 0 and 1 leave a report, others none."""
    ran: list[int] = []

    def pretend(command: list[str], *, check: bool) -> Any:
        seed = int(command[command.index("--seed") + 1])
        assert not asked.place(seed).exists(), "what an interrupted campaign left is no beginning"
        ran.append(seed)
        if statuses.get(seed, 0) in (0, 1):
            left_by(asked, seed, verdict="violated" if statuses.get(seed) else "ok")
        return SimpleNamespace(returncode=statuses.get(seed, 0))

    monkeypatch.setattr(subprocess, "run", pretend)
    return ran


def test_a_series_goes_on_where_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = asked_of(tmp_path, 1, 2, 3)
    left_by(asked, 1)
    (asked.place(2) / "m0").mkdir(parents=True)
    ran = runs(monkeypatch, {}, asked)
    assert series.run(asked, lambda line: None) == 0
    assert ran == [2, 3]
    told = json.loads((tmp_path / series.TOTALS).read_text())
    assert told["totals"]["campaigns"] == 3 and told["without_verdict"] == []
    assert (tmp_path / series.SUMMARY).read_text().count("\n| 3 | ") == 3


def test_reports_of_other_options_are_not_taken_for_ones_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = asked_of(tmp_path, 1)
    left_by(series.Asked((1,), 5.0, 3, "", tmp_path), 1)
    assert runs(monkeypatch, {}, asked) == [] and series.run(asked, lambda line: None) == 0
    assert json.loads((asked.place(1) / totals.REPORT).read_text())["options"]["minutes"] == 3.0


def test_one_violation_is_the_status_and_keeps_no_seed_from_its_turn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = asked_of(tmp_path, 1, 2, 3)
    ran = runs(monkeypatch, {1: 1}, asked)
    assert series.run(asked, lambda line: None) == 1
    assert ran == [1, 2, 3]


def test_a_campaign_that_came_to_no_verdict_is_no_success(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = asked_of(tmp_path, 1, 2)
    runs(monkeypatch, {1: -9}, asked)
    assert series.run(asked, lambda line: None) == 1
    told = json.loads((tmp_path / series.TOTALS).read_text())
    assert told["totals"]["campaigns"] == 1 and "seed 1 ended with status -9" in told["without_verdict"][0]


def test_where_campaigns_cannot_run_the_series_ends_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = asked_of(tmp_path, 1, 2)
    ran = runs(monkeypatch, {1: 2}, asked)
    assert series.run(asked, lambda line: None) == 2
    assert ran == [1]
