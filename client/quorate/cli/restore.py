"""`quorate restore`."""

from __future__ import annotations

from pathlib import Path

import click

from quorate.cli.output import emit_fields
from quorate.cli.progress import bytes_progress
from quorate.cli.settings import Settings, pass_settings


@click.command("restore")
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--token", required=True, help="A name for this restore, new to the member and its peers: it can happen only once.")
@click.option("--max-time", type=click.IntRange(min=1), default=3600, show_default=True, metavar="SECONDS")
@pass_settings
def command(settings: Settings, file: Path, token: str, max_time: int) -> None:
    """Fill the empty member at --endpoints with snapshot FILE: a new cluster of one, with that content.

    The cluster and the member get new ids, and revisions go on beyond any that was issued. Add the other members afterwards.

    \b
    Example:
      quorate restore backup.snapshot --endpoints http://10.0.0.1:7301 --token restore-2031-01-02
      quorate members add http://10.0.0.2:7302 --endpoints http://10.0.0.1:7301
    """
    if len(settings.endpoint_list) != 1:
        raise click.UsageError("name exactly one member with --endpoints: the empty one that is to be filled")
    with bytes_progress(f"restoring {file.name}", settings.format) as progress:
        done = settings.run(lambda cluster: cluster.restore(file, token, progress=progress, timeout_s=max_time))
    emit_fields({"cluster_id": done.cluster_id, "member_id": done.member_id}, settings.format)
