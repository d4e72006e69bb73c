"""Clusters of many members: what grows with their number grows no faster than it."""

from __future__ import annotations

import pytest

from quorate_node.simulator.scale import Scale, main, measure, table
from quorate_node.simulator.scale_scenarios import Options
from quorate_node.simulator.scale_world import NoProgress, ScaleWorld

QUICK = Options(seed=1, idle_s=1.0, load_s=0.2)
ROUNDS_PER_S = 20


@pytest.fixture(scope="module", params=[3, 51])
def scale(request: pytest.FixtureRequest) -> Scale:
    return measure(request.param, QUICK)


def elect(members: int, seed: int) -> ScaleWorld:
    world = ScaleWorld(members, seed)
    world.run_until(lambda: world.leader() is not None, 60_000_000, "leader")
    return world


def test_a_heartbeat_round_is_one_message_to_and_from_each_follower(scale: Scale) -> None:
    idle = scale.figures("idle")
    round_trip = 2 * (scale.members - 1)
    assert idle["messages_per_s"] == pytest.approx(ROUNDS_PER_S * round_trip, abs=round_trip)
    assert idle["leader_messages_per_s"] == idle["messages_per_s"], "followers do not talk to each other"
    assert idle["follower_messages_per_s"] == pytest.approx(2 * ROUNDS_PER_S, abs=2)


def test_an_entry_costs_each_follower_a_bounded_number_of_messages(scale: Scale) -> None:
    load = scale.figures("load")
    assert load["commands"] >= load["entries"] > 10
    heartbeats = 2 * ROUNDS_PER_S * QUICK.load_s * (scale.members - 1)
    appends = load["messages_per_entry"] * load["entries"] - heartbeats
    # The append and its acknowledgement; an announcement of the commit and its acknowledgement where the next entry is late.
    assert appends <= 4 * (scale.members - 1) * (load["entries"] + 1)
    assert load["leader_bytes_per_s"] * QUICK.load_s > load["commands"] * QUICK.value_bytes * (scale.members - 1) * 0.9


def test_a_read_asks_only_as_many_as_its_quorum_needs(scale: Scale) -> None:
    read = scale.figures("read")
    asked = 2 * (scale.members // 2)
    # A round of heartbeats that falls into a read repeats it to everybody.
    assert asked <= read["messages_per_round"] <= asked + 2 * (scale.members - 1) * 0.5
    assert 0 < read["read_p50_ms"] <= read["read_max_ms"] < 10


def test_a_minority_with_the_leader_in_it_stops_the_others_for_about_an_election_timeout(scale: Scale) -> None:
    partition = scale.figures("partition")
    assert 400 < partition["leader_ms"] < 3_000
    assert partition["commit_ms"] > partition["leader_ms"]
    assert 0 < partition["old_leader_steps_down_ms"] <= 1_020, "two election timeouts at most, and a tick"
    assert partition["leader_kept"] == 1, "whoever was cut off does not disturb the new leader"
    assert 0 < partition["heal_ms"] < 500


def test_a_dead_leader_is_followed_within_a_lease_and_a_few_round_trips(scale: Scale) -> None:
    death = scale.figures("death")
    assert death["leader_ms"] < 200
    assert death["messages"] <= 6 * scale.members * death["campaigns"]


def test_the_same_seed_gives_the_same_figures_and_another_one_others() -> None:
    def figures(seed: int) -> list[dict[str, float]]:
        return [each.figures for each in measure(5, Options(seed=seed, idle_s=0.5, load_s=0.2)).measures]

    assert figures(7) == figures(7)
    assert figures(7) != figures(8)


def test_elections_cost_messages_in_proportion_to_members_and_campaigns() -> None:
    for seed in range(5):
        world = elect(51, seed)
        rounds = world.campaigns() + sum(world.voted_terms.values())
        assert len(world.led_terms) == 1
        assert world.traffic.count <= 2 * 50 * rounds + 50, "a question and an answer each, and the leader's first append"


@pytest.mark.slow
def test_a_thousand_members_elect_one_leader() -> None:
    world = elect(1_000, 1)
    world.run_for(200_000)
    leader = world.leader()
    assert leader is not None
    assert len(world.led_terms) == 1
    assert {member.raft.lead for member in world.members.values()} == {leader.number}
    assert {member.raft.applied_index for member in world.members.values()} == {leader.raft.last_index}


def test_what_a_scenario_waits_for_in_vain_is_an_error_that_names_it() -> None:
    world = ScaleWorld(3, 1)
    with pytest.raises(NoProgress, match="3 members: no leader within 0 s"):
        world.run_until(lambda: False, 100_000, "leader")


@pytest.mark.parametrize("members", [1, 5_001])
def test_a_number_of_members_out_of_range_is_refused(members: int) -> None:
    with pytest.raises(ValueError, match="it must be 2 to 5000"):
        ScaleWorld(members, 1)


@pytest.mark.parametrize("members", ["2", "3,x", "5001", ""])
def test_the_command_refuses_numbers_that_it_cannot_simulate(members: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--members", members])
    assert "each must be a whole number from 3 to 5000" in capsys.readouterr().err


def test_the_command_prints_a_table_a_scenario(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--members", "3,5", "--idle", "0.2", "--load", "0.1"]) == 0
    printed = capsys.readouterr()
    assert printed.out.count("| members |") == 6
    assert "5 members: death" in printed.err


def test_a_table_has_a_row_a_cluster() -> None:
    result = measure(3, Options(idle_s=0.2, load_s=0.1))
    assert table([result, result]).count("\n| 3 |") == 2 * len(result.measures)
