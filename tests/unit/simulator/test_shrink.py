"""Shrinking, against runs that are made up: what is to blame stays, all else goes, and another failure is no success."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count

import msgspec
import pytest

from quorate_node.simulator.case import Case
from quorate_node.simulator.features import switched_on
from quorate_node.simulator.options import draw, quiet
from quorate_node.simulator.run import Result
from quorate_node.simulator.shrink import Ran, Shrinker
from quorate_node.simulator.world import Outcome

FAULTS = tuple(f"kill.{number}" for number in range(1, 31))
OPERATIONS = tuple(f"{client}.{step}" for client in range(1, 7) for step in range(1, 21))
OPTIONS = msgspec.structs.replace(
    quiet(draw(3)), members=7, clients=6, watchers=2, leases=True,
    faults=msgspec.structs.replace(draw(3).faults, kill=1.0, pause=1.0, clog=1.0),
)


def told(ran: Ran, *violated: str) -> Ran:
    outcome = Outcome(3, violated[0], "", "", 0.0, 0, 0, {})
    return msgspec.structs.replace(ran, result=msgspec.structs.replace(ran.result, outcome=outcome, violated=tuple(filter(None, violated))))


def runs(blame: Callable[[Case, Ran], bool], end_ms: int = 9_000) -> Callable[[Case], Ran]:
    """A simulator in which everything happens, and the property breaks where `blame` says so."""

    def run(case: Case) -> Ran:
        reductions = case.reductions
        clients = tuple(reductions.numbers("clients", 6))
        killing = "kill" in switched_on(case.world)
        ran = Ran(
            Result(Outcome(3, "", "", "", 0.0, 0, 0, {}), case, 0, 0.0),
            tuple(name for name in FAULTS if killing and reductions.fault_happens("kill", int(name[5:]))),
            tuple(
                name
                for name in OPERATIONS
                if int(name[0]) in clients and reductions.operation_happens(int(name[0]), int(name.partition(".")[2]))
            ),
            clients,
            tuple(reductions.numbers("watchers", 2)),
            min(end_ms, reductions.until_ms or end_ms),
            0 if (reductions.until_ms or end_ms) < 8_000 else reductions.chaos_ms or 8_000,
        )
        broken = "linearizable" if blame(case, ran) else ""
        return told(ran, broken)

    return run


def shrunk(run: Callable[[Case], Ran], seconds: float = 1e9, now_s: Callable[[], float] = lambda: 0.0) -> tuple[Ran, Shrinker]:
    shrinker = Shrinker(run(Case(OPTIONS)).result, seconds, lambda _: None, run, now_s)
    return shrinker.shrink(), shrinker


def test_what_is_to_blame_is_left_and_nothing_else() -> None:
    def blame(case: Case, ran: Ran) -> bool:
        guilty = {"kill.7", "kill.19"} <= set(ran.faults) and {"2.3", "5.11"} <= set(ran.operations)
        return guilty and ran.end_ms >= 4_000 and case.options.members >= 3 and case.world.leases

    best, shrinker = shrunk(runs(blame))
    case = best.result.case
    assert (best.faults, best.operations, best.clients, best.watchers) == (("kill.7", "kill.19"), ("2.3", "5.11"), (2, 5), ())
    assert case.options.members == 3
    assert 4_000 <= best.end_ms < 4_200
    assert set(switched_on(case.world)) == {"kill", "leases"}
    assert "from 7 members, 30 faults, 6 clients, 2 watchers, 120 operations, 9000 ms" in shrinker.summary()
    assert shrinker.runs < 200


def test_what_only_the_quiet_shows_is_not_cut_but_becomes_quiet_earlier() -> None:
    best, _ = shrunk(runs(lambda _, ran: ran.end_ms == 9_000 and ran.chaos_end_ms >= 2_000))
    assert best.result.case.reductions.until_ms is None
    assert 2_000 <= (best.result.case.reductions.chaos_ms or 0) < 2_200


def test_another_property_that_breaks_is_another_bug() -> None:
    run = runs(lambda _, ran: "kill.7" in ran.faults)

    def other(case: Case) -> Ran:
        ran = run(case)
        return ran if ran.result.violated else told(ran, "convergence")

    assert shrunk(other)[0].faults == ("kill.7",)


def test_the_property_may_be_one_of_several_that_break() -> None:
    run = runs(lambda _, ran: "kill.7" in ran.faults)

    def several(case: Case) -> Ran:
        ran = run(case)
        fewer = ran.result.violated and len(ran.faults) < 10
        return told(ran, "convergence", *ran.result.violated) if fewer else ran

    assert shrunk(several)[0].faults == ("kill.7",)


def test_when_the_time_is_over_the_best_so_far_is_kept() -> None:
    clock = count()
    best, shrinker = shrunk(runs(lambda _, ran: "kill.7" in ran.faults), seconds=10, now_s=lambda: float(next(clock)))
    assert shrinker.runs <= 10
    assert best.end_ms < 9_000
    assert "kill.7" in best.faults


def test_a_run_that_does_not_repeat_is_refused() -> None:
    run = runs(lambda _, __: True)
    failing = run(Case(OPTIONS)).result
    with pytest.raises(ValueError, match="does not repeat: linearizable was broken, now it is nothing"):
        Shrinker(failing, 1.0, lambda _: None, runs(lambda _, __: False))
