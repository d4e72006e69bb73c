"""`kubectl quorate plan`."""

from __future__ import annotations

import click

from quorate.cli.output import emit_json, emit_rows
from quorate_operator.plugin.arguments import cluster_argument
from quorate_operator.plugin.settings import Settings, pass_settings
from quorate_operator.plugin.view import PLAN_COLUMNS, notices, plan_rows


@click.command("plan")
@cluster_argument
@pass_settings
def command(settings: Settings, name: str) -> None:
    """Say what the operator does to CLUSTER next, why, and what it waits for; the last line is what is under way.

    \b
    Examples:
      kubectl quorate plan orders
      kubectl quorate plan orders -o json | jq -r '.[-1].waitsFor'
    """
    found = settings.run(lambda clusters: clusters.get(name))
    if settings.format == "json":
        emit_json([item.model_dump(by_alias=True) for item in found.status.plan])
        return
    for each in notices(found):
        click.echo(each, err=True)
    rows = plan_rows(found)
    if rows:
        emit_rows(PLAN_COLUMNS, rows, settings.format)
    else:
        click.echo(f"{found.namespace}/{found.name}: nothing is to be done.", err=settings.format == "plain")
