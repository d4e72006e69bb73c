"""The schedule of a campaign is drawn, not made up as it goes: by seed, within what the cluster survives, of every kind of fault."""

from __future__ import annotations

from collections import Counter

import pytest

from tests.cluster.campaign.faults import Fault, Takes
from tests.cluster.campaign.nemesis import RECOVERY_S, Planned, draw, survivable, taken
from tests.cluster.campaign.table import FAULTS, KINDS, choose

LENGTH_S = 600.0
BY_NAME = {fault.name: fault for fault in FAULTS}


def plan(seed: int, count: int = 3) -> list[Planned]:
    return draw(seed, LENGTH_S, FAULTS, count)


def missing_at(schedule: list[Planned], at_s: float, count: int) -> int:
    """Members that the schedule has taken away at a moment, faults that take all left out."""
    under_way = [BY_NAME[each.fault] for each in schedule if each.at_s <= at_s < each.at_s + each.seconds + RECOVERY_S]
    return sum(taken(fault, count) for fault in under_way if fault.takes is not Takes.ALL)


def test_the_same_seed_draws_the_same_schedule() -> None:
    assert plan(7) == plan(7)


def test_another_seed_draws_another_one() -> None:
    assert plan(7) != plan(8)


@pytest.mark.parametrize("count", [3, 4, 5])
@pytest.mark.parametrize("seed", range(5))
def test_no_more_members_are_away_at_once_than_the_cluster_survives(seed: int, count: int) -> None:
    schedule = plan(seed, count)
    assert max(missing_at(schedule, each.at_s, count) for each in schedule) <= survivable(count)


@pytest.mark.parametrize("seed", range(5))
def test_what_takes_all_members_away_is_alone(seed: int) -> None:
    schedule = plan(seed, 5)
    for number, each in enumerate(schedule):
        if BY_NAME[each.fault].alone:
            until_s = each.at_s + each.seconds + RECOVERY_S
            assert all(later.at_s >= until_s for later in schedule[number + 1 :])
            assert all(earlier.at_s + earlier.seconds + RECOVERY_S <= each.at_s for earlier in schedule[:number])


def test_five_members_have_several_faults_at_once() -> None:
    schedule = plan(1, 5)
    assert max(missing_at(schedule, each.at_s, 5) for each in schedule) == 2


def test_every_fault_is_drawn_sooner_or_later_and_the_heavy_ones_more_often() -> None:
    drawn = Counter(each.fault for seed in range(10) for each in plan(seed))
    assert set(drawn) == set(BY_NAME)
    assert drawn["kill"] > drawn["blackout"]


def test_a_fault_lasts_as_long_and_has_such_parameters_as_its_table_says() -> None:
    for each in plan(3):
        fault = BY_NAME[each.fault]
        assert fault.seconds[0] <= each.seconds <= fault.seconds[1]
        assert set(each.parameters) == set(fault.parameters)
        assert all(low <= each.parameters[name] <= high for name, (low, high) in fault.parameters.items())


def test_a_plan_without_faults_is_a_mistake() -> None:
    with pytest.raises(AssertionError, match="no fault to draw from"):
        draw(1, LENGTH_S, [], 3)


def test_kinds_and_names_choose_faults() -> None:
    chosen, _ = choose(["pause", "isolate"], "file")
    assert {fault.name for fault in chosen} == {"pause", "pause-all", "isolate"}


def test_a_word_that_is_no_fault_is_refused_with_those_that_are() -> None:
    with pytest.raises(ValueError, match=r"'pauze' is no fault and no kind; kinds: kill, pause"):
        choose(["pauze"], "file")


def test_what_cannot_be_had_is_left_out_with_its_reason() -> None:
    chosen, left_out = choose([], "rocksdb")
    assert left_out["wall-clock"]
    assert "wall-clock" not in {fault.name for fault in chosen}


def test_the_table_is_sound() -> None:
    assert len(BY_NAME) == len(FAULTS), "two faults of one name"
    assert {fault.kind for fault in FAULTS} == set(KINDS)
    for fault in FAULTS:
        assert 0 < fault.seconds[0] <= fault.seconds[1] and fault.weight > 0 and fault.says, fault.name
        assert fault.alone == (fault.takes is Takes.ALL), fault.name


def test_how_many_members_a_fault_takes_away() -> None:
    def of(takes: Takes) -> Fault:
        return next(fault for fault in FAULTS if fault.takes is takes)

    assert [taken(of(takes), 5) for takes in (Takes.NONE, Takes.ONE, Takes.MINORITY, Takes.ALL)] == [0, 1, 2, 5]
    assert [survivable(count) for count in (1, 2, 3, 4, 5)] == [0, 0, 1, 1, 2]
