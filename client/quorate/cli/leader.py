"""`quorate leader`."""

from __future__ import annotations

import click

from quorate.cli.output import emit_fields
from quorate.cli.settings import Settings, pass_settings


@click.command("leader")
@pass_settings
def command(settings: Settings) -> None:
    """Print which member leads, and where clients reach it. Exit code 3 when none does.

    \b
    Example:
      quorate leader -o json
    """
    leader = settings.run(lambda cluster: cluster.leader())
    emit_fields({"member_id": leader.member_id, "client_url": leader.client_url}, settings.format)
