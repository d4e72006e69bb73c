"""`quorate delete`."""

from __future__ import annotations

import click

from quorate.cli.output import KV_COLUMNS, emit_json, emit_line, emit_table, kv_json, kv_row
from quorate.cli.settings import Settings, pass_settings
from quorate.cli.values import key_bytes


@click.command("delete")
@click.argument("key")
@click.argument("range_end", required=False)
@click.option("--prefix", is_flag=True, help="All keys that begin with KEY.")
@click.option("--from-key", is_flag=True, help="All keys from KEY on.")
@click.option("--previous", is_flag=True, help="Also print what was deleted.")
@click.option("--base64", "is_base64", is_flag=True, help="KEY and RANGE_END are base64.")
@pass_settings
def command(settings: Settings, key: str, range_end: str | None, prefix: bool, from_key: bool, previous: bool, is_base64: bool) -> None:
    """Delete KEY, or the keys from KEY up to RANGE_END, or all that begin with KEY. Prints how many there were.

    \b
    Examples:
      quorate delete greeting
      quorate delete --prefix jobs/done/
      quorate delete --previous -o json greeting
    """
    if sum((prefix, from_key, range_end is not None)) > 1:
        raise click.UsageError("RANGE_END, --prefix and --from-key exclude each other")
    start = key_bytes(key, is_base64)
    end = b"\x00" if from_key else key_bytes(range_end or "", is_base64, "RANGE_END")
    result = settings.run(lambda cluster: cluster.delete(start, end, prefix=prefix, previous=previous))
    if settings.format == "json":
        gone = [kv_json(kv) for kv in result.previous]
        emit_json({"revision": str(result.revision), "deleted": str(result.deleted), "previous": gone})
    elif settings.format == "plain":
        emit_line(result.deleted)
    else:
        click.echo(f"{result.deleted} deleted at revision {result.revision}")
        if result.previous:
            emit_table(KV_COLUMNS, (kv_row(kv) for kv in result.previous), title="previous")
