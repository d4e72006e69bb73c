"""Whatever the world is and wherever the operator is interrupted: it ends as the resource says, and no step takes the quorum away."""

from __future__ import annotations

import copy
from collections.abc import Callable
from random import Random
from typing import Any

import pytest

from quorate_operator.decide.actions import DISRUPTIONS, Evict, SetImage
from quorate_operator.decide.order import decide
from quorate_operator.decide.quorum import forming, majority
from quorate_operator.decide.steps.rollout import outdated
from tests.unit.cluster_operator.decide.model import IDENTITY, Kubernetes, Refused
from tests.unit.cluster_operator.resources import spec_of

ROUNDS_MAX = 600
SIDECAR = {"template": {"spec": {"containers": [{"name": "app", "image": "app:1"}]}}}


def step(world: Kubernetes, chance: Random | None) -> bool:
    """One reconcile; True when nothing at all is open. `chance`: it is killed before or after its action, or repeats it."""
    decision = decide(world.observe())
    if decision.due is None:
        return not decision.open
    action = decision.due.outcome.action  # type: ignore[union-attr]
    fate = chance.random() if chance is not None else 1.0
    if fate < 0.2:
        return False
    had_quorum, voters = world.quorum, len(world.voters)
    away = [pod for pod in world.pods.values() if pod.deleting]
    lacking = [member for member in world.voters if not world.up(member)]
    try:
        world.carry_out(action)
        if fate < 0.4:
            world.carry_out(action)
    except Refused:
        return False
    if had_quorum and voters >= 3 and isinstance(action, DISRUPTIONS) and not world.spec.hibernated:
        assert world.quorum, f"{decision.due.step} took the quorum away: {action}"
    if isinstance(action, Evict | SetImage) and had_quorum and voters >= 3:
        assert not away, f"a second disruption at once: {action}"
        assert sum(not world.up(member) for member in world.voters) <= max(1, len(lacking)), "two healthy members at once"
    return False


def settle(world: Kubernetes, chance: Random | None) -> None:
    for _ in range(ROUNDS_MAX):
        if step(world, chance):
            return
        world.tick()
    open_steps = [(each.step, each.outcome) for each in decide(world.observe()).open]
    if world.spec.hibernated and open_steps and getattr(open_steps[-1][1], "reason", "") == "Hibernated":
        return
    raise AssertionError(f"does not settle: {open_steps}")


def check_settled(world: Kubernetes) -> None:
    spec = world.spec
    observed = world.observe()
    assert world.stateful_set is not None
    if spec.hibernated:
        assert not world.pods and world.stateful_set["spec"]["replicas"] == 0
        return
    wanted = [IDENTITY.pod(ordinal) for ordinal in range(spec.replicas)]
    assert sorted(world.voters.values()) == wanted and not world.learners
    kept = sorted(ordinal for ordinal, disk in world.disks.items() if disk.retired)
    assert sorted(world.pods) == list(range(spec.replicas)) == sorted(set(world.disks) - set(kept))
    assert all(ordinal >= spec.replicas for ordinal in kept) and (not kept or spec.storage.retention == "Retain")
    assert all(world.up(member) for member in world.voters)
    assert not outdated(observed)
    assert all(disk.bound == disk.identity and disk.owned == (spec.storage.retention == "Delete") for disk in world.disks.values())


def summary(world: Kubernetes) -> Any:
    """The end state without what is drawn or numbered."""
    objects = copy.deepcopy(world.objects)
    for item in objects.values():
        item["metadata"].pop("uid", None)
    objects.pop(("ConfigMap", IDENTITY.founding_record))
    return objects, sorted(world.voters.values()), {ordinal: pod.live for ordinal, pod in world.pods.items()}, sorted(world.disks)


def changed(world: Kubernetes, **fields: Any) -> None:
    there = world.spec.model_dump(by_alias=True, exclude_none=True, exclude_defaults=True)
    world.spec = spec_of(**{**there, **fields})


def kill_pod(world: Kubernetes, random: Random) -> None:
    if world.pods:
        random.choice(list(world.pods.values())).deleting = True


def lose_volume(world: Kubernetes, random: Random) -> None:
    """Never of a second member before the first is replaced: that would be the quorum itself, which nothing brings back."""
    if len(world.voters) >= 3 and all(world.up(member) for member in world.voters):
        ordinal = random.choice(list(world.pods))
        del world.disks[ordinal], world.pods[ordinal]


CHANGES: dict[str, Callable[[Kubernetes, Random], None]] = {
    "scale": lambda world, random: changed(world, replicas=random.choice([1, 3, 4, 5])),
    "upgrade": lambda world, random: changed(world, version="0.2.0"),
    "restart": lambda world, random: changed(world, restartedAt="2026-02-03T04:05:06Z"),
    "settings": lambda world, random: changed(world, timing={"heartbeatMs": 70}),
    "resize": lambda world, random: changed(world, resources={"limits": {"memory": "2Gi"}}),
    "expand": lambda world, random: changed(world, storage={"size": "20Gi", "retention": "Delete"}),
    "kill pod": kill_pod,
    "lose volume": lose_volume,
    "delete StatefulSet": lambda world, random: drop(world, "StatefulSet"),
    "delete Services": lambda world, random: drop(world, "Service"),
    "edit by hand": lambda world, random: edit(world),
    "scale by hand": lambda world, random: world.objects["StatefulSet", IDENTITY.name]["spec"].update(replicas=random.choice([0, 1, 7])),
    "name a lost member": lambda world, random: changed(world, lostMembers=[str(random.choice(sorted(world.voters)))]),
    "named leader": lambda world, random: changed(world, placement={"preferredLeader": IDENTITY.pod(random.randrange(3))}),
    "leader zone": lambda world, random: changed(world, placement={"preferredLeaderZones": ["zone-1"]}),
}


def drop(world: Kubernetes, kind: str) -> None:
    for name in [name for name in world.objects if name[0] == kind]:
        del world.objects[name]


def edit(world: Kubernetes) -> None:
    for (kind, _), item in world.objects.items():
        if kind in ("Service", "PodDisruptionBudget"):
            item["spec"]["selector"] = {"wrong": "one"}


@pytest.mark.parametrize("seed", range(60))
def test_it_ends_as_the_resource_says_wherever_it_is_interrupted(seed: int) -> None:
    random = Random(seed)
    fields: dict[str, Any] = {"replicas": random.choice([1, 3, 5])}
    if seed % 3 == 0:
        fields["sidecar"] = SIDECAR
    names = random.choices(list(CHANGES), k=3)
    if fields["replicas"] < 3:
        names = [name for name in names if name not in ("name a lost member", "scale by hand")]

    world = Kubernetes(spec_of(**fields), random)
    for _ in range(random.randrange(30)):
        step(world, random)
        world.tick()
    settle(world, random)
    check_settled(world)
    for name in names:
        if name == "name a lost member" and (len(world.voters) < 3 or not all(world.up(member) for member in world.voters)):
            continue
        CHANGES[name](world, random)
        if random.random() < 0.5:
            # The next change comes before this one is done.
            for _ in range(random.randrange(6)):
                step(world, random)
                world.tick()
            continue
        settle(world, random)
        check_settled(world)
    settle(world, random)
    check_settled(world)


@pytest.mark.parametrize("seed", range(12))
def test_the_end_is_the_same_with_and_without_interruptions(seed: int) -> None:
    ends = []
    for chance in (None, Random(seed)):
        world = Kubernetes(spec_of(replicas=3), Random(seed + 1))
        settle(world, chance)
        changed(world, replicas=5, version="0.2.0")
        settle(world, chance)
        ends.append(summary(world))
    assert ends[0] == ends[1]


@pytest.mark.parametrize(("begun", "grown"), [(1, 3), (1, 5), (3, 9), (4, 5)])
def test_it_becomes_available_with_a_majority_of_what_was_asked_for_and_stays_so_while_it_grows(begun: int, grown: int) -> None:
    random = Random(begun)
    world = Kubernetes(spec_of(replicas=begun), random)
    for _ in range(ROUNDS_MAX):
        step(world, random)
        world.tick()
        if world.quorum and not forming(world.observe()):
            break
    assert len(world.voters) >= majority(begun)
    settle(world, random)
    changed(world, replicas=grown)
    for _ in range(ROUNDS_MAX):
        assert not forming(world.observe())
        if step(world, None):
            break
        world.tick()
    check_settled(world)


@pytest.mark.parametrize("seed", range(12))
def test_a_removed_members_volume_is_kept_until_its_place_is_wanted_again(seed: int) -> None:
    random = Random(seed)
    world = Kubernetes(spec_of(replicas=5), random)
    settle(world, random)
    before = {ordinal: disk.uid for ordinal, disk in world.disks.items()}
    changed(world, replicas=3)
    settle(world, random)
    check_settled(world)
    assert {ordinal: disk.uid for ordinal, disk in world.disks.items()} == before
    assert {ordinal for ordinal, disk in world.disks.items() if disk.retired} == {3, 4}
    drop(world, "StatefulSet")
    settle(world, random)
    check_settled(world)
    changed(world, replicas=4)
    settle(world, random)
    check_settled(world)
    now = {ordinal: disk.uid for ordinal, disk in world.disks.items()}
    assert now[3] != before[3] and {**now, 3: ""} == {**before, 3: ""}
    changed(world, storage={"retention": "Delete"})
    settle(world, random)
    check_settled(world)
    assert sorted(world.disks) == [0, 1, 2, 3]


@pytest.mark.parametrize("seed", range(6))
def test_it_sleeps_and_wakes_with_all_its_members(seed: int) -> None:
    random = Random(seed)
    world = Kubernetes(spec_of(replicas=3), random)
    settle(world, random)
    members, disks = dict(world.voters), {ordinal: disk.uid for ordinal, disk in world.disks.items()}
    changed(world, hibernated=True)
    settle(world, random)
    check_settled(world)
    changed(world, hibernated=False)
    settle(world, random)
    check_settled(world)
    assert (world.voters, {ordinal: disk.uid for ordinal, disk in world.disks.items()}) == (members, disks)
