"""`quorate delete`."""

from __future__ import annotations

import click

from quorate.cli.key_range import KeyRange, takes_key_range
from quorate.cli.output import KV_COLUMNS, emit_json, emit_line, emit_table, kv_json, kv_row
from quorate.cli.settings import Settings, pass_settings


@click.command("delete")
@takes_key_range()
@click.option("--previous", is_flag=True, help="Also print what was deleted.")
@pass_settings
def command(settings: Settings, keys: KeyRange, previous: bool) -> None:
    """Delete KEY, or the keys from KEY up to RANGE_END, or all that begin with KEY. Prints how many there were.

    \b
    Examples:
      quorate delete greeting
      quorate delete --prefix jobs/done/
      quorate delete --previous -o json greeting
    """
    result = settings.run(lambda cluster: cluster.delete(keys.start, keys.end, prefix=keys.prefix, previous=previous))
    if settings.format == "json":
        gone = [kv_json(kv) for kv in result.previous]
        emit_json({"revision": str(result.revision), "deleted": str(result.deleted), "previous": gone})
    elif settings.format == "plain":
        emit_line(result.deleted)
    else:
        click.echo(f"{result.deleted} deleted at revision {result.revision}")
        if result.previous:
            emit_table(KV_COLUMNS, (kv_row(kv) for kv in result.previous), title="previous")
