"""Every step that acts has crash points, and the walk on a real Kubernetes dies at all of them."""

from __future__ import annotations

import inspect
import subprocess
import sys
from typing import get_args

import pytest

from quorate_operator.crash import CRASH_VARIABLE, EXIT_STATUS
from quorate_operator.decide import actions
from quorate_operator.decide.order import STEPS, Decided
from quorate_operator.decide.outcome import Do
from quorate_operator.issuing.issuer import APPROVED
from tests.kubernetes.crash_walk import CERTIFICATES, LIFE, NOT_WALKED

ONLY_LOOK = frozenset({"deletion", "pause", "wellbeing", "release"})
"""Steps that only say what is waited for."""
ACTIONS = frozenset(kind.__name__ for kind in get_args(actions.Action))
PLACES = [place for phase in (*LIFE, *CERTIFICATES) for place in phase.places]


def test_the_walk_dies_at_every_step_that_acts() -> None:
    walked = {place.split(".")[0] for place in PLACES}
    acting = {name for name, _ in STEPS} - ONLY_LOOK
    assert walked | set(NOT_WALKED) == acting and not walked & set(NOT_WALKED)


def test_steps_that_only_look_have_nothing_to_do() -> None:
    for name, step in STEPS:
        if name in ONLY_LOOK:
            assert "Do(" not in inspect.getsource(inspect.getmodule(step) or step), name


def test_every_place_of_the_walk_is_one_that_the_operator_has() -> None:
    steps = {name for name, _ in STEPS}
    for place in PLACES:
        step, *kind, when = place.split(".")
        assert step in steps and set(kind) <= ACTIONS, place
        assert when in ("before", "after") or place == APPROVED


def test_leaders_that_hand_over_and_members_that_are_replaced_are_walked_through_action_by_action() -> None:
    wanted = ["scale-down.Transfer", "lost-members.Transfer", "lost-members.Remove", "dead-volumes.Evict", "restart.Transfer"]
    for step in wanted:
        assert {f"{step}.before", f"{step}.after"} <= set(PLACES), step


def test_a_place_is_named_by_its_step_and_by_its_action() -> None:
    decided = Decided("restart", Do(actions.Transfer(7), "MovingLeader", "it is to go"))
    assert decided.places("after") == ("restart.after", "restart.Transfer.after")


@pytest.mark.parametrize(("named", "status"), [("a.after", EXIT_STATUS), ("a.Evict.after", EXIT_STATUS), ("a.before", 0), ("", 0)])
def test_it_dies_where_the_environment_says_and_cleans_nothing_up(named: str, status: int) -> None:
    program = """
import atexit
from quorate_operator.crash import crash_points
atexit.register(print, "cleaned up")
crash_points(("a.after", "a.Evict.after"))
"""
    environment = {"PYTHONPATH": ":".join(sys.path), CRASH_VARIABLE: named}
    done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (status, "" if status else "cleaned up\n"), done.stderr
