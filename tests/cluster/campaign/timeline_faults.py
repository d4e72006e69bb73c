"""The faults' panel of a campaign's picture: a lane for each kind, and in it a track for each of those that were on at the same time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes

from tests.cluster.campaign.faults import Fault
from tests.cluster.campaign.nemesis import Action
from tests.cluster.campaign.report import Run
from tests.cluster.campaign.tracks import tracks

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
BRIGHT = frozenset({"partition", "network"})
"""Kinds whose colour bears dark letters; on all others they are white."""
TRACK_INCHES = 0.19
LANE_GAP_INCHES = 0.1
FONT_POINTS = 7.0
CHARACTER_INCHES = 0.059
"""Of a label's letters at that size, with some room: it decides whether a label fits into its bar."""
SHORTEST_INCHES = 0.05
"""A bar is drawn this wide at least, or nobody sees it."""


@dataclass(frozen=True)
class Bar:
    """A fault, or what is left of its name beside it: `label_s` is where its letters begin."""

    begin_s: float
    end_s: float
    label: str
    label_s: float
    inside: bool
    """The letters are on the bar."""
    failed: bool
    track: int


@dataclass(frozen=True)
class Lane:
    """All faults of a kind, from `top` inches of the panel on, in `depth` tracks."""

    kind: str
    top: float
    depth: int
    bars: tuple[Bar, ...]


def label_of(action: Action) -> str:
    """The fault, and whom it hit; more than two are nearly all."""
    whom = "" if len(action.victims) > 2 else " " + ",".join(action.victims)
    return f"{'FAILED ' if action.outcome == 'failed' else ''}{action.planned.fault}{whom}".strip()


def lanes_of(run: Run, faults: Sequence[Fault], seconds_per_inch: float) -> list[Lane]:
    """A lane for each kind that was drawn from, also when none of it came. Every bar has its whole label, and nothing lies over another."""
    kind_of = {fault.name: fault.kind for fault in faults}
    came = sorted((action for action in run.actions if action.began_s is not None and action.outcome != "skipped"), key=_began_s)
    lanes: list[Lane] = []
    top = LANE_GAP_INCHES
    for kind in [kind for kind in KINDS if kind in kind_of.values()]:
        actions = [action for action in came if kind_of[action.planned.fault] == kind]
        bars = _bars(actions, run.ended_s, seconds_per_inch)
        depth = max((bar.track for bar in bars), default=0) + 1
        lanes.append(Lane(kind, top, depth, bars))
        top += depth * TRACK_INCHES + LANE_GAP_INCHES
    return lanes


def _began_s(action: Action) -> float:
    assert action.began_s is not None
    return action.began_s


def _bars(actions: Sequence[Action], run_ended_s: float, seconds_per_inch: float) -> tuple[Bar, ...]:
    """Tracks are given by what a fault needs of them: its bar, and a label that is longer than it."""
    placed: list[tuple[float, float, Action, bool]] = []
    for action in actions:
        begin_s = _began_s(action)
        end_s = max(action.ended_s if action.ended_s is not None else run_ended_s, begin_s + SHORTEST_INCHES * seconds_per_inch)
        label_s = (len(label_of(action)) + 1) * CHARACTER_INCHES * seconds_per_inch
        placed.append((begin_s, end_s, action, label_s <= end_s - begin_s))
    needs: list[tuple[float, float]] = []
    for begin_s, end_s, action, inside in placed:
        beside_s = (len(label_of(action)) + 2) * CHARACTER_INCHES * seconds_per_inch
        needs.append((begin_s, end_s if inside else end_s + beside_s))
    return tuple(
        Bar(begin_s, end_s, label_of(action), begin_s if inside else end_s, inside, action.outcome == "failed", track)
        for (begin_s, end_s, action, inside), track in zip(placed, tracks(needs), strict=True)
    )


def inches_of(lanes: Sequence[Lane]) -> float:
    """How high the panel is."""
    return max((lane.top + lane.depth * TRACK_INCHES + LANE_GAP_INCHES for lane in lanes), default=0.4)


def draw_faults(axes: Axes, lanes: Sequence[Lane]) -> None:
    """The panel's vertical axis is in inches from its upper edge."""
    for lane in lanes:
        for bar in lane.bars:
            upper = lane.top + bar.track * TRACK_INCHES
            style = {"edgecolor": "#ff0000", "linewidth": 2.0} if bar.failed else {"edgecolor": "white", "linewidth": 0.5}
            where = (upper + 0.01, TRACK_INCHES - 0.02)
            axes.broken_barh([(bar.begin_s, bar.end_s - bar.begin_s)], where, facecolors=KINDS[lane.kind], **style)
            ink = "white" if bar.inside and lane.kind not in BRIGHT else "#111111"
            middle = upper + TRACK_INCHES / 2
            axes.text(bar.label_s, middle, f" {bar.label}", fontsize=FONT_POINTS, va="center_baseline", color=ink, clip_on=True)
        axes.axhline(lane.top + lane.depth * TRACK_INCHES + LANE_GAP_INCHES / 2, color="#dddddd", linewidth=0.6)
    axes.set_yticks([lane.top + lane.depth * TRACK_INCHES / 2 for lane in lanes], [lane.kind for lane in lanes])
    axes.set_ylim(inches_of(lanes), 0.0)
    axes.tick_params(axis="y", length=0)
    axes.set_title("faults, until the members they hit had caught up", loc="left", fontsize=10)
