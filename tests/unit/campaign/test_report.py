"""What a report says of a run: counts, waits, outages, and a verdict that nobody can overlook."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from quorate.wire.commands import DeleteRange, Put, Range
from quorate_node.simulator.history import NEVER_NS, Consistency, Operation, Outcome
from tests.cluster.campaign.nemesis import Action, Planned
from tests.cluster.campaign.report import Run, availability, by_kind, leave
from tests.cluster.campaign.verdict import Finding, finding

BEGUN_NS = 5_000_000_000
S = 1_000_000_000


def operation(request: object, at_s: float, took_s: float, outcome: Outcome = Outcome.OK, **more: object) -> Operation:
    invoked_ns = BEGUN_NS + int(at_s * S)
    completed_ns = NEVER_NS if outcome is Outcome.UNKNOWN else invoked_ns + int(took_s * S)
    fields = {"number": int(at_s * 1000), "client": 1, "member": "m0", "request": request, "outcome": outcome, **more}
    return Operation(invoked_ns=invoked_ns, completed_ns=completed_ns, **fields)  # type: ignore[arg-type]


def run_of(operations: list[Operation], findings: list[Finding] | None = None) -> Run:
    planned = Planned(1, 1.0, "kill", 2.0, "leader", 0.5, {})
    action = Action(planned, ["m1"], 1.0, 4.5, "done", "", ["m1 had caught up | after 1.5 s"])
    return Run(7, 3, BEGUN_NS, 10.0, 12.0, {"minutes": 1.0}, operations, [action], findings or [], {"wall-clock": "no libfaketime"})


PUT, READ = Put(b"k", b"v"), Range(b"k")


def test_operations_are_counted_by_kind_and_outcome_with_the_waits_of_those_that_succeeded() -> None:
    table = by_kind(
        [
            operation(PUT, 1.0, 0.010),
            operation(PUT, 2.0, 0.030),
            operation(PUT, 3.0, 1.0, Outcome.UNKNOWN),
            operation(PUT, 4.0, 0.5, session=9, seq=1),
            operation(READ, 5.0, 0.002, consistency=Consistency.STALE),
            operation(READ, 6.0, 3.0, Outcome.FAILED),
        ]
    )
    assert table["Put"] == {"ok": 2, "failed": 0, "unknown": 1, "p50_ms": 30.0, "p99_ms": 30.0, "longest_ms": 30.0}
    assert table["Put in a session"]["ok"] == 1
    assert table["stale read"]["longest_ms"] == 2.0
    assert table["linearizable read"] == {"ok": 0, "failed": 1, "unknown": 0, "p50_ms": 0.0, "p99_ms": 0.0, "longest_ms": 0.0}


def test_outages_of_reads_and_writes_are_told_apart_and_a_stale_read_ends_none() -> None:
    operations = [operation(DeleteRange(b"k"), each / 10, 0.0) for each in range(100)]
    operations += [operation(READ, each / 10, 0.0) for each in (*range(40), *range(70, 101))]
    operations += [operation(READ, 5.0, 0.0, consistency=Consistency.STALE)]
    table = availability(run_of(operations))
    assert table["writes"]["count"] == 0 and table["writes"]["served_share"] == 1.0
    assert table["reads"]["outages"] == [{"begin_s": 3.9, "length_s": 3.1}]
    assert table["reads"]["longest_s"] == pytest.approx(3.1)


def test_a_violation_is_in_the_title_and_its_counterexample_below(tmp_path: Path) -> None:
    sound, wrong = finding("all members tell one history", 12, []), finding("linearizable", 3, ["revision 7 was lost"])
    told = leave(run_of([operation(PUT, 1.0, 0.01)], [sound, wrong]), tmp_path)
    assert told["verdict"] == "violated"
    text = (tmp_path / "report.md").read_text()
    assert text.startswith("# Campaign, seed 7: violated\n")
    assert "revision 7 was lost" in text and "| all members tell one history | ok | 12 |" in text
    assert "| wall-clock | no libfaketime |" in text
    assert "m1 had caught up / after 1.5 s" in text, "a bar in a note must not end its cell"
    assert json.loads((tmp_path / "report.json").read_text())["findings"][1]["verdict"] == "violated"


def test_without_a_violation_it_says_ok(tmp_path: Path) -> None:
    assert leave(run_of([operation(PUT, 1.0, 0.01)], [finding("linearizable", 1, [])]), tmp_path)["verdict"] == "ok"
    assert (tmp_path / "report.md").read_text().startswith("# Campaign, seed 7: ok\n")
