"""What a campaign leaves: report.md for people, report.json for machines, timeline.png for the eyes."""

from __future__ import annotations

import json
import platform
import subprocess
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from quorate.wire.commands import Range
from quorate_node.simulator.history import Consistency, Operation, Outcome
from tests.cluster.campaign.nemesis import Action
from tests.cluster.campaign.outages import outages, percentile, totals
from tests.cluster.campaign.verdict import Finding

REPOSITORY = Path(__file__).resolve().parents[3]
COUNTEREXAMPLE_CHARACTERS_MAX = 6_000


@dataclass
class Run:
    """All that happened. Times in seconds since `begun_ns` (monotonic)."""

    seed: int
    members: int
    begun_ns: int
    faults_until_s: float
    ended_s: float
    options: dict[str, Any]
    operations: list[Operation]
    actions: list[Action]
    findings: list[Finding]
    left_out: dict[str, str]
    """Faults that could not be had here, with the reason."""

    @property
    def violated(self) -> bool:
        return any(finding.verdict == "violated" for finding in self.findings)

    def seconds(self, at_ns: int) -> float:
        return (at_ns - self.begun_ns) / 1e9


def kind_of(operation: Operation) -> str:
    if isinstance(operation.request, Range):
        return f"{operation.consistency.value} read"
    name = type(operation.request).__name__
    return f"{name} in a session" if operation.session else name


def is_write(operation: Operation) -> bool:
    return type(operation.request).__name__ in ("Put", "DeleteRange", "Txn")


def is_read(operation: Operation) -> bool:
    """Reads that need the cluster: a stale one is answered by any member that lives."""
    return isinstance(operation.request, Range) and operation.consistency is Consistency.LINEARIZABLE


def by_kind(operations: Sequence[Operation]) -> dict[str, dict[str, float | int]]:
    """kind -> ok, failed, unknown, and the latency of successes in milliseconds (p50_ms, p99_ms, longest_ms)."""
    outcomes: dict[str, Counter[str]] = defaultdict(Counter)
    took_ms: dict[str, list[float]] = defaultdict(list)
    for operation in operations:
        kind = kind_of(operation)
        outcomes[kind][operation.outcome.value] += 1
        if operation.outcome is Outcome.OK:
            took_ms[kind].append((operation.completed_ns - operation.invoked_ns) / 1e6)
    table: dict[str, dict[str, float | int]] = {}
    for kind in sorted(outcomes):
        ordered = sorted(took_ms[kind])
        table[kind] = {outcome.value: outcomes[kind][outcome.value] for outcome in Outcome}
        table[kind] |= {"p50_ms": round(percentile(ordered, 0.5), 2), "p99_ms": round(percentile(ordered, 0.99), 2)}
        table[kind]["longest_ms"] = round(ordered[-1], 1) if ordered else 0.0
    return table


def availability(run: Run) -> dict[str, dict[str, Any]]:
    """For reads and writes: the totals, and every outage, while faults were injected."""
    table: dict[str, dict[str, Any]] = {}
    for name, of_kind in (("reads", is_read), ("writes", is_write)):
        successes_s = [run.seconds(each.completed_ns) for each in run.operations if each.outcome is Outcome.OK and of_kind(each)]
        found = outages(successes_s, 0.0, run.faults_until_s)
        told = [{"begin_s": round(each.begin_s, 3), "length_s": round(each.length_s, 3)} for each in found]
        table[name] = {**totals(found, 0.0, run.faults_until_s), "outages": told}
    return table


def versions() -> dict[str, str]:
    asked = subprocess.run(["git", "rev-parse", "--short", "HEAD"], cwd=REPOSITORY, capture_output=True, text=True, check=False)
    commit = asked.stdout.strip()
    return {"quorate": version("quorate"), "commit": commit, "python": platform.python_version(), "kernel": platform.release()}


def as_json(run: Run) -> dict[str, Any]:
    return {
        "seed": run.seed,
        "members": run.members,
        "verdict": "violated" if run.violated else "ok",
        "versions": versions(),
        "options": run.options,
        "faults_s": round(run.faults_until_s, 1),
        "duration_s": round(run.ended_s, 1),
        "operations": by_kind(run.operations),
        "operations_total": len(run.operations),
        "availability": availability(run),
        "findings": [finding.told() for finding in run.findings],
        "faults": [action.told() for action in run.actions],
        "faults_left_out": run.left_out,
    }


def _table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> list[str]:
    lines = ["| " + " | ".join(str(cell) for cell in row) + " |" for row in (head, *rows)]
    return [lines[0], "|" + "---|" * len(head), *lines[1:], ""]


def as_markdown(told: dict[str, Any]) -> str:
    done = [fault for fault in told["faults"] if fault["outcome"] == "done"]
    lines = [f"# Campaign, seed {told['seed']}: {told['verdict']}", "", f"{told['members']} members, {told['faults_s']} s of faults: "]
    lines[-1] += f"{len(done)} of {len(told['faults'])} faults carried out, {told['operations_total']} operations."
    lines += ["", "![timeline](timeline.png)", "", "## Verdict", ""]
    lines += _table(["property", "verdict", "judged"], [[each["name"], each["verdict"], each["judged"]] for each in told["findings"]])
    for each in told["findings"]:
        if each["explanation"]:
            lines += [f"### {each['name']}", "", "```", each["explanation"][:COUNTEREXAMPLE_CHARACTERS_MAX], "```", ""]
    lines += ["## Availability while faults were injected", ""]
    rows = [[name, each["count"], each["longest_s"], each["total_s"], each["served_share"]] for name, each in told["availability"].items()]
    lines += _table(["", "outages", "longest s", "total s", "share of time served"], rows)
    lines += ["## Operations", ""]
    columns = ("ok", "failed", "unknown", "p50_ms", "p99_ms", "longest_ms")
    lines += _table(["kind", *columns], [[kind, *(row[column] for column in columns)] for kind, row in told["operations"].items()])
    lines += ["## Faults", ""]
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    for fault in told["faults"]:
        counts[fault["planned"]["fault"]][fault["outcome"]] += 1
    outcomes = ("done", "skipped", "failed")
    lines += _table(["fault", *outcomes], [[name, *(counts[name][outcome] for outcome in outcomes)] for name in sorted(counts)])
    if told["faults_left_out"]:
        lines += _table(["not to be had here", "why"], list(told["faults_left_out"].items()))
    lines += ["### One after the other", ""]
    rows = [
        [each["planned"]["number"], each["planned"]["fault"], " ".join(each["victims"]), _at(each["began_s"]), _at(each["ended_s"]),
         each["outcome"], "; ".join([*each["notes"], each["reason"]])[:200].replace("\n", " ").replace("|", "/")]
        for each in told["faults"]
    ]  # fmt: skip
    lines += _table(["", "fault", "members", "began s", "ended s", "outcome", "notes"], rows)
    lines += ["## Options", "", "```json", json.dumps({"versions": told["versions"], **told["options"]}, indent=1), "```", ""]
    return "\n".join(lines)


def _at(seconds: float | None) -> str:
    return "" if seconds is None else f"{seconds:.1f}"


def leave(run: Run, directory: Path) -> dict[str, Any]:
    """Write both reports; returns what report.json holds."""
    told = as_json(run)
    (directory / "report.json").write_text(json.dumps(told, indent=1, default=asdict) + "\n", encoding="utf-8")
    (directory / "report.md").write_text(as_markdown(told), encoding="utf-8")
    return told
