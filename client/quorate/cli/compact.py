"""`quorate compact`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from quorate.cli.output import emit_fields
from quorate.cli.settings import Settings, pass_settings
from quorate.cli.values import FROM_ONE

if TYPE_CHECKING:
    from quorate.cluster import Cluster


@click.command("compact")
@click.argument("revision", type=FROM_ONE, required=False)
@click.option("--now", is_flag=True, help="Up to the present revision.")
@pass_settings
def command(settings: Settings, revision: int | None, now: bool) -> None:
    """Forget the history of keys up to and including REVISION. What is alive stays.

    Watches and reads from before it are refused from then on.

    \b
    Examples:
      quorate compact 120000
      quorate compact --now
    """
    if (revision is None) != now:
        raise click.UsageError("give a REVISION, or --now")

    async def work(cluster: Cluster) -> int:
        upto = revision or (await cluster.range(b"\x00", count_only=True, consistency="linearizable")).revision
        await cluster.compact(upto)
        return upto

    emit_fields({"compacted": settings.run(work)}, settings.format)
