"""A cluster is founded once: recorded first, then asked for by one call that may be repeated; and never again."""

from __future__ import annotations

from quorate_operator.decide.actions import Create, Found
from quorate_operator.decide.outcome import COMPLETE, Do, Outcome, Wait
from quorate_operator.decide.steps.rollout import outdated
from quorate_operator.decide.world import Pod, World
from quorate_operator.objects.records import cluster_record, founding_record

_LOST = (
    "this cluster was founded before and no member has its data: {}. It is not founded again. Bring the volumes back, or restore a"
    " snapshot into a new resource"
)


def founding(world: World) -> Outcome:
    """Complete as soon as any member belongs to a cluster."""
    if world.cluster_id:
        return COMPLETE
    if world.recorded_cluster_id or any(volume.member_id for volume in world.volumes):
        return _lived_before(world)
    if world.founding is None:
        return _record(world)
    old = next((pod.name for pod, _ in outdated(world) if pod.answer is None), "")
    if old:
        # The founding call asks every pod, and one that cannot start never answers: it is replaced first.
        return Wait("Starting", f"{old} has not started and is to be replaced before the cluster is founded", holds=False)
    pod = world.pod(world.founding.pod)
    volume = world.volume(pod.ordinal) if pod is not None else None
    if volume is not None and volume.uid != world.founding.volume_uid:
        return Wait("DataLost", _LOST.format(f"the volume of {world.founding.pod} is another one"), degraded=True)
    if pod is None or volume is None or pod.answer is None:
        return Wait("Starting", f"{world.founding.pod} is to found the cluster and has not started{_trouble(pod)}", holds=False)
    return Do(Found(pod.name, world.founding.token), "Founding", f"{pod.name} makes a cluster of one; the others join it")


def _record(world: World) -> Outcome:
    ready = [(pod, world.volume(pod.ordinal)) for pod in world.pods if pod.answer is not None and not pod.deleting]
    for pod, volume in sorted(ready, key=lambda each: each[0].ordinal):
        if volume is not None and not volume.deleting:
            record = founding_record(world.identity, pod.name, volume.uid)
            return Do(Create(record), "Founding", f"{pod.name} has started: that it is to found the cluster is recorded first")
    # What keeps them from it may be the spec itself: later steps bring a better one to pods that do not run, through the gate.
    return Wait("Starting", f"no pod has started yet{_trouble(next(iter(world.pods), None))}", holds=False)


def _lived_before(world: World) -> Outcome:
    silent = [pod.name for pod in world.pods if pod.answer is None]
    expected = world.workload.replicas if world.workload is not None else 0
    if silent or len(world.pods) < expected:
        return Wait("Starting", f"waiting for {silent[0] if silent else 'the members'} to answer", holds=False, degraded=True)
    return Wait("DataLost", _LOST.format("all of them started with empty volumes"), degraded=True)


def _trouble(pod: Pod | None) -> str:
    return f": {pod.trouble}" if pod is not None and pod.trouble else ""


def record(world: World) -> Outcome:
    """The cluster's id, written down once: from then on empty volumes are lost data, not a new cluster."""
    if not world.cluster_id:
        return COMPLETE
    if not world.recorded_cluster_id:
        return Do(Create(cluster_record(world.identity, str(world.cluster_id))), "Recording", "the cluster lives: its id is recorded")
    ours = ("0", world.recorded_cluster_id)
    foreign = [pod.name for pod in world.pods if pod.answer is not None and str(pod.answer.cluster_id) not in ours]
    if foreign:
        message = f"{foreign[0]} belongs to another cluster than {world.recorded_cluster_id}: its volume is not this resource's; remove it"
        return Wait("ForeignVolume", message, degraded=True)
    return COMPLETE
