"""`kubectl quorate status`."""

from __future__ import annotations

import asyncio

import click

from quorate.cli.output import emit_json, emit_rows
from quorate_operator.objects.identity import Object
from quorate_operator.plugin.arguments import cluster_names
from quorate_operator.plugin.clusters import Clusters, Seen
from quorate_operator.plugin.settings import Settings, pass_settings
from quorate_operator.plugin.view import CLUSTER_COLUMNS, cluster_row, condition_rows, dashboard, headline, member_rows, notices, plan_rows

REFRESH_S = 1.0


@click.command("status")
@click.argument("name", metavar="[CLUSTER]", required=False, shell_complete=cluster_names)
@click.option("-A", "--all-namespaces", "everywhere", is_flag=True, help="Clusters of all namespaces.")
@click.option("-w", "--watch", is_flag=True, help="Follow it until Ctrl-C: live on a terminal, a line at each change otherwise.")
@pass_settings
def command(settings: Settings, name: str | None, everywhere: bool, watch: bool) -> None:
    """Show how CLUSTER stands: conditions, members, and what is done next. Without a name: all clusters.

    \b
    Examples:
      kubectl quorate status
      kubectl quorate status orders -n shop --watch
      kubectl quorate status orders -o json | jq -r .status.leader
    """
    if name is None:
        if watch:
            raise click.UsageError("--watch follows one cluster: name it")
        _show_all(settings, everywhere)
    elif watch:
        settings.run(lambda clusters: _follow(settings, clusters, name))
    else:
        _show(settings, settings.run(lambda clusters: clusters.get(name)))


def _show_all(settings: Settings, everywhere: bool) -> None:
    found = settings.run(lambda clusters: clusters.list(everywhere=everywhere))
    ordered = sorted(found, key=lambda each: (each.namespace, each.name))
    if settings.format == "json":
        emit_json([document(each) for each in ordered])
    elif ordered or settings.format == "plain":
        emit_rows(CLUSTER_COLUMNS, [cluster_row(each) for each in ordered], settings.format)
    else:
        click.echo("There is no ConsensusCluster here; `kubectl quorate status -A` looks in all namespaces.", err=True)


def document(found: Seen) -> Object:
    """Stable: fields may be added, never changed."""
    return {
        "namespace": found.namespace,
        "name": found.name,
        "generation": found.generation,
        "up_to_date": found.up_to_date,
        "spec": found.spec,
        "status": found.item.get("status", {}),
    }


def _show(settings: Settings, found: Seen) -> None:
    if settings.format == "json":
        emit_json(document(found))
    elif settings.format == "table":
        from rich.console import Console

        Console().print(dashboard(found))
    else:
        _plain(found)


def _plain(found: Seen) -> None:
    for line in [headline(found), *notices(found)]:
        click.echo(line)
    for kind, rows in (("condition", condition_rows(found)), ("member", member_rows(found)), ("plan", plan_rows(found))):
        for row in rows:
            click.echo("\t".join([kind, *(str(value) for value in row.values())]))


async def _follow(settings: Settings, clusters: Clusters, name: str) -> None:
    if settings.format == "table":
        await _live(clusters, name)
        return
    before: object = None
    while True:
        found = await clusters.get(name)
        now = (found.item.get("status"), found.generation)
        if now != before:
            before = now
            if settings.format == "json":
                emit_json(document(found))
            else:
                click.echo(headline(found) + "".join(f"; {each.waits_for or each.why}" for each in found.status.plan[-1:]))
        await asyncio.sleep(REFRESH_S)


async def _live(clusters: Clusters, name: str) -> None:
    """An API server that is away for a while leaves the last view on the screen, with a line about it."""
    from rich.console import Group
    from rich.live import Live
    from rich.text import Text

    from quorate_operator.clients.errors import ApiUnreachable

    shown = dashboard(await clusters.get(name))
    with Live(shown, screen=False, auto_refresh=False) as live:
        while True:
            try:
                shown = dashboard(await clusters.get(name))
                live.update(shown, refresh=True)
            except ApiUnreachable as failure:
                live.update(Group(shown, Text(f"\nThe API server does not answer: {failure}", style="red")), refresh=True)
            await asyncio.sleep(REFRESH_S)
