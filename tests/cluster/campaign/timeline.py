"""The picture of a campaign: what each member was, which faults were on, what clients got and how long they waited, on one axis of time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import nan
from pathlib import Path
from typing import Any

import matplotlib as mpl

mpl.use("Agg")
import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.patches import Patch

from quorate_node.simulator.history import Outcome
from tests.cluster.campaign.faults import Fault
from tests.cluster.campaign.outages import percentile
from tests.cluster.campaign.report import Run, availability, is_read, is_write
from tests.cluster.campaign.timeline_faults import draw_faults, inches_of, lanes_of

STATES = {
    "leader": "#1b6ca8",
    "follower": "#a9cfe8",
    "candidate": "#f2c14e",
    "learner": "#b9e3c6",
    "silent": "#dddddd",
    "paused": "#8e6bb0",
    "down": "#3a3a3a",
}
"""Colours that stay apart for colour-blind eyes: blues for those that serve, yellow for doubt, dark for those that do not."""
BINS_MAX = 240
DPI = 100
PANEL_SHARE = 0.93
"""Of the picture's width: what the names of lanes leave for time."""
STRIP = 0.13
"""Of the axis of operations, below zero: for what did not succeed, of which there is too little to see it on the scale of what did."""


@dataclass(frozen=True)
class Stretch:
    """A member was in a state from begin to end, in seconds."""

    member: str
    state: str
    begin_s: float
    end_s: float


def draw(run: Run, stretches: Sequence[Stretch], faults: Sequence[Fault], path: Path) -> None:
    """Write the picture; about 1,800 pixels wide, wider for long campaigns."""
    members = sorted({stretch.member for stretch in stretches})
    width = min(48.0, max(18.0, run.ended_s / 14))
    lanes = lanes_of(run, faults, seconds_per_inch=run.ended_s / (PANEL_SHARE * width))
    heights = [0.42 * len(members) + 0.4, inches_of(lanes), 2.2, 2.2]
    figure, axes = plt.subplots(4, 1, figsize=(width, sum(heights) + 1.6), sharex=True, dpi=DPI, gridspec_kw={"height_ratios": heights})
    figure.suptitle(_title(run), x=0.01, ha="left", fontsize=13, fontweight="bold", color="#c0392b" if run.violated else "#222222")
    table = availability(run)
    _members(axes[0], members, stretches)
    draw_faults(axes[1], lanes)
    _throughput(axes[2], run, table)
    _latency(axes[3], run, table)
    axes[3].set_xlabel("seconds since the campaign began")
    for each in axes:
        each.set_xlim(0, run.ended_s)
        each.axvline(run.faults_until_s, color="#2b8a3e", linewidth=1.2, linestyle="--")
        each.spines[["top", "right"]].set_visible(False)
    axes[1].text(run.faults_until_s, axes[1].get_ylim()[1], " quiet", color="#2b8a3e", fontsize=8, va="bottom", clip_on=False)
    figure.tight_layout(rect=(0, 0, 1, 0.985))
    figure.savefig(path, dpi=DPI)
    plt.close(figure)


def _title(run: Run) -> str:
    violated = [finding.name for finding in run.findings if finding.verdict == "violated"]
    verdict = f"VIOLATED: {', '.join(violated)}" if violated else "nothing lost, nothing wrong"
    done = sum(action.outcome == "done" for action in run.actions)
    return f"seed {run.seed}, {run.members} members, {done} faults, {len(run.operations):,} operations: {verdict}"


def _members(axes: Axes, members: Sequence[str], stretches: Sequence[Stretch]) -> None:
    for stretch in stretches:
        lane = (members.index(stretch.member) - 0.36, 0.72)
        length_s = max(stretch.end_s - stretch.begin_s, 0.05)
        axes.broken_barh([(stretch.begin_s, length_s)], lane, facecolors=STATES.get(stretch.state, STATES["silent"]))
    axes.set_yticks(range(len(members)), members)
    axes.set_ylim(len(members) - 0.5, -0.5)
    axes.tick_params(axis="y", length=0)
    axes.set_title("members", loc="left", fontsize=10)
    handles = [Patch(color=colour, label=state) for state, colour in STATES.items()]
    axes.legend(handles=handles, ncols=len(handles), fontsize=8, frameon=False, loc="lower right", bbox_to_anchor=(1.0, 1.0))


def _bins(run: Run) -> tuple[int, float]:
    width_s = max(0.5, run.ended_s / BINS_MAX)
    return max(1, int(run.ended_s / width_s) + 1), width_s


def _throughput(axes: Axes, run: Run, table: dict[str, dict[str, Any]]) -> None:
    count, width_s = _bins(run)
    rows = {"reads": [0.0] * count, "writes": [0.0] * count, "refused": [0.0] * count, "outcome unknown": [0.0] * count}
    for operation in run.operations:
        if operation.outcome is Outcome.OK:
            name = "writes" if is_write(operation) else "reads"
            at_s = run.seconds(operation.completed_ns)
        elif operation.outcome is Outcome.FAILED:
            name, at_s = "refused", run.seconds(operation.completed_ns)
        else:
            name, at_s = "outcome unknown", run.seconds(operation.invoked_ns)
        rows[name][min(count - 1, max(0, int(at_s / width_s)))] += 1 / width_s
    times = [(number + 0.5) * width_s for number in range(count)]
    axes.stackplot(times, rows["reads"], rows["writes"], colors=["#a9cfe8", "#1b6ca8"], labels=["reads", "writes"])
    most = max(map(sum, zip(rows["reads"], rows["writes"], strict=True)), default=0.0) or 1.0
    for depth, (name, marker, colour) in enumerate((("refused", "v", "#e67e22"), ("outcome unknown", "x", "#c0392b"))):
        times_s = [at_s for at_s, rate in zip(times, rows[name], strict=True) if rate]
        if times_s:
            below = -most * STRIP * (2 * depth + 1) / 4
            axes.scatter(times_s, [below] * len(times_s), s=12, marker=marker, color=colour, label=name, zorder=3)
    axes.axhline(0, color="#222222", linewidth=0.6)
    axes.set_yticks([tick for tick in axes.get_yticks() if tick >= 0])
    _shade(axes, table["writes"])
    axes.set_ylim(-most * STRIP, most * 1.05)
    axes.set_ylabel("operations / s")
    longest = f"longest without a write {table['writes']['longest_s']} s, without a linearizable read {table['reads']['longest_s']} s"
    axes.set_title(f"what clients got ({longest}; shaded: no write succeeded)", loc="left", fontsize=10)
    axes.legend(ncols=4, fontsize=8, frameon=False, loc="lower right", bbox_to_anchor=(1.0, 1.0))


def _latency(axes: Axes, run: Run, table: dict[str, dict[str, Any]]) -> None:
    count, width_s = _bins(run)
    for name, of_kind, colour in (("writes", is_write, "#1b6ca8"), ("reads", is_read, "#e67e22")):
        waits_ms: list[list[float]] = [[] for _ in range(count)]
        for operation in run.operations:
            if operation.outcome is Outcome.OK and of_kind(operation):
                at = min(count - 1, int(run.seconds(operation.completed_ns) / width_s))
                waits_ms[at].append((operation.completed_ns - operation.invoked_ns) / 1e6)
        times = [(at + 0.5) * width_s for at in range(count)]
        ordered = [sorted(waits) for waits in waits_ms]
        # NaN where nothing succeeded: a line through there would tell of waits that nobody had.
        medians = [percentile(waits, 0.5) if waits else nan for waits in ordered]
        longest = [waits[-1] if waits else nan for waits in ordered]
        axes.plot(times, medians, color=colour, linewidth=1.2, label=f"{name}, median")
        axes.plot(times, longest, color=colour, linewidth=0, marker=".", markersize=4, label=f"{name}, longest")
    axes.set_yscale("log")
    _shade(axes, table["writes"])
    axes.grid(axis="y", color="#eeeeee")
    axes.set_axisbelow(True)
    axes.set_ylabel("ms")
    axes.set_title("how long they waited for it", loc="left", fontsize=10)
    axes.legend(ncols=4, fontsize=8, frameon=False, loc="lower right", bbox_to_anchor=(1.0, 1.0))


def _shade(axes: Axes, writes: dict[str, Any]) -> None:
    for outage in writes["outages"]:
        axes.axvspan(outage["begin_s"], outage["begin_s"] + outage["length_s"], color="#c0392b", alpha=0.15, linewidth=0)
