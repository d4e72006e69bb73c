"""Campaigns of many seeds, one after the other, each in a process of its own: what one needs of memory is the next one's again.

A series that was interrupted goes on where it was: a seed whose report is there is not run again.
"""

from __future__ import annotations

import json
import math
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.cluster.campaign.totals import REPORT, Row, as_json, as_markdown, row_of

SUMMARY, TOTALS = "summary.md", "totals.json"
SEEDS_MAX = 10_000
STAGE_MINUTES_MAX = 10.0
"""At a thousand operations a second about a gigabyte of the driver's memory, however long the whole takes."""
OVERHEAD_S = 40.0
"""What a campaign takes beside its faults until one has told: the cluster's start, the quiet, the verdict."""


def seeds_of(words: str) -> list[int]:
    """`1..20`, `7`, or several of these with commas. Raises ValueError, which says what would be right."""
    seeds: list[int] = []
    for word in words.split(","):
        first, dots, last = word.strip().partition("..")
        if not first.isdigit() or (dots and not last.isdigit()):
            raise ValueError(f"--seeds: {word.strip()!r} is no seed and no range; right are 7, 1..20, or several with commas")
        numbers = range(int(first), int(last or first) + 1)
        if not 0 < len(numbers) <= SEEDS_MAX:
            raise ValueError(f"--seeds: {word.strip()!r} names {len(numbers)} seeds; a range has 1 to {SEEDS_MAX}, the lower one first")
        seeds += [seed for seed in numbers if seed not in seeds]
    return seeds


def stages(minutes: float) -> int:
    """Into how many campaigns of equal length a long one is cut: each keeps its history in memory, about 2 KB an operation."""
    return max(1, math.ceil(minutes / STAGE_MINUTES_MAX))


@dataclass(frozen=True)
class Asked:
    """What every seed is run with."""

    seeds: tuple[int, ...]
    minutes: float
    members: int
    faults: str
    directory: Path

    def place(self, seed: int) -> Path:
        return self.directory / f"{self.members}-members-seed-{seed}"

    def command(self, seed: int) -> list[str]:
        words = ["--minutes", f"{self.minutes:g}", "--members", str(self.members), "--seed", str(seed), "--output", str(self.place(seed))]
        return [sys.executable, "-m", "tests.cluster.campaign", *words, *(["--faults", self.faults] if self.faults else [])]


def run(asked: Asked, say: Callable[[str], None]) -> int:
    """Status 0: all sound; 1: a violation, or a campaign that came to no verdict; 2: campaigns cannot run here."""
    asked.directory.mkdir(parents=True, exist_ok=True)
    rows: list[Row] = []
    without_verdict: list[str] = []
    begun_s, run_here = time.monotonic(), 0
    for number, seed in enumerate(asked.seeds):
        report = asked.place(seed) / REPORT
        known = _known(report, asked)
        if known is None:
            left = len(asked.seeds) - number
            each_s = (time.monotonic() - begun_s) / run_here if run_here else asked.minutes * 60 + OVERHEAD_S
            say(f"seed {seed}: {number + 1} of {len(asked.seeds)}; about {left * each_s / 60:.0f} minutes are left")
            shutil.rmtree(asked.place(seed), ignore_errors=True)  # of one that was interrupted: its members' data are no beginning
            status = subprocess.run(asked.command(seed), check=False).returncode
            run_here += 1
            if status == 2:
                return 2
            known = _known(report, asked)
        else:
            say(f"seed {seed}: its report is there: {known.verdict}")
        if known is None:
            without_verdict.append(f"seed {seed} ended with status {status} and left no report: see {asked.place(seed)}")
            say(without_verdict[-1])
            continue
        rows.append(known)
        _leave(asked.directory, rows, without_verdict)
    print(as_markdown(rows), flush=True)
    say(f"{SUMMARY} and {TOTALS} are in {asked.directory}")
    return 1 if without_verdict or any(row.verdict != "ok" for row in rows) else 0


def _known(report: Path, asked: Asked) -> Row | None:
    """The row of a campaign that came to its end with the same options."""
    if not report.exists():
        return None
    told = json.loads(report.read_text(encoding="utf-8"))
    return row_of(told) if told["options"]["minutes"] == asked.minutes else None


def _leave(directory: Path, rows: Sequence[Row], without_verdict: Iterable[str]) -> None:
    """After every campaign: an interrupted series has its figures so far."""
    (directory / SUMMARY).write_text("\n".join([as_markdown(rows), *without_verdict, ""]), encoding="utf-8")
    told = as_json(rows) | {"without_verdict": list(without_verdict)}
    (directory / TOTALS).write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")
