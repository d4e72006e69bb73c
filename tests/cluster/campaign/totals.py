"""Several campaigns added up: a row each and their totals, from the report.json that each left.

    python -m tests.cluster.campaign.totals DIRECTORY...      # every report.json below these, as a table in Markdown
    python -m tests.cluster.campaign.totals -o json DIRECTORY...

Exit status: 0 all sound, 1 a violation, 2 there is nothing to add up.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from tests.cluster.campaign.table import FAULTS

REPORT = "report.json"


@dataclass(frozen=True)
class Row:
    """One campaign. `unavailable_s`, `longest_s`: stretches of at least 0.25 s without a write while faults were injected."""

    members: int
    seed: int
    faults_s: float
    faults: int
    """Carried out to their end."""
    by_kind: dict[str, int]
    operations: int
    unknown: int
    """Operations whose outcome nobody learnt."""
    unavailable_s: float
    longest_s: float
    verdict: str
    violated: list[str] = field(default_factory=list)
    commit: str = ""


def row_of(told: dict[str, Any]) -> Row:
    """What a report.json says (`report.as_json`)."""
    kind_of = {fault.name: fault.kind for fault in FAULTS}
    done = [fault["planned"]["fault"] for fault in told["faults"] if fault["outcome"] == "done"]
    writes = told["availability"]["writes"]
    return Row(
        members=told["members"],
        seed=told["seed"],
        faults_s=told["faults_s"],
        faults=len(done),
        by_kind=dict(sorted(Counter(kind_of.get(name, name) for name in done).items())),
        operations=told["operations_total"],
        unknown=sum(int(kind["unknown"]) for kind in told["operations"].values()),
        unavailable_s=writes["total_s"],
        longest_s=writes["longest_s"],
        verdict=told["verdict"],
        violated=[finding["name"] for finding in told["findings"] if finding["verdict"] == "violated"],
        commit=told["versions"]["commit"],
    )


def rows_below(directories: Iterable[Path]) -> list[Row]:
    """Every report below the directories, by members and seed."""
    paths = sorted({path for directory in directories for path in directory.rglob(REPORT)})
    rows = [row_of(json.loads(path.read_text(encoding="utf-8"))) for path in paths]
    return sorted(rows, key=lambda row: (row.members, row.seed))


def totals_of(rows: Sequence[Row]) -> dict[str, Any]:
    by_kind: Counter[str] = Counter()
    for row in rows:
        by_kind.update(row.by_kind)
    faults_s = sum(row.faults_s for row in rows)
    unavailable_s = sum(row.unavailable_s for row in rows)
    return {
        "campaigns": len(rows),
        "violated": [f"{row.members} members, seed {row.seed}: {', '.join(row.violated)}" for row in rows if row.verdict != "ok"],
        "faults_s": round(faults_s, 1),
        "faults": sum(row.faults for row in rows),
        "faults_a_minute": round(60 * sum(row.faults for row in rows) / faults_s, 1) if faults_s else 0.0,
        "faults_by_kind": dict(sorted(by_kind.items())),
        "operations": sum(row.operations for row in rows),
        "operations_a_second": round(sum(row.operations for row in rows) / faults_s) if faults_s else 0,
        "unknown": sum(row.unknown for row in rows),
        "unavailable_s": round(unavailable_s, 1),
        "longest_unavailable_s": max((row.longest_s for row in rows), default=0.0),
        "served_share": round(1 - unavailable_s / faults_s, 4) if faults_s else 1.0,
        "commits": sorted({row.commit for row in rows}),
    }


def as_json(rows: Sequence[Row]) -> dict[str, Any]:
    return {"totals": totals_of(rows), "campaigns": [asdict(row) for row in rows]}


def as_markdown(rows: Sequence[Row]) -> str:
    totals = totals_of(rows)
    lines = [
        "| members | seed | minutes | faults | operations | outcome unknown | without a write s | longest s | verdict |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        verdict = row.verdict + (f": {', '.join(row.violated)}" if row.violated else "")
        cells = (row.members, row.seed, f"{row.faults_s / 60:.1f}", row.faults, f"{row.operations:,}", row.unknown)
        lines.append(f"| {' | '.join(map(str, cells))} | {row.unavailable_s:.1f} | {row.longest_s:.1f} | {verdict} |")
    sound = "ok" if not totals["violated"] else f"{len(totals['violated'])} violated"
    summed = (f"{totals['faults_s'] / 60:.1f}", totals["faults"], f"{totals['operations']:,}", totals["unknown"])
    lines.append(
        f"| **all** | {len(rows)} | {' | '.join(map(str, summed))} | {totals['unavailable_s']:.1f} "
        f"| {totals['longest_unavailable_s']:.1f} | {sound} |"
    )
    kinds = ", ".join(f"{kind} {count}" for kind, count in totals["faults_by_kind"].items())
    rates = f"{totals['faults_a_minute']} faults a minute, {totals['operations_a_second']} operations a second"
    return "\n".join([*lines, "", f"Faults by kind: {kinds}; {rates}, served {100 * totals['served_share']:.1f} % of the time.", ""])


def main(words: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.cluster.campaign.totals", description=__doc__)
    parser.add_argument("directories", nargs="+", type=Path, help="where campaigns left their reports")
    parser.add_argument("-o", "--output", choices=("markdown", "json"), default="markdown")
    given = parser.parse_args(words)
    rows = rows_below(given.directories)
    if not rows:
        print(f"no {REPORT} below {', '.join(map(str, given.directories))}", file=sys.stderr)
        return 2
    print(as_markdown(rows) if given.output == "markdown" else json.dumps(as_json(rows), indent=1), end="")
    return 1 if any(row.verdict != "ok" for row in rows) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
