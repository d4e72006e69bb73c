"""What is to be waited for although nobody has to do anything: members that start, that are away, and a leader that is not there."""

from __future__ import annotations

from quorate_operator.decide.outcome import COMPLETE, Outcome, Wait
from quorate_operator.decide.quorum import healthy, voters
from quorate_operator.decide.world import World


def wellbeing(world: World) -> Outcome:
    if world.workload is not None and len(world.pods) < world.workload.replicas:
        if world.workload.trouble:
            return Wait("PodTrouble", f"pods cannot be made: {world.workload.trouble}", holds=False, degraded=True)
        return Wait("Starting", f"{len(world.pods)} of {world.workload.replicas} pods are there", holds=False)
    troubled = next((pod for pod in world.pods if pod.trouble), None)
    if troubled is not None:
        return Wait("PodTrouble", f"{troubled.name} does not run: {troubled.trouble}", holds=False, degraded=True)
    if world.membership is None and not (world.cluster_id or world.recorded_cluster_id):
        return COMPLETE  # There is no cluster yet that could have a leader: founding says what it waits for.
    if world.membership is None:
        return Wait("NoLeader", "no leader answers: an election is under way, or there is no quorum", holds=False, degraded=True)
    away = [member.name for member in voters(world) if not healthy(world, member)]
    if away:
        return Wait("MemberAway", f"{away[0]} is away or behind", holds=False, degraded=True)
    going = [pod.name for pod in world.pods if pod.deleting]
    return Wait("RestartInProgress", f"{going[0]} is on its way out", holds=False) if going else COMPLETE
