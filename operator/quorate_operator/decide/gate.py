"""The one restart gate: every voluntary disruption passes it (DESIGN decision 15)."""

from __future__ import annotations

from quorate_operator.decide.actions import Transfer
from quorate_operator.decide.outcome import COMPLETE, Complete, Do, Wait
from quorate_operator.decide.quorum import healthy, leads, majority, member_in, others_commit, successor, voters
from quorate_operator.decide.world import Member, Pod, World


def gate(world: World, pod: Pod) -> Complete | Wait | Do:
    """Complete: this pod may be taken away now. Do: the leadership must move first. Wait: not now, and why.

    A pod that takes no part may go whenever no other is on its way: nothing is lost with it, and it may be what heals it. One that
    does may go only when all other voters take part and have caught up, so that never two are away at once.
    """
    going = [each.name for each in world.pods if each.deleting]
    if going:
        return Wait("RestartInProgress", f"{going[0]} is on its way out", holds=False)
    member = member_in(world, pod) or next((each for each in world.members if each.name == pod.name), None)
    if member is None or not healthy(world, member):
        return _without(world, pod, member)
    away = [each.name for each in voters(world) if each != member and not healthy(world, each)]
    if away:
        return Wait("MemberAway", f"{away[0]} is away or behind: {pod.name} stays until it has caught up", holds=False)
    if leads(world, member):
        heir = successor(world, member)
        if heir is not None:
            return Do(Transfer(heir.member_id), "MovingLeader", f"{pod.name} leads and is to go: {heir.name} takes over first")
    count = len(voters(world))
    # One or two members have no quorum without one of them: an interruption is what was asked for with so few.
    assert count <= 2 or not member.voter or count - 1 >= majority(count)
    return COMPLETE


def _without(world: World, pod: Pod, member: Member | None) -> Complete | Wait:
    """A pod that takes no part, as far as is seen from here. Kubernetes calling it ready while nobody answers means that it is we who are
    cut off, and then nothing is known of any."""
    if pod.ready and pod.answer is None:
        return Wait("Unreachable", f"{pod.name} is ready and does not answer the operator: nothing is known of it", holds=False)
    if world.membership is None and pod.answer is not None and pod.answer.member_id:
        return Wait("NoLeader", "no leader answers: nothing that may be part of a quorum is touched", holds=False)
    if member is not None and member.voter and not others_commit(world, member):
        return Wait("QuorumAtRisk", f"the others are no quorum without {pod.name}: they come first", holds=False)
    return COMPLETE
