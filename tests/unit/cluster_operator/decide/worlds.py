"""Worlds for tests of single steps: a settled one, and what is changed in it."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from random import Random
from typing import Any

from quorate_operator.decide.order import decide
from quorate_operator.decide.outcome import Do
from quorate_operator.decide.world import Member, Pod, Volume, World
from tests.unit.cluster_operator.decide.model import IDENTITY, Kubernetes
from tests.unit.cluster_operator.resources import spec_of


@cache
def settled(replicas: int = 3) -> World:
    """A cluster as it is when nothing is left to do."""
    kubernetes = Kubernetes(spec_of(replicas=replicas), Random(1))
    for _ in range(400):
        decision = decide(kubernetes.observe())
        if not decision.open:
            return kubernetes.observe()
        if decision.due is not None and isinstance(decision.due.outcome, Do):
            kubernetes.carry_out(decision.due.outcome.action)
        kubernetes.tick()
    raise AssertionError("does not settle")


def wanting(world: World, **fields: Any) -> World:
    """The same world under another spec."""
    return replace(world, spec=spec_of(**{"replicas": world.spec.replicas, **fields}))


def with_pod(world: World, ordinal: int, **fields: Any) -> World:
    pods = tuple(replace(pod, **fields) if pod.ordinal == ordinal else pod for pod in world.pods)
    return replace(world, pods=pods)


def with_volume(world: World, ordinal: int, **fields: Any) -> World:
    volumes = tuple(replace(volume, **fields) if volume.ordinal == ordinal else volume for volume in world.volumes)
    return replace(world, volumes=volumes)


def leader_ordinal(world: World) -> int:
    assert world.membership is not None
    leader = next(member for member in world.members if member.member_id == world.membership.leader_id)
    ordinal = IDENTITY.ordinal(leader.name)
    assert ordinal is not None
    return ordinal


def follower_ordinals(world: World) -> list[int]:
    return [pod.ordinal for pod in world.pods if pod.ordinal != leader_ordinal(world)]


def led_by(world: World, ordinal: int) -> World:
    assert world.membership is not None
    for pod in world.pods:
        if pod.answer is not None:
            world = with_pod(world, pod.ordinal, answer=replace(pod.answer, role="leader" if pod.ordinal == ordinal else "follower"))
    assert world.membership is not None
    return replace(world, membership=replace(world.membership, leader_id=member_of(world, ordinal).member_id))


def member_of(world: World, ordinal: int) -> Member:
    return next(member for member in world.members if member.name == IDENTITY.pod(ordinal))


def pod_at(world: World, ordinal: int) -> Pod:
    return next(pod for pod in world.pods if pod.ordinal == ordinal)


def volume_at(world: World, ordinal: int) -> Volume:
    return next(volume for volume in world.volumes if volume.ordinal == ordinal)
