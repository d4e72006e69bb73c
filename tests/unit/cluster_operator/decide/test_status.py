"""The status is made from the world and the decision, and a settled cluster's never changes."""

from __future__ import annotations

from dataclasses import replace

import pytest

from quorate_operator.api.status import Condition, ConsensusClusterStatus
from quorate_operator.decide.order import decide
from quorate_operator.decide.placement import concentration
from quorate_operator.decide.status import status
from quorate_operator.decide.world import World
from tests.unit.cluster_operator.decide.model import IDENTITY
from tests.unit.cluster_operator.decide.worlds import led_by, member_of, settled, wanting, with_pod
from tests.unit.cluster_operator.resources import spec_of

NEVER = ConsensusClusterStatus()


def shown(world: World, previous: ConsensusClusterStatus = NEVER, now: str = "2026-01-01T00:00:00Z") -> ConsensusClusterStatus:
    return status(world, decide(world), previous, now)


def condition(found: ConsensusClusterStatus, kind: str) -> Condition:
    return next(each for each in found.conditions if each.type == kind)


def spread(world: World) -> World:
    for pod in world.pods:
        world = with_pod(world, pod.ordinal, node=f"node-{pod.ordinal}")
    return world


def test_a_settled_cluster_is_available_and_nothing_else() -> None:
    found = shown(spread(led_by(settled(), 1)))
    assert found.phase == "Available" and found.leader == IDENTITY.pod(1) and found.plan == ()
    assert [(each.type, each.status) for each in found.conditions] == [
        ("Available", "True"), ("Progressing", "False"), ("Degraded", "False"), ("Upgrading", "False"),
    ]  # fmt: skip
    assert [member.role for member in found.members].count("leader") == 1


def test_the_same_world_later_gives_the_same_status() -> None:
    world = spread(settled())
    first = shown(world)
    assert shown(world, first, "2030-01-01T00:00:00Z") == first


def test_a_condition_keeps_the_time_of_its_last_change_alone() -> None:
    world = spread(settled())
    later = shown(wanting(world, replicas=5), shown(world), "2030-01-01T00:00:00Z")
    assert condition(later, "Progressing").last_transition_time == "2030-01-01T00:00:00Z"
    assert condition(later, "Available").last_transition_time == "2026-01-01T00:00:00Z"


def test_the_plan_says_what_is_next_and_why() -> None:
    found = shown(wanting(settled(), replicas=5)).plan
    assert found[-1].step == "scale-up" and found[-1].action == "Scale" and "learner" in found[-1].why


def test_a_rollout_is_upgrading_with_how_many_are_left() -> None:
    found = condition(shown(wanting(settled(), version="0.2.0")), "Upgrading")
    assert found.status == "True" and found.message.startswith("3 of 3")


def test_without_a_leader_nothing_is_available_and_somebody_should_know() -> None:
    found = shown(replace(settled(), membership=None))
    assert condition(found, "Available").status == "False" and found.phase == "Degraded"


def with_voters(replicas: int, count: int, started: int) -> World:
    """`replicas` are wanted, `started` pods asked for, and the first `count` of them vote."""
    world = led_by(settled(replicas), 0)
    assert world.membership is not None and world.workload is not None
    members = tuple(member_of(world, ordinal) for ordinal in range(count))
    workload = replace(world.workload, replicas=started)
    pods = tuple(pod for pod in world.pods if pod.ordinal < started)
    return replace(world, membership=replace(world.membership, members=members), workload=workload, pods=pods)


@pytest.mark.parametrize(
    ("replicas", "count", "started", "reason"),
    [
        (3, 1, 3, "Forming"), (3, 2, 3, "Serving"), (5, 2, 5, "Forming"), (5, 3, 5, "Serving"), (4, 2, 4, "Forming"), (1, 1, 1, "Serving"),
        (3, 1, 1, "Serving"), (3, 1, 2, "Serving"), (9, 3, 4, "Serving"),
    ],
)  # fmt: skip
def test_a_cluster_counts_as_made_when_a_majority_of_what_was_asked_for_votes_and_one_that_grows_stays_available(
    replicas: int, count: int, started: int, reason: str
) -> None:
    found = condition(shown(with_voters(replicas, count, started)), "Available")
    assert (found.reason, found.status) == (reason, "True" if reason == "Serving" else "False"), found.message


def test_pods_that_somebody_scaled_up_by_hand_make_a_cluster_no_less_available() -> None:
    assert condition(shown(with_voters(3, 3, 9)), "Available").reason == "Serving"


def test_hibernated_is_no_trouble() -> None:
    world = wanting(settled(), hibernated=True)
    assert world.workload is not None
    asleep = replace(world, workload=replace(world.workload, replicas=0), pods=(), membership=None, children={
        key: item for key, item in world.children.items() if key[0] != "PodDisruptionBudget"
    })  # fmt: skip
    found = shown(asleep)
    assert found.phase == "Hibernated" and condition(found, "Degraded").status == "False"


def test_a_node_that_holds_the_quorum_is_told_and_a_single_zone_is_not() -> None:
    assert "node node" in concentration(settled())
    assert condition(shown(settled()), "Degraded").reason == "QuorumInOnePlace"
    assert concentration(spread(settled())) == ""
    one_zone = spread(settled())
    for pod in one_zone.pods:
        one_zone = with_pod(one_zone, pod.ordinal, zone="only")
    assert concentration(one_zone) == ""
    assert "zone b" in concentration(with_pod(with_pod(with_pod(one_zone, 0, zone="a"), 1, zone="b"), 2, zone="b"))


def test_a_world_without_anything_has_a_status() -> None:
    found = shown(World(IDENTITY, spec_of()))
    assert found.phase == "Progressing" and found.members == ()
