"""`kubectl quorate transfer-leader`."""

from __future__ import annotations

import click

from quorate_operator.objects.identity import Object
from quorate_operator.plugin.arguments import cluster_argument, timeout_option
from quorate_operator.plugin.changes import Teller, report
from quorate_operator.plugin.clusters import Clusters, Seen
from quorate_operator.plugin.failures import NotFound, Refused
from quorate_operator.plugin.settings import Settings, pass_settings

CAUGHT_UP = ("None", "Small")


@click.command("transfer-leader")
@cluster_argument
@click.argument("pod", metavar="[POD]", required=False)
@click.option("--keep", is_flag=True, help="Leave the preference in the resource: the leadership comes back to POD whenever all is well.")
@click.option("--clear", is_flag=True, help="Take a preference that was kept away again, and move nothing.")
@timeout_option("60s")
@pass_settings
def command(settings: Settings, name: str, pod: str | None, keep: bool, clear: bool, timeout_ms: int) -> None:
    """Move the leadership of CLUSTER to POD, or to any other member that has caught up.

    \b
    It sets spec.placement.preferredLeader, waits until that pod leads, and sets the field back to what it was. The operator moves
    the leadership only while all members are well; writes wait for a few milliseconds.

    \b
    Examples:
      kubectl quorate transfer-leader orders
      kubectl quorate transfer-leader orders orders-2 --keep
      kubectl quorate transfer-leader orders --clear
    """
    if clear and (pod or keep):
        raise click.UsageError("--clear takes no POD and no --keep")
    if clear:
        found, changed = settings.run(lambda clusters: clusters.edit(name, lambda now: _preferring(now, "")))
        report(settings, found, changed, "no pod is preferred as leader any more" if changed else "no pod was preferred as leader")
        return
    tell = Teller(settings.format != "json")
    found, heir, changed = settings.run(lambda clusters: _transfer(clusters, name, pod, keep, timeout_ms / 1000, tell))
    kept = ", and is preferred from now on" if keep else ""
    report(settings, found, changed, f"{heir} leads in term {found.status.term}{kept}" if changed else f"{heir} leads already{kept}")


async def _transfer(clusters: Clusters, name: str, pod: str | None, keep: bool, timeout_s: float, tell: Teller) -> tuple[Seen, str, bool]:
    """The resource at the end, who leads, and whether that is another one than before."""
    found = await clusters.get(name)
    heir = chosen_heir(found, pod)
    before = found.spec.get("placement", {}).get("preferredLeader", "")
    if found.status.leader == heir:
        if keep:
            found, _ = await clusters.edit(name, lambda now: _preferring(now, heir))
        return found, heir, False
    await clusters.edit(name, lambda now: _preferring(now, heir))
    try:
        found = await clusters.wait(name, f"{heir} does not lead", lambda now: now.status.leader == heir, timeout_s, tell)
    finally:
        # Also after an interrupt or a time-out: nobody wants the leadership to move an hour later.
        if not keep:
            found, _ = await clusters.edit(name, lambda now: _preferring(now, before))
    return found, heir, True


def chosen_heir(found: Seen, pod: str | None) -> str:
    """Raises `NotFound` and `Refused`, before anything is changed."""
    if found.spec.get("paused"):
        raise Refused("spec.paused is true: the operator moves nothing", f"`kubectl quorate resume {found.name}` first")
    if found.spec.get("hibernated"):
        raise Refused("the cluster is hibernated: nobody leads", f"`kubectl quorate wake {found.name}` first")
    members = {member.pod: member for member in found.status.members}
    if pod is None:
        able = [each.pod for each in found.status.members if each.role == "follower" and each.lag in CAUGHT_UP]
        if not able:
            raise Refused("no other member has caught up", f"look at `kubectl quorate members {found.name}`")
        return able[0]
    if pod not in members:
        there = ", ".join(members) or "its pods, once there are any"
        raise NotFound(f"{pod} is no pod of {found.namespace}/{found.name}", f"name one of {there}")
    member = members[pod]
    if member.role != "leader" and (member.role != "follower" or member.lag not in CAUGHT_UP):
        raise Refused(f"{pod} cannot lead: its role is {member.role} and its lag {member.lag}", "name a follower that has caught up")
    return pod


def _preferring(found: Seen, pod: str) -> Object | None:
    same = found.spec.get("placement", {}).get("preferredLeader", "") == pod
    return None if same else {"placement": {"preferredLeader": pod}}
