"""What is decided in which world: one sentence a test."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from quorate_operator.decide import actions
from quorate_operator.decide.order import STEPS, decide
from quorate_operator.decide.outcome import Do, Wait
from quorate_operator.decide.quorum import successor
from quorate_operator.decide.steps.preferred_leader import preferred_leader
from quorate_operator.decide.steps.releases import known_version, release_of
from quorate_operator.decide.steps.rollout import wanted_set
from quorate_operator.decide.world import Answer, Lag, World
from quorate_operator.objects.identity import RETIRED_ANNOTATION
from tests.unit.cluster_operator.decide.model import CLUSTER_ID, IDENTITY
from tests.unit.cluster_operator.decide.worlds import (
    follower_ordinals,
    leader_ordinal,
    led_by,
    member_of,
    pod_at,
    settled,
    volume_at,
    wanting,
    with_pod,
    with_volume,
)
from tests.unit.cluster_operator.resources import spec_of

EMPTY = Answer(0, 0, "uninitialised")


def action(world: World) -> Any:
    decision = decide(world)
    assert decision.due is not None, decision.open
    assert isinstance(decision.due.outcome, Do)
    return decision.due.outcome.action


def waits(world: World) -> dict[str, Wait]:
    decision = decide(world)
    assert decision.due is None, decision.due
    return {each.outcome.reason: each.outcome for each in decision.open if isinstance(each.outcome, Wait)}


def test_a_settled_cluster_has_an_empty_plan() -> None:
    assert decide(settled()).open == ()


def test_the_steps_have_names_of_their_own_and_look_at_an_empty_world() -> None:
    assert len({name for name, _ in STEPS}) == len(STEPS)
    for _, step in STEPS:
        step(World(IDENTITY, spec_of()))


def test_the_first_thing_is_what_pods_will_refer_to() -> None:
    found = action(World(IDENTITY, spec_of()))
    assert isinstance(found, actions.Apply) and found.item["kind"] == "ServiceAccount"


def test_nothing_is_done_to_what_is_deleted_or_paused() -> None:
    assert set(waits(replace(wanting(settled(), replicas=5), deleting=True))) == {"Deleting"}
    assert set(waits(wanting(settled(), paused=True, replicas=5))) == {"Paused"}


def test_a_kind_that_this_kubernetes_lacks_is_left_out() -> None:
    world = settled()
    kept = {key: item for key, item in world.children.items() if key[0] != "PodMonitor"}
    assert action(replace(world, children=kept)).item["kind"] == "PodMonitor"
    assert decide(replace(world, children=kept, missing_kinds=("PodMonitor",))).open == ()


def test_before_the_founding_call_it_is_recorded_on_which_volume() -> None:
    world = replace(settled(), founding=None, recorded_cluster_id="", membership=None)
    for ordinal in range(3):
        world = with_volume(with_pod(world, ordinal, answer=EMPTY), ordinal, member_id=0)
    found = action(world)
    assert isinstance(found, actions.Create)
    assert found.item["data"]["volumeUid"] == volume_at(world, 0).uid


def emptied() -> World:
    world = replace(settled(), membership=None)
    for ordinal in range(3):
        world = with_volume(with_pod(world, ordinal, answer=EMPTY), ordinal, member_id=0)
    return world


def test_a_cluster_that_lived_is_never_founded_again() -> None:
    found = waits(emptied())["DataLost"]
    assert found.degraded and "snapshot" in found.message


def test_while_one_member_is_silent_nothing_is_called_lost() -> None:
    assert set(waits(with_pod(emptied(), 1, answer=None))) == {"Starting", "NoLeader"}


def unfounded(trouble: str) -> World:
    """Pods were made, and none of them runs."""
    world = replace(settled(), founding=None, recorded_cluster_id="", membership=None)
    for ordinal in range(3):
        world = with_pod(with_volume(world, ordinal, member_id=0), ordinal, answer=None, ready=False, trouble=trouble)
    return world


def test_pods_that_cannot_start_are_told_before_there_is_a_cluster() -> None:
    found = waits(unfounded("Unschedulable: Insufficient cpu"))
    assert set(found) == {"Starting", "PodTrouble"} and found["PodTrouble"].degraded
    assert set(waits(unfounded(""))) == {"Starting"}, "and to start is no trouble"
    world = unfounded("")
    assert world.workload is not None
    forbidden = replace(world, pods=(), workload=replace(world.workload, trouble="exceeded quota: small"))
    assert "exceeded quota" in waits(forbidden)["PodTrouble"].message


def test_pods_that_cannot_start_get_a_better_spec_though_there_is_no_cluster() -> None:
    assert isinstance(action(wanting(unfounded("Unschedulable"), restartedAt="2026-01-01T00:00:00Z")), actions.Apply)
    assert isinstance(action(rolling(unfounded("Unschedulable"))), actions.Evict)
    half = with_pod(rolling(replace(emptied(), recorded_cluster_id="")), 1, answer=None, ready=False, trouble="ErrImagePull")
    assert isinstance(action(half), actions.Evict), "recorded, and one pod would never answer the call"
    down = with_pod(with_pod(with_pod(rolling(emptied()), 0, answer=None), 1, answer=None), 2, answer=None)
    assert waits(down)["Starting"].degraded, "ready pods that do not answer are left alone"
    for ordinal in range(3):
        down = with_pod(down, ordinal, ready=False, trouble="ErrImagePull")
    assert isinstance(action(down), actions.Evict), "neither is a cluster stuck that a bad image has brought down as a whole"


def test_a_founding_volume_that_is_another_one_is_lost_data_too() -> None:
    world = replace(with_volume(emptied(), 0, uid="another"), recorded_cluster_id="")
    assert world.founding is not None
    world = replace(world, founding=replace(world.founding, pod=IDENTITY.pod(0)))
    assert set(waits(world)) == {"DataLost"}


def test_a_lost_founding_call_is_made_again_on_the_same_member() -> None:
    world = replace(emptied(), recorded_cluster_id="")
    assert world.founding is not None
    found = action(world)
    assert found == actions.Found(world.founding.pod, world.founding.token)


def test_an_outdated_follower_goes_before_the_leader() -> None:
    world = led_by(settled(), 1)
    changed = wanting(world, restartedAt="2026-01-01T00:00:00Z")
    assert changed.workload is not None
    assert isinstance(action(changed), actions.Apply), "the template first"
    template = wanted_set(changed)["spec"]["template"]
    rolled = replace(changed, workload=replace(changed.workload, template=template))
    assert action(rolled) == actions.Evict(IDENTITY.pod(2), pod_at(world, 2).uid)
    for ordinal in (0, 2):
        rolled = with_pod(rolled, ordinal, live=template)
    assert action(rolled) == actions.Transfer(member_of(world, 0).member_id), "the leader hands over before it goes"


def rolling(world: World) -> World:
    """All pods are outdated and the template is new."""
    changed = wanting(world, restartedAt="2026-01-01T00:00:00Z")
    assert changed.workload is not None
    return replace(changed, workload=replace(changed.workload, template=wanted_set(changed)["spec"]["template"]))


def test_a_sick_pod_goes_first_and_nobody_else_while_it_is_away() -> None:
    world = rolling(led_by(settled(), 0))
    sick = with_pod(world, 1, ready=False, answer=None)
    assert action(sick) == actions.Evict(IDENTITY.pod(1), pod_at(world, 1).uid)
    assert "RestartInProgress" in waits(with_pod(sick, 1, deleting=True))


def test_nobody_goes_while_another_has_not_caught_up() -> None:
    world = rolling(led_by(settled(), 0))
    assert world.membership is not None and world.workload is not None
    members = tuple(replace(each, lag=Lag.LARGE) if each.name == IDENTITY.pod(1) else each for each in world.members)
    behind = replace(with_pod(world, 1, live=world.workload.template), membership=replace(world.membership, members=members))
    assert "MemberAway" in waits(behind)


def test_an_operator_that_is_cut_off_from_its_pods_touches_none() -> None:
    world = rolling(settled())
    for ordinal in range(3):
        world = with_pod(world, ordinal, answer=None)
    found = waits(replace(world, founding=world.founding))
    assert not set(found) - {"NoLeader", "MemberAway", "Unreachable", "Starting"}


def test_scaling_up_is_one_pod_at_a_time() -> None:
    found = action(wanting(settled(), replicas=5))
    assert isinstance(found, actions.Scale) and found.replicas == 4


def test_scaling_down_is_the_vote_first_and_the_leader_before_it() -> None:
    world = wanting(settled(5), replicas=3)
    assert isinstance(action(led_by(world, 4)), actions.Transfer)
    found = action(led_by(world, 0))
    assert isinstance(found, actions.Remove) and found.member_id == member_of(world, 4).member_id


def test_scaling_down_is_refused_while_one_that_stays_is_sick() -> None:
    world = led_by(wanting(settled(5), replicas=3), 0)
    assert waits(with_pod(world, 1, ready=False, answer=None))["SickMember"].degraded


def test_a_named_member_is_voted_out_and_its_volume_goes_then() -> None:
    world = led_by(settled(), 0)
    lost = member_of(world, 2)
    named = wanting(with_pod(world, 2, answer=None, ready=False), lostMembers=[str(lost.member_id)])
    assert isinstance(action(named), actions.Remove)
    assert named.membership is not None
    left = tuple(member for member in named.members if member != lost)
    out = replace(named, membership=replace(named.membership, members=left))
    assert action(out) == actions.DeleteVolume(volume_at(world, 2).name, volume_at(world, 2).uid)


def shrunk(retention: str = "Retain", **volume: Any) -> World:
    """Three of four members wanted; the fourth was voted out and its pod is gone."""
    world = led_by(settled(4), 0)
    assert world.membership is not None and world.workload is not None
    left = tuple(member for member in world.members if member != member_of(world, 3))
    world = wanting(with_volume(world, 3, **volume), replicas=3, storage={"retention": retention})
    pods = tuple(pod for pod in world.pods if pod.ordinal != 3)
    workload = replace(world.workload, replicas=3)
    return replace(world, membership=replace(world.membership, members=left), pods=pods, workload=workload)


def test_the_volume_of_a_member_that_is_no_longer_wanted_is_kept_and_marked() -> None:
    found = action(shrunk())
    assert isinstance(found, actions.Apply) and found.item["metadata"]["name"] == IDENTITY.claim(3)
    assert found.item["metadata"]["annotations"][RETIRED_ANNOTATION] == "true"
    assert decide(shrunk(retired=True)).open == ()


def test_it_goes_where_nothing_is_to_be_kept_or_nothing_can_be_read() -> None:
    gone = actions.DeleteVolume(IDENTITY.claim(3), volume_at(settled(4), 3).uid)
    world = shrunk("Delete")
    for volume in world.volumes:
        world = with_volume(world, volume.ordinal, owned=True)
    assert action(world) == action(with_volume(world, 3, retired=True)) == gone
    assert action(shrunk(node_gone=True)) == action(shrunk(retired=True, node_gone=True)) == gone


def test_it_goes_before_its_place_is_taken_again() -> None:
    world = wanting(shrunk(retired=True), replicas=4)
    gone = actions.DeleteVolume(IDENTITY.claim(3), volume_at(world, 3).uid)
    assert action(world) == gone
    assert "ScalingUp" in waits(with_volume(world, 3, deleting=True))
    empty = replace(world, volumes=world.volumes[:3])
    assert isinstance(action(empty), actions.Scale)


def test_a_volume_that_is_only_kept_is_no_reason_for_a_pod_and_does_not_grow() -> None:
    world = shrunk(retired=True)
    grown = world
    for ordinal in range(3):
        grown = with_volume(grown, ordinal, size="20Gi", capacity="20Gi")
    assert isinstance(action(wanting(grown, storage={"size": "20Gi"})), actions.Recreate)
    made = action(replace(world, workload=None, membership=None))
    assert isinstance(made, actions.Apply) and made.item["spec"]["replicas"] == 3


def test_a_lost_member_stays_while_the_others_are_no_quorum() -> None:
    world = led_by(settled(), 0)
    named = wanting(with_pod(world, 2, answer=None, ready=False), lostMembers=[str(member_of(world, 2).member_id)])
    assert "QuorumLost" in waits(with_pod(named, 1, answer=None, ready=False))


def test_a_pod_that_is_only_slow_is_never_voted_out() -> None:
    world = led_by(settled(), 0)
    assert set(waits(with_pod(world, 2, answer=None, ready=False))) == {"MemberAway"}
    assert "MemberAway" in waits(with_pod(world, 2, answer=Answer(0, 0, "repairing")))


def test_a_volume_on_a_node_that_is_gone_is_lost() -> None:
    world = with_volume(led_by(settled(), 0), 2, node_gone=True)
    assert isinstance(action(with_pod(world, 2, answer=None, ready=False)), actions.Remove)


def test_volumes_grow_before_the_stateful_set_is_made_anew_around_its_pods() -> None:
    world = wanting(settled(), storage={"size": "20Gi"})
    assert action(world).item["spec"]["resources"]["requests"]["storage"] == "20Gi"
    for ordinal in range(3):
        world = with_volume(world, ordinal, size="20Gi")
    assert isinstance(action(world), actions.Recreate)
    made_anew = action(replace(world, workload=None)).item
    assert made_anew["spec"]["replicas"] == 3


def test_a_volume_that_cannot_grow_is_said_and_holds_nothing_else_up() -> None:
    world = settled()
    for ordinal in range(3):
        world = with_volume(world, ordinal, expandable=False)
    found = waits(wanting(world, storage={"size": "20Gi"}))["VolumeNotExpandable"]
    assert found.degraded and "allowVolumeExpansion" in found.message
    upgraded = action(wanting(world, storage={"size": "20Gi"}, version="0.2.0"))
    assert isinstance(upgraded, actions.Apply) and upgraded.item["kind"] == "StatefulSet"


def test_a_rollback_is_refused_once_a_newer_cluster_version_is_active() -> None:
    world = wanting(settled(), version="0.1.0")
    for ordinal in range(3):
        world = with_pod(world, ordinal, answer=replace(pod_at(world, ordinal).answer or EMPTY, version="0.2.0", cluster_version=2))
    found = waits(world)["RollbackRefused"]
    assert "0.2.0" in found.message and found.degraded


@pytest.mark.parametrize(
    "reference, release",
    [("a/b:0.1.0", (0, 1, 0)), ("h:5000/b", None), ("b@sha256:1", None), ("b:v1.2.3-rc1@sha256:1", (1, 2, 3)), ("b:latest", None)],
)
def test_a_release_is_read_from_a_tag(reference: str, release: tuple[int, ...] | None) -> None:
    assert release_of(reference) == release


def test_a_release_knows_the_cluster_versions_up_to_its_own() -> None:
    table = (((0, 1, 0), 1), ((0, 3, 0), 2))
    assert [known_version(release, table) for release in ((0, 0, 9), (0, 2, 5), (0, 3, 0))] == [0, 1, 2]


def test_a_new_operators_default_image_restarts_nobody() -> None:
    world = settled()
    newer = replace(world, identity=replace(world.identity, default_version="0.9.0"))
    assert decide(newer).open == ()


def test_the_leader_moves_to_a_preferred_zone_while_all_is_well() -> None:
    world = led_by(wanting(settled(), placement={"preferredLeaderZones": ["zone-2"]}), 0)
    found = preferred_leader(world)
    assert isinstance(found, Do) and found.action == actions.Transfer(member_of(world, 2).member_id)
    assert not isinstance(preferred_leader(with_pod(world, follower_ordinals(world)[0], answer=None)), Do)
    assert not isinstance(preferred_leader(led_by(world, 2)), Do), "it leads there already"


def test_a_pod_that_is_named_goes_before_the_preferred_zones() -> None:
    world = led_by(wanting(settled(), placement={"preferredLeaderZones": ["zone-2"], "preferredLeader": IDENTITY.pod(1)}), 2)
    found = preferred_leader(world)
    assert isinstance(found, Do) and found.action == actions.Transfer(member_of(world, 1).member_id)
    assert "preferredLeader" in found.message
    assert not isinstance(preferred_leader(led_by(world, 1)), Do)
    assert not isinstance(preferred_leader(with_pod(world, 0, answer=None)), Do), "a member is away"


def test_a_pod_that_is_named_and_not_there_moves_nobody() -> None:
    assert not isinstance(preferred_leader(led_by(wanting(settled(), placement={"preferredLeader": IDENTITY.pod(8)}), 0)), Do)


def test_who_leads_and_is_to_be_restarted_hands_over_to_the_one_that_is_named() -> None:
    named = {"preferredLeader": IDENTITY.pod(2)}
    world = led_by(wanting(settled(), placement=named), 2)
    assert successor(world, member_of(world, 2)) == member_of(world, 0), "it cannot follow itself"
    assert successor(led_by(world, 0), member_of(world, 0)) == member_of(world, 2)


def test_a_foreign_volume_is_said() -> None:
    world = settled()
    ordinal = 1 if leader_ordinal(world) != 1 else 2
    foreign = with_pod(world, ordinal, answer=Answer(CLUSTER_ID + 1, 5, "follower"))
    assert "ForeignVolume" in waits(foreign)


def test_a_volume_of_a_pod_too_many_goes_and_one_that_is_wanted_stays() -> None:
    world = settled()
    extra = replace(volume_at(world, 2), name=IDENTITY.claim(3), uid="extra", ordinal=3, member_id=0)
    more = replace(world, volumes=(*world.volumes, extra))
    assert action(more) == actions.DeleteVolume(IDENTITY.claim(3), "extra")
    assert isinstance(action(wanting(more, replicas=4)), actions.Scale), "it is wanted: a pod starts on it"
    assert not isinstance(action(replace(more, membership=None)), actions.DeleteVolume), "nobody knows who is a member"
