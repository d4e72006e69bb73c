"""How long a member has been without its pod: at every look, or not at all."""

from __future__ import annotations

from quorate_operator.observe.absences import Absences
from quorate_operator.observe.pods import injected

CLUSTER = "u1"


def test_only_who_was_away_at_every_look_for_the_whole_time_is_overdue() -> None:
    now_s = 0.0
    absences = Absences(lambda: now_s)
    assert absences.overdue(CLUSTER, [1, 2], 60) == ()
    now_s = 59.0
    assert absences.overdue(CLUSTER, [1], 60) == (), "2 is there again"
    now_s = 60.0
    assert absences.overdue(CLUSTER, [2, 1], 60) == (1,)
    assert absences.overdue("another cluster", [1], 60) == ()
    now_s = 119.0
    assert absences.overdue(CLUSTER, [2], 60) == (), "its time began anew"


def test_nothing_is_kept_of_those_that_are_there() -> None:
    absences = Absences(lambda: 0.0)
    absences.overdue(CLUSTER, [1], 60)
    absences.overdue(CLUSTER, [], 60)
    assert absences._since_s == {}


def test_a_pod_that_has_ended_is_gone() -> None:
    def item(name: str, phase: str) -> dict[str, object]:
        return {"metadata": {"name": name, "uid": name, "labels": {}}, "spec": {}, "status": {"phase": phase}}

    found = injected([item("b", "Running"), item("a", "Pending"), item("c", "Failed"), item("d", "Succeeded")])
    assert [pod.name for pod in found] == ["a", "b"]
