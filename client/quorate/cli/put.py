"""`quorate put`."""

from __future__ import annotations

import click

from quorate.cli.output import KV_COLUMNS, emit_json, emit_line, emit_table, kv_json, kv_row
from quorate.cli.settings import Settings, pass_settings
from quorate.cli.values import IDENTIFIER, key_bytes, value_bytes


@click.command("put")
@click.argument("key")
@click.argument("value", required=False)
@click.option("--lease", type=IDENTIFIER, default=0, help="Delete the key when this lease ends.")
@click.option("--previous", is_flag=True, help="Also print what the key had.")
@click.option("--ignore-value", is_flag=True, help="Keep the value (change the lease only).")
@click.option("--ignore-lease", is_flag=True, help="Keep the lease (change the value only).")
@click.option("--literal", is_flag=True, help="VALUE is meant as it is, even `-` or `@name`.")
@click.option("--base64", "is_base64", is_flag=True, help="KEY and VALUE are base64.")
@pass_settings
def command(
    settings: Settings,
    key: str,
    value: str | None,
    lease: int,
    previous: bool,
    ignore_value: bool,
    ignore_lease: bool,
    literal: bool,
    is_base64: bool,
) -> None:
    """Set KEY to VALUE. `-` reads the value from stdin, `@FILE` from a file.

    \b
    Examples:
      quorate put greeting hello
      quorate put config/app.json @app.json
      date | quorate put last-run -
      quorate put workers/7 here --lease 8123456789
    """
    if (value is None) != ignore_value:
        raise click.UsageError("give a VALUE, or --ignore-value to keep the one that is there")
    content = b"" if value is None else value_bytes(value, is_base64, literal)
    name = key_bytes(key, is_base64)
    result = settings.run(
        lambda cluster: cluster.put(name, content, lease=lease, previous=previous, ignore_value=ignore_value, ignore_lease=ignore_lease)
    )
    if settings.format == "json":
        emit_json({"revision": str(result.revision), "previous": kv_json(result.previous) if result.previous else None})
    elif settings.format == "plain":
        emit_line(result.revision)
    else:
        click.echo(f"revision {result.revision}")
        if result.previous is not None:
            emit_table(KV_COLUMNS, [kv_row(result.previous)], title="previous")
