"""The picture of a campaign: every fault that came has a bar and its whole name, nothing lies over anything else, and it can be drawn."""

from __future__ import annotations

from itertools import combinations
from pathlib import Path

from tests.cluster.campaign.nemesis import Action, Planned
from tests.cluster.campaign.report import Run
from tests.cluster.campaign.table import FAULTS
from tests.cluster.campaign.timeline import Stretch, draw
from tests.cluster.campaign.timeline_faults import CHARACTER_INCHES, Lane, inches_of, lanes_of

SECONDS_PER_INCH = 10.0
PNG = b"\x89PNG\r\n\x1a\n"


def action(fault: str, began_s: float | None, ended_s: float | None, victims: tuple[str, ...] = ("m0",), outcome: str = "done") -> Action:
    planned = Planned(1, began_s or 0.0, fault, 1.0, "any", 0.5, {})
    return Action(planned, list(victims), began_s, ended_s, outcome)


def run_of(*actions: Action) -> Run:
    return Run(7, 3, 0, 90.0, 100.0, {}, [], list(actions), [], {})


def lanes(*actions: Action) -> dict[str, Lane]:
    return {lane.kind: lane for lane in lanes_of(run_of(*actions), FAULTS, SECONDS_PER_INCH)}


def test_faults_of_a_kind_that_overlap_are_drawn_one_below_the_other() -> None:
    drawn = lanes(action("isolate", 10.0, 60.0), action("bridge", 20.0, 50.0), action("mute", 61.0, 90.0))["partition"]
    assert [bar.track for bar in drawn.bars] == [0, 1, 0]
    assert drawn.depth == 2


def test_a_name_that_does_not_fit_into_its_bar_stands_behind_it_and_nothing_is_drawn_there() -> None:
    drawn = lanes(action("isolate", 10.0, 11.0), action("mute", 12.0, 40.0))["partition"]
    first, second = drawn.bars
    assert (first.inside, first.label_s, first.label) == (False, 11.0, "isolate m0")
    assert (second.inside, second.label_s, second.track) == (True, 12.0, 1)


def test_what_was_skipped_or_never_began_is_not_drawn_and_a_failure_lasts_until_the_end() -> None:
    drawn = lanes(action("kill", None, None), action("kill", 5.0, 5.0, outcome="skipped"), action("kill", 6.0, None, outcome="failed"))
    (bar,) = drawn["kill"].bars
    assert (bar.label, bar.begin_s, bar.end_s, bar.failed) == ("FAILED kill m0", 6.0, 100.0, True)


def test_a_fault_that_hit_nearly_all_names_nobody() -> None:
    (bar,) = lanes(action("kill-all", 1.0, 2.0, ("m0", "m1", "m2")))["kill"].bars
    assert bar.label == "kill-all"


def test_no_bar_and_no_name_lies_over_another_however_many_come_at_once() -> None:
    drawn = [action(fault.name, at / 3, at / 3 + 2.0) for at, fault in enumerate(FAULTS * 3)]
    for lane in lanes_of(run_of(*drawn), FAULTS, SECONDS_PER_INCH):
        taken = []
        for bar in lane.bars:
            letters_s = len(bar.label) * CHARACTER_INCHES * SECONDS_PER_INCH
            taken.append((bar.track, bar.begin_s, max(bar.end_s, bar.label_s + letters_s)))
        for one, other in combinations(taken, 2):
            assert one[0] != other[0] or one[2] <= other[1] or other[2] <= one[1], (lane.kind, one, other)


def test_lanes_follow_one_another_and_each_kind_has_one_though_nothing_of_it_came() -> None:
    told = lanes_of(run_of(), FAULTS, SECONDS_PER_INCH)
    assert [lane.kind for lane in told] == list(dict.fromkeys(lane.kind for lane in told)) and len(told) == len({f.kind for f in FAULTS})
    tops = [lane.top for lane in told]
    assert tops == sorted(tops) and inches_of(told) > tops[-1]


def test_a_run_without_a_single_operation_can_be_drawn_too(tmp_path: Path) -> None:
    path = tmp_path / "timeline.png"
    draw(run_of(action("kill", 1.0, 9.0)), [Stretch("m0", "leader", 0.0, 50.0), Stretch("m0", "down", 50.0, 100.0)], FAULTS, path)
    assert path.read_bytes().startswith(PNG)
