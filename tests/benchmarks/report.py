"""The figures for people: a table with verdicts, a JSON file, a plot."""

from __future__ import annotations

import json
import os
import platform
import sys
import sysconfig
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from tests.benchmarks.throughput import RowResult


@dataclass(frozen=True)
class Verdict:
    """One line of the table, in words and in figures."""

    name: str
    title: str
    measured: str
    judged: float
    goal: float
    floor: float
    unit: str
    reached_goal: bool
    reached_floor: bool

    @property
    def word(self) -> str:
        return "goal" if self.reached_goal else "floor" if self.reached_floor else "MISSED"


def of_row(result: RowResult) -> Verdict | None:
    """None when there is no etcd figure to compare with."""
    judged = result.judged
    if judged is None:
        return None
    row = result.row
    if row.figure == "cpu_us":
        measured, unit = f"{judged:.0f} us" + (f" (etcd {result.theirs.median('cpu_us'):.0f})" if result.theirs.cpu_us else ""), "us"
    elif row.figure == "p50_ms":
        measured, unit = f"{result.ours.median('p50_ms'):.2f} ms (etcd {result.theirs.median('p50_ms'):.2f})", "x"
    else:
        measured, unit = f"{result.ours.median('per_second'):,.0f}/s (etcd {result.theirs.median('per_second'):,.0f})", "x"
    reached = (row.reached(judged, row.goal), row.reached(judged, row.floor))
    return Verdict(row.name, row.title, measured, judged, row.goal, row.floor, unit, *reached)


def at_most(name: str, title: str, value: float, limit: float, unit: str, measured: str = "") -> Verdict:
    """A line with one limit that is both goal and floor."""
    good = value <= limit
    return Verdict(name, title, measured or f"{value:.0f} {unit}", value, limit, limit, unit, good, good)


def table(verdicts: Sequence[Verdict]) -> str:
    """A Markdown table."""
    lines = ["| | measured | judged | goal | floor | |", "|---|---|---|---|---|---|"]
    for each in verdicts:
        values = [f"{value:.2f}x" if each.unit == "x" else f"{value:.0f} {each.unit}" for value in (each.judged, each.goal, each.floor)]
        lines.append(f"| {each.title} | {each.measured} | {' | '.join(values)} | {each.word} |")
    return "\n".join(lines)


def machine() -> dict[str, Any]:
    model = next((line.split(":", 1)[1].strip() for line in Path("/proc/cpuinfo").read_text().splitlines() if "model name" in line), "?")
    return {"cpu": model, "cores": os.cpu_count(), "kernel": platform.release(), "python": interpreter()}


def interpreter() -> str:
    """Its version, and whether profile-guided optimisation made it 10 to 15 % faster, as in the image; distributions' are built with it."""
    optimised = sys.base_prefix == "/usr" or "--enable-optimizations" in (sysconfig.get_config_var("CONFIG_ARGS") or "")
    return f"{platform.python_version()}, {'with' if optimised else 'without'} profile-guided optimisation"


def write(directory: Path, verdicts: Sequence[Verdict], results: Sequence[RowResult], others: dict[str, Any]) -> None:
    """benchmarks.json, benchmarks.md and benchmarks.png in `directory`."""
    directory.mkdir(parents=True, exist_ok=True)
    content = {
        "machine": machine(),
        "verdicts": [{**asdict(verdict), "word": verdict.word} for verdict in verdicts],
        "throughput": [result.as_json() for result in results],
        **others,
    }
    (directory / "benchmarks.json").write_text(json.dumps(content, indent=1, default=str) + "\n", encoding="utf-8")
    (directory / "benchmarks.md").write_text(table(verdicts) + "\n", encoding="utf-8")
    rated = [result for result in results if result.row.figure == "per_second" and result.theirs.per_second]
    if rated:
        plot(directory / "benchmarks.png", rated)


def plot(path: Path, results: Sequence[RowResult]) -> None:
    """Operations a second, both systems, medians with the range of the runs."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(figsize=(10, 0.9 * len(results) + 1.5))
    for offset, name, colour in ((-0.2, "quorate", "#2a6f97"), (0.2, "etcd", "#c9ada7")):
        runs = [(result.ours if name == "quorate" else result.theirs).per_second for result in results]
        medians = [sorted(values)[len(values) // 2] for values in runs]
        errors = [[m - min(v) for m, v in zip(medians, runs, strict=True)], [max(v) - m for m, v in zip(medians, runs, strict=True)]]
        places = [number + offset for number in range(len(results))]
        axes.barh(places, medians, 0.38, xerr=errors, label=name, color=colour, capsize=3)
        for place, value in zip(places, medians, strict=True):
            axes.text(value, place, f" {value:,.0f}", va="center", fontsize=8)
    axes.set_yticks(range(len(results)), [result.row.title for result in results])
    axes.invert_yaxis()
    axes.set_xlabel("operations a second (median, range of runs); three members on loopback, 256-byte values, synced")
    axes.legend()
    figure.tight_layout()
    figure.savefig(path, dpi=120)
    plt.close(figure)
