"""Volumes: who owns them, which member is on them, and how large they are."""

from __future__ import annotations

from quorate_operator.api.quantity import amount
from quorate_operator.decide.actions import Apply, Recreate
from quorate_operator.decide.outcome import COMPLETE, Do, Outcome, Wait
from quorate_operator.decide.world import Volume, World
from quorate_operator.objects.claims import claim


def volumes(world: World) -> Outcome:
    for volume in world.volumes:
        if volume.deleting:
            continue
        member_id = _member_id(world, volume)
        why = _why(world, volume, member_id)
        if why:
            # Whoever is on it now is another member than the one that was voted out.
            retired = volume.retired and member_id == volume.member_id
            item = claim(world.spec, world.identity, volume.name, volume.uid, volume.size, member_id, retired=retired)
            return Do(Apply(item), "Volumes", f"{volume.name}: {why}")
    return COMPLETE


def _why(world: World, volume: Volume, member_id: int) -> str:
    if volume.owned != (world.spec.storage.retention == "Delete"):
        return f"spec.storage.retention is {world.spec.storage.retention}"
    return f"it holds member {member_id}" if member_id != volume.member_id else ""


def _member_id(world: World, volume: Volume) -> int:
    """The identity that its pod shows now; what was seen before while none does."""
    pod = world.pod(world.identity.pod(volume.ordinal))
    shown = pod.answer.member_id if pod is not None and pod.answer is not None and not pod.deleting else 0
    return shown or volume.member_id


def expansion(world: World) -> Outcome:
    """The volumes grow; then the StatefulSet is made anew around its running pods, for its volume template cannot be changed."""
    found, wanted = world.workload, world.spec.storage.size
    if found is None:
        return COMPLETE
    for volume in world.volumes:
        if volume.deleting or volume.retired or amount(volume.size) >= amount(wanted):
            continue
        if not volume.expandable:
            message = (
                f"{volume.name} has {volume.size} and is to have {wanted}: its StorageClass does not allow expansion."
                " Set allowVolumeExpansion in it, or make a new cluster on another class and restore a snapshot into it"
            )
            return Wait("VolumeNotExpandable", message, holds=False, degraded=True)
        item = claim(world.spec, world.identity, volume.name, volume.uid, wanted, volume.member_id)
        return Do(Apply(item), "Volumes", f"{volume.name}: it grows from {volume.size} to {wanted}")
    if amount(found.volume_size) != amount(world.spec.storage.size):
        message = f"new volumes are to have {world.spec.storage.size}: the StatefulSet is made anew, its pods run on"
        return Do(Recreate(found.uid), "Volumes", message)
    in_use = [volume for volume in world.volumes if not (volume.deleting or volume.retired)]
    growing = [volume.name for volume in in_use if amount(volume.capacity) < amount(volume.size)]
    if growing:
        return Wait("VolumeExpanding", f"{growing[0]} is growing; some classes need the pod's restart for it", holds=False)
    return COMPLETE
