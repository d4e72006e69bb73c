"""`kubectl quorate members`."""

from __future__ import annotations

import click

from quorate.cli.output import emit_json, emit_rows
from quorate_operator.plugin.arguments import cluster_argument
from quorate_operator.plugin.settings import Settings, pass_settings
from quorate_operator.plugin.view import member_rows


@click.command("members")
@cluster_argument
@pass_settings
def command(settings: Settings, name: str) -> None:
    """List the members of CLUSTER: who leads, how far the others are, on which nodes.

    \b
    Examples:
      kubectl quorate members orders
      kubectl quorate members orders -o json | jq -r '.[] | select(.role == "unreachable") | .pod'
    """
    found = settings.run(lambda clusters: clusters.get(name))
    if settings.format == "json":
        emit_json([member.model_dump(by_alias=True) for member in found.status.members])
        return
    rows = member_rows(found)
    if rows:
        emit_rows(tuple(rows[0]), rows, settings.format)
    else:
        why = found.status.phase or "the operator has not looked yet"
        click.echo(f"{found.namespace}/{found.name}: no pod is there ({why}).", err=True)
