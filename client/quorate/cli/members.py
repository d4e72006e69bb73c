"""`quorate members`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from quorate.cli.output import emit_fields, emit_json, emit_rows
from quorate.cli.settings import Settings, pass_settings
from quorate.cli.values import FROM_ZERO, find_member

if TYPE_CHECKING:
    from quorate.answers import Members
    from quorate.cluster import Cluster

COLUMNS = ("name", "member_id", "role", "state", "lag", "client_url")
expected = click.option(
    "--expect-configuration", "expected", type=FROM_ZERO, help="Refuse when the membership is not at this index any more."
)


@click.group("members")
def command() -> None:
    """List and change the cluster's members.

    A new member starts as a learner and is promoted by itself once it has caught up; a non-voting one never is. A MEMBER is named by id or
    by name.

    \b
    Examples:
      quorate members list
      quorate members add http://10.0.0.4:7302 --name node-4
      quorate members replace node-2 http://10.0.0.9:7302 --name node-9
      quorate members remove node-1
    """


async def _from_leader(cluster: Cluster) -> Members:
    """Only the leader knows how far the others are; without one, any member's list is better than none."""
    from quorate.exceptions import QuorateError

    try:
        leader = await cluster.leader(timeout_s=min(1.0, cluster.options.timeout_s))
        if leader.client_url:
            return await cluster.members(leader.client_url)
    except QuorateError:
        return await cluster.members()
    return await cluster.members()


@command.command("list")
@pass_settings
def list_members(settings: Settings) -> None:
    """List members, their roles, and how far each is behind the leader."""
    found = settings.run(_from_leader)
    rows: list[dict[str, object]] = []
    for each in found.members:
        progress = each.progress
        state = progress.state if progress is not None else ""
        lag = progress.lag_entries if progress is not None else ""
        rows.append(
            {
                "member_id": each.member_id,
                "name": each.name,
                "role": each.role,
                "state": state,
                "lag": lag,
                "client_url": each.client_url,
                "peer_url": each.peer_url,
                "priority": each.priority,
            }
        )
    if settings.format == "json":
        texts = [{name: str(value) if name in ("member_id", "lag") else value for name, value in row.items()} for row in rows]
        emit_json({"cluster_id": str(found.cluster_id), "configuration_index": str(found.configuration_index), "members": texts})
        return
    emit_rows(COLUMNS, rows, settings.format, title=f"cluster {found.cluster_id}, configuration {found.configuration_index}")


@command.command()
@click.argument("peer_url")
@click.option("--name", default="", help="What people call it.")
@click.option("--witness", is_flag=True, help="It votes and stores no data.")
@click.option("--non-voting", is_flag=True, help="It copies and serves, and is never promoted.")
@click.option("--priority", type=FROM_ZERO, default=0, help="The higher leads when it can.")
@expected
@pass_settings
def add(
    settings: Settings, peer_url: str, name: str, witness: bool, non_voting: bool, priority: int, expected: int | None
) -> None:
    """Add the member at PEER_URL. Prints its id."""
    if witness and non_voting:
        raise click.UsageError("--witness and --non-voting: a witness does nothing but vote; choose one")
    member_id = settings.run(
        lambda cluster: cluster.member_add(
            peer_url,
            name=name,
            witness=witness,
            non_voting=non_voting,
            priority=priority,
            expected_configuration_index=expected,
        )
    )
    emit_fields({"member_id": member_id}, settings.format)


@command.command()
@click.argument("member")
@expected
@pass_settings
def promote(settings: Settings, member: str, expected: int | None) -> None:
    """Make learner MEMBER a voter now."""

    async def work(cluster: Cluster) -> int:
        member_id = await find_member(cluster, member)
        await cluster.member_promote(member_id, expected_configuration_index=expected)
        return member_id

    emit_fields({"member_id": settings.run(work)}, settings.format)


@command.command()
@click.argument("member")
@expected
@pass_settings
def remove(settings: Settings, member: str, expected: int | None) -> None:
    """Remove MEMBER; refused when the others would have no quorum."""

    async def work(cluster: Cluster) -> int:
        member_id = await find_member(cluster, member)
        await cluster.member_remove(member_id, expected_configuration_index=expected)
        return member_id

    emit_fields({"member_id": settings.run(work)}, settings.format)


@command.command()
@click.argument("member")
@click.argument("peer_url")
@click.option("--name", default="", help="What people call the new one.")
@expected
@pass_settings
def replace(settings: Settings, member: str, peer_url: str, name: str, expected: int | None) -> None:
    """Put a new member at PEER_URL in the place of MEMBER. Prints the new id."""

    async def work(cluster: Cluster) -> int:
        member_id = await find_member(cluster, member)
        return await cluster.member_replace(member_id, peer_url, name=name, expected_configuration_index=expected)

    emit_fields({"member_id": settings.run(work)}, settings.format)
