"""A case is said in one line, and the line is the case again."""

from __future__ import annotations

import shlex

import msgspec
import pytest

from quorate_node.simulator.arguments import SHRINK_S, parse
from quorate_node.simulator.case import Case
from quorate_node.simulator.features import change, known, switched_on, without
from quorate_node.simulator.options import draw, quiet
from quorate_node.simulator.reductions import Reductions

REDUCED = Reductions(faults=("kill.3", "change.1"), clients=(1, 4), watchers=(), operations=("1.7",), chaos_ms=900, until_ms=4300)


def read(line: str) -> Case:
    return parse(shlex.split(line)[3:]).case


@pytest.mark.parametrize(
    "case",
    [
        Case(draw(3)),
        Case(draw(3, commands=50), ("kill", "leases"), REDUCED),
        Case(quiet(draw(7))),
        Case(change(draw(7), ["members=3", "faults.kill=0.25", "network.in_order=false", "pre_vote=true"]), ("loss",)),
    ],
)
def test_the_line_is_the_case(case: Case) -> None:
    assert read(case.line()) == case


@pytest.mark.parametrize(
    "settings", [[], ["limits.pending_commands=2", "limits.forward_batches=1"], ["application.clients=3", "limits.uncommitted_bytes=1"]]
)
def test_what_is_switched_off_is_off_and_nothing_else_changes(settings: list[str]) -> None:
    options = change(draw(41), settings)
    there = switched_on(options)
    assert there
    for word in there:
        assert switched_on(without(options, [word])) == [other for other in there if other != word]
    assert switched_on(without(options, known())) == []
    assert without(options, []) == options


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ("--without kils", "nothing is called 'kils': it is one of kill, "),
        ("--set member=3", "'member=3' sets no option"),
        ("--set seed=3", "sets no option"),
        ("--set members", "sets no option"),
        ("--set members=0", "members must be at least 1"),
        ("--set members=many", "'many' is no value for members"),
        ("--set members=2.5", "is no value for members"),
        ("--set faults.kill=-1", "faults.kill must be at least 0"),
        ("--faults kill", "'kill' is no name with a number"),
        ("--clients 0", "'0' is no number from 1 on"),
        ("--until-ms 0", "--until-ms is 0: it must be at least 1"),
        ("--shrink-seconds 0", "--shrink-seconds is 0: it must be more than 0"),
        ("--seeds 2 --without kill", "leave one of the two out"),
        ("--seeds 2 --trace", "leave one of the two out"),
    ],
)
def test_a_wrong_line_is_refused_with_the_reason(arguments: str, text: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        parse(["--seed", "3", *arguments.split()])
    assert ended.value.code == 2
    assert text in capsys.readouterr().err


def test_a_whole_seed_is_shrunk_and_a_reduced_one_is_not() -> None:
    assert parse(["--seed", "3"]).shrink_seconds == SHRINK_S
    assert parse(["--seed", "3", "--no-shrink"]).shrink_seconds == 0
    assert parse(["--seed", "3", "--without", "kill"]).shrink_seconds == 0
    assert parse(["--seed", "3", "--without", "kill", "--shrink-seconds", "5"]).shrink_seconds == 5


def test_options_of_another_world_are_told_as_what_differs() -> None:
    assert Case(msgspec.structs.replace(draw(3), members=9)).line().endswith("--seed 3 --set members=9")
