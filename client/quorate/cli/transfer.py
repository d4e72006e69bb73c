"""`quorate transfer`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from quorate.cli.output import emit_fields
from quorate.cli.settings import Settings, pass_settings
from quorate.cli.values import find_member

if TYPE_CHECKING:
    from quorate.answers import LeaderInfo
    from quorate.cluster import Cluster


@click.command("transfer")
@click.argument("member", required=False)
@click.option("--step-down", is_flag=True, help="Only make the leader step down; an election follows.")
@click.option("--from", "leaving", metavar="MEMBER", help="Do nothing unless this member (id or name) leads.")
@pass_settings
def command(settings: Settings, member: str | None, step_down: bool, leaving: str | None) -> None:
    """Move leadership to MEMBER (id or name), or to the follower that is furthest.

    \b
    Examples:
      quorate transfer
      quorate transfer node-2
      quorate transfer --from "$(hostname)"     before this machine is stopped
    """
    if step_down and (member is not None or leaving is not None):
        raise click.UsageError("--step-down takes no MEMBER")

    async def work(cluster: Cluster) -> LeaderInfo | None:
        if step_down:
            await cluster.step_down()
            return None
        if leaving is not None:
            leader = await cluster.leader()
            if leader.member_id != await find_member(cluster, leaving):
                return leader
        return await cluster.transfer(await find_member(cluster, member) if member is not None else 0)

    leader = settings.run(work)
    if leader is not None:
        emit_fields({"member_id": leader.member_id, "client_url": leader.client_url}, settings.format)
