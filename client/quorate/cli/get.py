"""`quorate get`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from quorate.cli.exits import Exit
from quorate.cli.key_range import KeyRange, takes_key_range
from quorate.cli.output import KV_COLUMNS, emit_json, emit_line, emit_table, kv_json, kv_row, plain
from quorate.cli.settings import Settings, pass_settings
from quorate.cli.values import FROM_ZERO

if TYPE_CHECKING:
    from quorate.cluster import Cluster
    from quorate.wire.results import RangeResult

TABLE_KEYS_MAX = 10_000


@click.command("get")
@takes_key_range("lists")
@click.option("--limit", type=FROM_ZERO, default=0, help="At most so many.")
@click.option("--revision", type=FROM_ZERO, default=0, help="As it was at this revision.")
@click.option("--sort-by", type=click.Choice(["key", "version", "create", "modify", "value"]), default="key")
@click.option("--order", type=click.Choice(["none", "ascend", "descend"]), default="none")
@click.option("--keys-only", is_flag=True)
@click.option("--count-only", is_flag=True)
@pass_settings
def command(
    settings: Settings,
    keys: KeyRange,
    limit: int,
    revision: int,
    sort_by: str,
    order: str,
    keys_only: bool,
    count_only: bool,
) -> int:
    """Read KEY, or the keys from KEY up to RANGE_END, or all that begin with KEY. Exit code 4 when KEY is not there.

    Plain output of one key is its value, as it is; of many, `key<TAB>value` with tabs and line ends escaped.

    \b
    Examples:
      quorate get greeting
      quorate get --prefix config/ --keys-only
      quorate get --prefix jobs/ --sort-by create --order descend --limit 10
      quorate -o json get greeting --revision 42
    """
    start, end, prefix, key = keys
    single = keys.single
    whole = not single and not limit and order == "none" and not count_only

    async def read(cluster: Cluster) -> RangeResult:
        return await cluster.range(
            start,
            end,
            prefix=prefix,
            limit=limit or (TABLE_KEYS_MAX if settings.format == "table" and not single and not count_only else 0),
            revision=revision,
            sort_target=sort_by,
            sort_order=order,
            keys_only=keys_only,
            count_only=count_only,
        )

    async def scan(cluster: Cluster) -> None:
        async for kv in cluster.scan(start, end, prefix=prefix, revision=revision, keys_only=keys_only):
            emit_line(*((plain(kv.key),) if keys_only else (plain(kv.key), plain(kv.value))))

    if whole and settings.format == "plain":
        settings.run(scan)
        return Exit.OK
    found = settings.run(read)
    _print(found, settings.format, single, keys_only, count_only)
    if single and found.count == 0:
        click.echo(f"quorate: KeyNotFound: {key} is not there", err=True)
        return Exit.NOT_FOUND
    return Exit.OK


def _print(found: RangeResult, output: str, single: bool, keys_only: bool, count_only: bool) -> None:
    if output == "json":
        kvs = [kv_json(kv) for kv in found.kvs]
        emit_json({"revision": str(found.revision), "kvs": kvs, "count": str(found.count), "more": found.more})
    elif count_only:
        emit_line(found.count)
    elif output == "table":
        shown = f"{len(found.kvs)} of {found.count} keys at revision {found.revision}"
        emit_table(KV_COLUMNS, (kv_row(kv) for kv in found.kvs), caption=shown + ("; --limit shows more" if found.more else ""))
    elif single and found.kvs and not keys_only:
        # As it is: this is how a file that was put comes back, byte for byte, but for the line end that a terminal wants.
        sys.stdout.flush()
        sys.stdout.buffer.write(found.kvs[0].value + b"\n")
        sys.stdout.buffer.flush()
    else:
        for kv in found.kvs:
            emit_line(*((plain(kv.key),) if keys_only else (plain(kv.key), plain(kv.value))))
