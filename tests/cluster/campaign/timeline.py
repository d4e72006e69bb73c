"""The picture of a campaign: what each member was, which faults were on, what clients got and how long they waited, on one axis of time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
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
KINDS = {
    "kill": "#c0392b",
    "pause": "#8e6bb0",
    "partition": "#e67e22",
    "network": "#f2c14e",
    "disk": "#7f5539",
    "clock": "#16a085",
    "failpoint": "#d6336c",
    "membership": "#2b8a3e",
    "leadership": "#1b6ca8",
    "maintenance": "#7a8a99",
}
BINS_MAX = 240
DPI = 100
CHARACTER_INCHES = 0.056
"""Of a label's letters: a label that would run into the one before it is left out, its bar is not."""


@dataclass(frozen=True)
class Stretch:
    """A member was in a state from begin to end, in seconds."""

    member: str
    state: str
    begin_s: float
    end_s: float


def draw(run: Run, stretches: Sequence[Stretch], faults: Sequence[Fault], path: Path) -> None:
    """Write the picture; about 1,800 pixels wide, wider for long campaigns."""
    kinds = [kind for kind in KINDS if any(fault.kind == kind for fault in faults)]
    members = sorted({stretch.member for stretch in stretches})
    width = min(48.0, max(18.0, run.ended_s / 14))
    heights = [0.42 * len(members) + 0.4, 0.36 * len(kinds) + 0.4, 2.2, 2.2]
    figure, axes = plt.subplots(4, 1, figsize=(width, sum(heights) + 1.6), sharex=True, dpi=DPI, gridspec_kw={"height_ratios": heights})
    figure.suptitle(_title(run), x=0.01, ha="left", fontsize=13, fontweight="bold", color="#c0392b" if run.violated else "#222222")
    table = availability(run)
    _members(axes[0], members, stretches)
    _faults(axes[1], kinds, run, {fault.name: fault.kind for fault in faults})
    _throughput(axes[2], run, table)
    _latency(axes[3], run, table)
    axes[3].set_xlabel("seconds since the campaign began")
    for each in axes:
        each.set_xlim(0, run.ended_s)
        each.axvline(run.faults_until_s, color="#2b8a3e", linewidth=1.2, linestyle="--")
        each.spines[["top", "right"]].set_visible(False)
    axes[1].text(run.faults_until_s, -0.75, " quiet", color="#2b8a3e", fontsize=8, va="center", clip_on=False)
    figure.tight_layout(rect=(0, 0, 1, 0.985))
    figure.savefig(path, dpi=DPI)
    plt.close(figure)


def _title(run: Run) -> str:
    violated = [finding.name for finding in run.findings if finding.verdict == "violated"]
    verdict = f"VIOLATED: {', '.join(violated)}" if violated else "nothing lost, nothing wrong"
    done = sum(action.outcome == "done" for action in run.actions)
    return f"seed {run.seed}, {run.members} members, {done} faults, {len(run.operations):,} operations: {verdict}"


def _lane(axes: Axes, number: int, begin_s: float, end_s: float, colour: str, **style: Any) -> None:
    axes.broken_barh([(begin_s, max(end_s - begin_s, 0.05))], (number - 0.36, 0.72), facecolors=colour, **style)


def _members(axes: Axes, members: Sequence[str], stretches: Sequence[Stretch]) -> None:
    for stretch in stretches:
        _lane(axes, members.index(stretch.member), stretch.begin_s, stretch.end_s, STATES.get(stretch.state, STATES["silent"]))
    axes.set_yticks(range(len(members)), members)
    axes.set_ylim(len(members) - 0.5, -0.5)
    axes.tick_params(axis="y", length=0)
    axes.set_title("members", loc="left", fontsize=10)
    handles = [Patch(color=colour, label=state) for state, colour in STATES.items()]
    axes.legend(handles=handles, ncols=len(handles), fontsize=8, frameon=False, loc="lower right", bbox_to_anchor=(1.0, 1.0))


def _faults(axes: Axes, kinds: Sequence[str], run: Run, kind_of: dict[str, str]) -> None:
    ends_s: dict[str, float] = dict.fromkeys(kinds, -1.0)
    character_s = CHARACTER_INCHES * run.ended_s / (axes.get_window_extent().width / DPI)
    for action in run.actions:
        if action.began_s is None or action.outcome == "skipped":
            continue
        kind = kind_of[action.planned.fault]
        ended_s = action.ended_s if action.ended_s is not None else run.ended_s
        failed = action.outcome == "failed"
        style = {"edgecolor": "#ff0000", "linewidth": 2.0} if failed else {"edgecolor": "white", "linewidth": 0.5}
        _lane(axes, kinds.index(kind), action.began_s, max(ended_s, action.began_s + run.ended_s / 300), KINDS[kind], **style)
        if action.began_s >= ends_s[kind]:
            whom = "" if len(action.victims) > 2 else " " + ",".join(action.victims)
            label = f"{'FAILED ' if failed else ''}{action.planned.fault}{whom}"
            axes.text(action.began_s, kinds.index(kind), f" {label}", fontsize=6.5, va="center", color="#111111", clip_on=True)
            ends_s[kind] = action.began_s + character_s * (len(label) + 2)
    axes.set_yticks(range(len(kinds)), kinds)
    axes.set_ylim(len(kinds) - 0.5, -0.5)
    axes.tick_params(axis="y", length=0)
    axes.grid(axis="y", color="#eeeeee")
    axes.set_axisbelow(True)
    axes.set_title("faults, until the members they hit had caught up", loc="left", fontsize=10)


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
    for name, marker, colour in (("refused", "v", "#e67e22"), ("outcome unknown", "x", "#c0392b")):
        points = [(at_s, rate) for at_s, rate in zip(times, rows[name], strict=True) if rate]
        if points:
            times_s, rates = zip(*points, strict=True)
            axes.scatter(times_s, rates, s=14, marker=marker, color=colour, label=name, zorder=3)
    _shade(axes, table["writes"])
    axes.set_ylim(bottom=0)
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
        known = [((at + 0.5) * width_s, sorted(waits)) for at, waits in enumerate(waits_ms) if waits]
        times = [at_s for at_s, _ in known]
        axes.plot(times, [percentile(waits, 0.5) for _, waits in known], color=colour, linewidth=1.2, label=f"{name}, median")
        axes.plot(times, [waits[-1] for _, waits in known], color=colour, linewidth=0, marker=".", markersize=4, label=f"{name}, longest")
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
