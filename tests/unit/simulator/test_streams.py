"""What comes when, each name by itself: leaving one out moves no other."""

from __future__ import annotations

from itertools import islice, pairwise

import pytest

from quorate_node.simulator.reductions import Reductions, names, numbers
from quorate_node.simulator.streams import Timetable, stream

RATES = {"kill": 2.0, "pause": 0.5, "clog": 1.0}


def first(rates: dict[str, float], count: int) -> list[tuple[float, str, int]]:
    timetable = Timetable(7, rates)
    return [coming for coming in islice(iter(timetable.next, None), count) if coming is not None]


def test_a_stream_is_its_name_and_seed() -> None:
    assert stream(7, "kill", 3).random() == stream(7, "kill", 3).random()
    assert len({stream(7, "kill", 3).random(), stream(7, "kill", 4).random(), stream(8, "kill", 3).random()}) == 3


def test_what_comes_is_in_order_and_counted_by_name() -> None:
    coming = first(RATES, 200)
    assert all(earlier[0] <= later[0] for earlier, later in pairwise(coming))
    for name in RATES:
        counted = [number for _, one, number in coming if one == name]
        assert counted == list(range(1, len(counted) + 1))
    assert 80 <= sum(name == "kill" for _, name, _ in coming) <= 150, "twice as often as the others together, about"


def test_leaving_one_out_moves_no_other() -> None:
    whole = [coming for coming in first(RATES, 200) if coming[1] != "kill"]
    assert first({"pause": 0.5, "clog": 1.0, "kill": 0.0}, len(whole)) == whole


def test_nothing_comes_where_all_rates_are_zero() -> None:
    assert Timetable(7, {"kill": 0.0}).next() is None


def test_reductions_are_said_on_a_command_line() -> None:
    reductions = Reductions(faults=("kill.3",), clients=(1, 4), operations=(), until_ms=4300)
    assert reductions.arguments() == ["--faults", "kill.3", "--clients", "1,4", "--operations", "none", "--until-ms", "4300"]
    assert (names("kill.3,clog.10"), names("none"), numbers("1,4")) == (("kill.3", "clog.10"), (), (1, 4))
    assert reductions.fault_happens("kill", 3) and not reductions.fault_happens("kill", 4)
    assert reductions.numbers("clients", 3) == [1] and reductions.numbers("watchers", 2) == [1, 2]


@pytest.mark.parametrize("text", ["", "kill", "kill.0", "kill.x", ".3", "kill.3,,clog.1"])
def test_names_without_a_number_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is no name with a number"):
        names(text)


@pytest.mark.parametrize("text", ["", "0", "x", "1,,2", "-1"])
def test_numbers_below_one_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is no number"):
        numbers(text)
